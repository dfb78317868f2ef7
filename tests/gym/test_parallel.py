"""An agent for each cell: PettingZoo's own test, and the same region as the one agent sees and is paid for."""

import warnings

import gymnasium
import numpy as np
import pytest
from pettingzoo.test import api_test, parallel_api_test, parallel_seed_test
from pettingzoo.utils.conversions import parallel_to_aec

import testbed.gym
from testbed.gym.parallel import EdgeOffloadCells
from testbed.model.errors import UsageError

CELLS = "cells=[{es: {cpu: 4 GHz}, ues: 2}, {es: {cpu: 2 GHz}, ues: 1}, {es: {cpu: 3 GHz}, ues: 3}]"


@pytest.mark.parametrize("options", [{}, {"observation": "paper"}, {"settings": [CELLS], "episode_slots": 0}])
def test_pettingzoos_own_tests_pass(options):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        parallel_api_test(EdgeOffloadCells(**options), num_cycles=400)
        parallel_seed_test(lambda: EdgeOffloadCells(**options))


@pytest.mark.parametrize("actions", ["multibinary", "multidiscrete"])
def test_agents_may_also_act_in_turns(actions):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        api_test(parallel_to_aec(EdgeOffloadCells(episode_slots=10, actions=actions)), 60)


@pytest.mark.parametrize("observation", ["full", "paper"])
@pytest.mark.parametrize("team", [0.0, 0.25, 1.0])
def test_cells_see_and_earn_their_parts_of_the_region(observation, team):
    options = {"settings": [CELLS, f"agent.team={team}", "density=0.9"], "observation": observation}
    cells, region = EdgeOffloadCells(**options), gymnasium.make(testbed.gym.ID, **options)
    views, seen = cells.reset(seed=3)[0], region.reset(seed=3)[0]
    assert cells.agents == ["cell-1", "cell-2", "cell-3"]
    alone = 0.0
    for _ in range(20):
        views, rewards, *_, infos = cells.step({"cell-3": [1, 0, 1], "cell-1": [0, 1], "cell-2": [1]})
        seen, reward, *_, info = region.step([0, 1, 1, 1, 0, 1])
        assert (cells.state() == seen).all()
        assert all(views[agent] in cells.observation_space(agent) for agent in views)
        if team == 1.0:
            assert list(rewards.values()) == pytest.approx([reward] * 3)
        assert sum(rewards.values()) == pytest.approx((1 + 2 * team) * reward)
        assert sum(messages["finished"] for messages in infos.values()) == info["finished"]
        alone += abs(rewards["cell-1"] - rewards["cell-3"])
    assert (alone > 0) == (team < 1)
    if observation == "paper":
        assert (views["cell-1"] == seen[:7]).all()
        assert (views["cell-3"] == seen[13:]).all()
    else:
        assert (views["cell-1"] == np.r_[seen[:8], seen[24:68]]).all()
        assert (views["cell-3"] == np.r_[seen[16:24], seen[90:]]).all()


def test_what_is_wrong_is_refused():
    cells = EdgeOffloadCells(episode_slots=1)
    right = {agent: np.zeros(5) for agent in cells.possible_agents}
    with pytest.raises(UsageError, match="no episode has begun"):
        cells.step(right)
    cells.reset()
    for actions, output in (
        ({"cell-1": np.zeros(5)}, "no action for cell-2"),
        ({**right, "cell-4": np.zeros(5)}, '"cell-4" is no agent'),
        ({**right, "cell-2": np.zeros(4)}, r"the action of cell-2 has shape \(4,\)\n.*ue-2-1 to ue-2-5"),
        ({**right, "cell-3": [0, 0, 0, np.nan, 0]}, "nan for ue-3-4"),
    ):
        with pytest.raises(UsageError, match=output):
            cells.step(actions)
    cells.step(right)
    assert cells.agents == []
    with pytest.raises(UsageError, match="the episode ended in slot 1"):
        cells.step({})
    cells.close()
    with pytest.raises(UsageError, match="closed"):
        cells.reset()


@pytest.mark.parametrize("actions", ["multibinary", "multidiscrete"])
def test_infos_of_cells_have_the_same_keys_always_and_their_own_masks(actions):
    cells = EdgeOffloadCells(settings=[CELLS], episode_slots=3, actions=actions)
    infos = cells.reset(seed=1)[1]
    kinds = {key: type(value) for key, value in infos["cell-1"].items()}
    while cells.agents:
        masks = np.concatenate([cells.action_masks(agent) for agent in cells.agents])
        messages = np.concatenate([infos[agent]["offload_mask"] for agent in cells.agents])
        assert (messages == masks[1::2]).all()
        if actions == "multidiscrete":
            assert (np.concatenate([infos[agent]["action_mask"] for agent in cells.agents]).reshape(-1) == masks).all()
        infos = cells.step({agent: cells.action_space(agent).sample() for agent in cells.agents})[4]
        assert all({key: type(value) for key, value in info.items()} == kinds for info in infos.values())
