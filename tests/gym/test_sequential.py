"""One UE at a time: the same game as the region's, seen with what was sent before."""

import warnings

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from stable_baselines3.common.env_checker import check_env as check_for_sb3

import testbed.gym
from testbed.model.errors import UsageError


def environment(kind=testbed.gym.SEQUENTIAL_ID, **options):
    return gymnasium.make(kind, **options).unwrapped


@pytest.mark.parametrize("options", [{}, {"normalize": True, "reward": "paper"}, {"scenario": "shared-radio"}])
def test_the_checkers_of_gymnasium_and_stable_baselines_agree(options):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", message=".*maximum value is infinity.*")
        check_env(environment(**options))
        check_for_sb3(environment(**options))


@pytest.mark.parametrize("reward", ["holding", "paper"])
def test_its_decisions_are_those_of_the_region_and_so_are_its_rewards(reward):
    options = {"episode_slots": 12, "reward": reward, "settings": ["density=0.4"]}
    one_by_one, region = environment(**options), environment(testbed.gym.ID, **options)
    rng = np.random.default_rng(5)
    info, seen = one_by_one.reset(seed=3)[1], region.reset(seed=3)[0]
    paid = earned = 0.0
    messages, wanted = [], []
    over = False
    while not over:
        present = seen[24:].reshape(15, 22)[:, 21] > 0
        action = rng.integers(0, 2, 15)
        for ue in np.flatnonzero(present):
            assert info["ue"] == ue
            _, reward_now, ends, cut, info = one_by_one.step(action[ue])
            messages.append(info)
            paid += reward_now
        seen, reward_now, terminated, truncated, other = region.step(action)
        wanted.append(other)
        earned += reward_now
        over = terminated or truncated
    assert (ends, cut) == (terminated, truncated)
    assert paid == pytest.approx(earned)
    for key in ("decided", "offloaded", "finished", "overhead", "delay_s"):
        assert sum(one[key] for one in messages) == pytest.approx(sum(one[key] for one in wanted))
    assert messages[-1]["mean_overhead"] == pytest.approx(wanted[-1]["mean_overhead"])
    assert info["ue"] == -1


def test_greedy_is_the_sign_of_the_first_number():
    one_by_one, region = environment(episode_slots=30), environment(testbed.gym.ID, episode_slots=30)
    seen, _ = one_by_one.reset(seed=9)
    over, total = False, 0.0
    while not over:
        seen, reward, ends, cut, info = one_by_one.step(int(seen[0] > 0))
        total += reward
        over = ends or cut
    from testbed.gym.heuristics import Heuristic

    greedy, earned = Heuristic(region), 0.0
    state, over = region.reset(seed=9)[0], False
    while not over:
        state, reward, ends, cut, other = region.step(greedy(state))
        earned += reward
        over = ends or cut
    assert total == pytest.approx(earned)
    assert info["mean_overhead"] == pytest.approx(other["mean_overhead"])


def test_what_was_sent_and_what_is_still_to_come_are_seen():
    env = environment(settings=["density=1", "cells.0.density_factor=1"])
    first, info = env.reset(seed=1)
    assert first[11] == 0 and first[12] > 0 and info["ue"] == 0
    remaining = env.step(0)[0]
    assert remaining[11] == 0
    env.reset(seed=1)
    sent = env.step(1)[0]
    assert sent[11] == pytest.approx(first[6])
    assert sent[0] < remaining[0]


def test_a_workload_without_tasks_ends_with_the_first_step():
    env = environment(settings=["density=0", "slots=4"], episode_slots=0)
    seen, info = env.reset(seed=1)
    assert (seen == 0).all() and info["ue"] == -1
    assert env.step(0)[1:4] == (0.0, True, False)
    with pytest.raises(UsageError, match="the episode ended"):
        env.step(0)
    assert not env.reset(seed=2)[0].any()


@pytest.mark.parametrize("action", [2, -1, None, [0, 1], np.nan])
def test_wrong_actions_are_refused(action):
    env = environment()
    with pytest.raises(UsageError, match="no episode has begun"):
        env.step(0)
    env.reset(seed=1)
    with pytest.raises(UsageError, match=r"0 \(local\) or 1 \(offload\)"):
        env.step(action)


@pytest.mark.parametrize("options", [{"actions": "multidiscrete"}, {"observation": "paper"}])
def test_what_it_has_only_one_of_cannot_be_chosen(options):
    with pytest.raises(UsageError, match="leave it out"):
        environment(**options)
