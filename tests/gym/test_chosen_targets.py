"""Environments whose agents choose the target of second offload."""

import numpy as np
import pytest
from gymnasium.spaces import Discrete, MultiDiscrete

from testbed.gym.env import EdgeOffload
from testbed.gym.heuristics import heuristic
from testbed.gym.parallel import EdgeOffloadCells
from testbed.gym.sequential import EdgeOffloadSequential
from testbed.gym.vector import EdgeOffloadVector
from testbed.model.errors import UsageError
from testbed.policy.choosing import Shortest
from testbed.scenario.load import load_scenario
from testbed.sim.simulation import simulate
from testbed.trace import inputs

SETTINGS = ("second_offload.by=agent", "slots=30", "density=0.8")


def test_the_actions_are_every_edge_server_s():
    env = EdgeOffload(settings=SETTINGS)
    assert env.action_space == MultiDiscrete([4] * 15)
    env.reset(seed=1)
    assert env.action_masks().shape == (60,)
    assert env.reset(seed=1)[1]["action_mask"].shape == (15, 4)
    assert EdgeOffloadSequential(settings=SETTINGS).action_space == Discrete(4)
    assert EdgeOffloadCells(settings=SETTINGS).action_space("cell-1") == MultiDiscrete([4] * 5)
    assert EdgeOffloadVector(settings=SETTINGS, num_envs=2).action_masks().shape == (2, 60)


def test_an_episode_is_what_the_simulation_makes_of_the_same_decisions():
    scenario = load_scenario("region", list(SETTINGS))
    resolved = inputs.resolve(scenario)
    tasks = inputs.generate(resolved.scenario, resolved.system)
    plan = resolved.plan(tasks, "po2-any", second_offload=True, live=False)
    rows = simulate(plan, Shortest(sampled=True)).tasks
    chosen = {(row.ue, row.slot): row.choice for row in rows}
    env = EdgeOffload(settings=SETTINGS, episode_slots=0)
    _, info = env.reset(seed=scenario.seed)
    overhead, forwarded, offloaded, ended = 0.0, 0, 0, False
    while not ended:
        action = np.array([chosen.get((ue.name, info["slot"]), 0) for ue in env.config.system.ues])
        _, _, terminated, truncated, info = env.step(action)
        overhead, forwarded = overhead + info["overhead"], forwarded + info["forwarded"]
        offloaded += info["offloaded"]
        ended = terminated or truncated
    assert overhead == pytest.approx(sum(row.overhead for row in rows))
    assert forwarded == sum(row.forwarded for row in rows) > 0
    assert offloaded == sum(row.choice > 0 for row in rows)


def test_one_ue_at_a_time_may_name_another_server():
    env = EdgeOffloadSequential(settings=SETTINGS, episode_slots=0)
    _, info = env.reset(seed=3)
    assert info["action_mask"].tolist() == [1, 1, 1, 1]
    forwarded, ended = 0, False
    while not ended:
        _, _, terminated, truncated, info = env.step(2)
        forwarded, ended = forwarded + info["forwarded"], terminated or truncated
    assert forwarded > 0
    env.reset(seed=3)
    with pytest.raises(UsageError, match="the action is 4"):
        env.step(4)


def test_what_is_wrong_is_said():
    with pytest.raises(UsageError, match="choose among 4"):
        EdgeOffload(settings=SETTINGS, actions="multibinary")
    env = EdgeOffload(settings=SETTINGS)
    env.reset(seed=1)
    with pytest.raises(UsageError, match="holds 4 for ue-1-1") as raised:
        env.step(np.full(15, 4))
    assert "3 (another one)" in raised.value.remedy
    with pytest.raises(UsageError, match="does not see") as raised:
        heuristic("greedy-any", env)
    assert "env.backend.views()" in raised.value.remedy and len(env.backend.views()) == 3
    assert EdgeOffload(settings=SETTINGS, second_offload=False).config.system.actions == 2
