"""The native batch is so many single environments, and says so in gymnasium's own words."""

import gymnasium
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode
from gymnasium.wrappers.vector import RecordEpisodeStatistics

import testbed.gym
from testbed.gym import seeds
from testbed.model.errors import UsageError
from testbed.twin.twin import ArenaFullError


def batch(worlds, **options):
    return gymnasium.make_vec(testbed.gym.ID, num_envs=worlds, **options)


@pytest.mark.parametrize(
    "options",
    [
        {"episode_slots": 6},
        {"episode_slots": 0, "settings": ["slots=9", "density=0.3"], "observation": "paper", "reward": "paper"},
        {"episode_slots": 5, "settings": ["workload.arrivals=poisson"], "scenario": "shared-radio"},
    ],
)
def test_a_batch_is_so_many_single_environments(options):
    envs, rng = batch(3, **options), np.random.default_rng(3)
    singles = [gymnasium.make(testbed.gym.ID, **options).unwrapped for _ in range(3)]
    first = [single.reset(seed=20 + w)[0] for w, single in enumerate(singles)]
    assert (envs.reset(seed=20)[0] == first).all()
    episodes = [0, 0, 0]
    for _ in range(40):
        actions = rng.integers(0, 2, (3, envs.single_action_space.n), np.int8)
        seen, rewards, terminated, truncated, info = envs.step(actions)
        for w, single in enumerate(singles):
            obs, reward, ends, cut, tells = single.step(actions[w])
            assert reward == pytest.approx(rewards[w], rel=1e-12) and (ends, cut) == (terminated[w], truncated[w])
            last = info["final_info"] if ends or cut else info
            assert {key for key in last if "final" not in key} == {
                key for messages in tells for key in (messages, f"_{messages}")
            }
            assert all(last[f"_{key}"][w] and (last[key][w] == pytest.approx(tells[key])) for key in tells)
            if ends or cut:
                assert info["_final_obs"][w]
                assert (info["final_obs"][w] == obs).all()
                episodes[w] += 1
                obs, begins = single.reset()
                assert all((info[key][w] == begins[key]).all() for key in begins)
            assert (seen[w] == obs).all()
            assert seen[w] in envs.single_observation_space
    assert min(episodes) > 1


def test_a_batch_declares_its_spaces_and_how_it_resets():
    envs = batch(4)
    assert envs.metadata["autoreset_mode"] is AutoresetMode.SAME_STEP
    assert envs.action_space.shape == (4, 15)
    assert envs.observation_space.shape == (4, 354)
    assert envs.reset()[0] in envs.observation_space
    assert envs.step(envs.action_space.sample())[0] in envs.observation_space


def test_seeds_are_counted_on_listed_or_refused():
    envs = batch(3)
    assert list(envs.reset(seed=7)[1]["seed"]) == [7, 8, 9]
    following = list(envs.reset()[1]["seed"])
    assert following == [seeds.workload(seed, 1) for seed in (7, 8, 9)]
    assert list(envs.reset(seed=[5, None, 1])[1]["seed"]) == [5, seeds.workload(8, 2), 1]
    for seed in ([1, 2], -1, [1, 2, "3"]):
        with pytest.raises(UsageError, match="seed"):
            envs.reset(seed=seed)


def test_observations_are_the_callers_unless_told_otherwise():
    for copy in (True, False):
        envs = batch(2, copy=copy)
        first = envs.reset()[0]
        remaining = first.copy()
        envs.step(np.ones((2, 15)))
        assert (first == remaining).all() == copy


def test_gymnasiums_statistics_add_up_what_was_paid():
    envs = RecordEpisodeStatistics(batch(2, episode_slots=4))
    envs.reset(seed=1)
    paid = np.zeros(2)
    for _ in range(4):
        _, rewards, _, truncated, info = envs.step(np.ones((2, 15)))
        paid += rewards
    assert truncated.all()
    assert list(info["episode"]["l"]) == [4, 4]
    assert info["episode"]["r"] == pytest.approx(paid)


def test_what_is_wrong_is_refused():
    envs = batch(3)
    with pytest.raises(UsageError, match="before its first reset"):
        envs.step(np.zeros((3, 15)))
    envs.reset()
    for actions, output in (
        (np.zeros((3, 14)), r"shape \(3, 14\)\n  \(3, 15\) is needed"),
        (np.full((3, 15), np.nan), r"action nan at \(0, 0\)"),
        (np.eye(3, 15) * 2, r"action 2.0 at \(0, 0\)"),
    ):
        with pytest.raises(UsageError, match=output):
            envs.step(actions)
    envs.close()
    with pytest.raises(UsageError, match="closed"):
        envs.reset()
    with pytest.raises(UsageError, match="num_envs is 0"):
        batch(0)
    with pytest.raises(UsageError, match="float32 is needed"):
        envs.twin.observe(out=np.zeros((3, 354)))


def step_idly(envs, slots):
    for _ in range(slots):
        envs.step(np.zeros((2, 15)))


def test_a_full_arena_names_the_world():
    envs = batch(2, settings=["density=1"], capacity=30)
    envs.reset(seed=7)
    with pytest.raises(ArenaFullError, match="world 0 holds 30 tasks"):
        step_idly(envs, 50)
