"""What environments are made from: plain and NumPy values, what is refused, specifications, spaces, seeds."""

import json
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.envs.registration import EnvSpec

import testbed.gym
from testbed.gym import seeds, spaces
from testbed.gym.env import EdgeOffload
from testbed.gym.options import UnknownOptionError
from testbed.gym.parallel import EdgeOffloadCells
from testbed.gym.sequential import EdgeOffloadSequential
from testbed.gym.vector import EdgeOffloadVector
from testbed.model.errors import UsageError
from testbed.scenario.load import load_scenario


def environment(**options):
    return gymnasium.make(testbed.gym.ID, **options).unwrapped


@pytest.mark.parametrize("kind", [EdgeOffloadCells, EdgeOffloadVector, environment])
def test_an_unknown_argument_is_a_type_error_that_names_it(kind):
    with pytest.raises(TypeError, match="unexpected keyword argument 'frameskip'"):
        kind(frameskip=4)
    with pytest.raises(UsageError, match='did you mean "episode_slots"'):
        kind(episode_slot=4)


def test_numpys_numbers_are_numbers():
    options: dict[str, Any] = {"episode_slots": np.int64(4), "backlog_s": np.float32(1.5), "capacity": np.int32(500)}
    numpy = environment(**options, second_offload=np.True_, normalize=np.False_)
    plain = environment(episode_slots=4, backlog_s=1.5, capacity=500)
    assert (numpy.reset(seed=3)[0] == plain.reset(seed=3)[0]).all()
    assert numpy.config == plain.config
    assert EdgeOffloadVector(**options | {"num_envs": np.int64(2)}).num_envs == 2
    assert EdgeOffloadCells(**options).config.episode_slots == 4
    json.loads(numpy.spec.to_json())


@pytest.mark.parametrize(
    "options",
    [
        {"episode_slots": np.float64(4.0)},
        {"episode_slots": True},
        {"backlog_s": np.float32("nan")},
        {"backlog_s": np.array([1.0, 2.0])},
        {"capacity": np.int64(0)},
        {"second_offload": 1},
        {"settings": [3]},
        {"scenario": 5},
        {"actions": "discrete"},
        {"normalize": "yes"},
    ],
)
def test_what_is_no_such_value_is_refused_by_its_name(options):
    with pytest.raises(UsageError, match=next(iter(options))):
        environment(**options)


@pytest.mark.parametrize("kind", [EdgeOffloadCells, EdgeOffloadVector, environment])
def test_options_of_a_reset_are_refused(kind):
    env = kind()
    with pytest.raises(UsageError, match='no option "nonsense"'):
        env.reset(options={"nonsense": 1})
    with pytest.raises(UsageError, match="a dict is needed"):
        env.reset(options=[1])
    env.reset(options={})


def test_a_render_mode_that_is_none_is_a_type_error_for_those_who_try():
    with pytest.raises(UnknownOptionError, match="known: ansi"):
        EdgeOffload(render_mode="human")


# Specifications ------------------------------------------------------------------------------------------------------


def test_a_specification_with_a_scenario_goes_through_json():
    scenario = load_scenario("region", ["density=0.9", "seed=99", "cells.1.ues=2"])
    env = environment(scenario=scenario, episode_slots=np.int64(5))
    again = gymnasium.make(EnvSpec.from_json(env.spec.to_json())).unwrapped
    assert isinstance(again, EdgeOffload) and again.config == env.config
    assert (again.reset(seed=2)[0] == env.reset(seed=2)[0]).all()
    batch = gymnasium.make_vec(testbed.gym.ID, num_envs=2, scenario=scenario)
    assert isinstance(batch, EdgeOffloadVector) and batch.spec is not None
    second = gymnasium.make_vec(EnvSpec.from_json(batch.spec.to_json()))
    assert isinstance(second, EdgeOffloadVector) and second.config == batch.config


@pytest.mark.parametrize(("slots", "steps", "cut"), [(0, 3, 3), (5, 3, 3), (3, 5, 3)])
def test_max_episode_steps_cuts_single_environments_and_batches(slots, steps, cut):
    batch = gymnasium.make_vec(testbed.gym.ID, num_envs=2, episode_slots=slots, max_episode_steps=steps)
    single = gymnasium.make(testbed.gym.ID, episode_slots=slots, max_episode_steps=steps)
    batch.reset(seed=1)
    single.reset(seed=1)
    ends = [(bool(batch.step(np.zeros((2, 15)))[3].all()), single.step(np.zeros(15))[3]) for _ in range(cut)]
    assert ends == [(False, False)] * (cut - 1) + [(True, True)]
    with pytest.raises(UsageError, match="max_episode_steps is 0"):
        EdgeOffloadVector(2, max_episode_steps=0)


# Spaces --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("observation", ["full", "paper"])
@pytest.mark.parametrize("normalize", [False, True])
def test_cells_of_equal_size_have_equal_spaces(observation, normalize):
    cells = EdgeOffloadCells(observation=observation, normalize=normalize)
    assert len({str((space.low.tolist(), space.high.tolist())) for space in cells.observation_spaces.values()}) == 1
    assert len({str(space) for space in cells.action_spaces.values()}) == 1


# Seeds ---------------------------------------------------------------------------------------------------------------


def played(env, resets):
    """The workloads of unseeded resets."""
    return [env.reset()[1]["seed"] for _ in range(resets)]


def test_without_a_seed_no_two_environments_play_the_same():
    result = [seed for _ in range(8) for seed in played(environment(), 3)]
    result += [int(seed) for _ in range(2) for seed in EdgeOffloadVector(4).reset()[1]["seed"]]
    result += [messages["seed"] for messages in [EdgeOffloadCells().reset()[1]["cell-1"]]]
    assert len(set(result)) == len(result) == 33
    assert all(seeds.TRAINING <= seed < seeds.SEED_LIMIT for seed in result)


def test_seeded_copies_play_streams_that_do_not_overlap_and_repeat():
    streams = []
    for seed in (*range(40), 2**37 - 1, 2**37, 2**63 - 1):
        env = environment()
        assert env.reset(seed=seed)[1]["seed"] == seed
        streams.append([seed, *played(env, 12)])
        again = environment()
        again.reset(seed=seed)
        assert played(again, 12) == streams[-1][1:]
    every = [seed for stream in streams for seed in stream]
    assert len(set(every)) == len(every)
    assert all(seed >= seeds.TRAINING for stream in streams for seed in stream[1:])


def test_blocks_of_streams_neither_touch_nor_leave_the_range():
    first, last = (seeds.workload(5, episode) for episode in (0, 2**24 - 1))
    assert last - first == 2**24 - 1
    assert seeds.workload(6, 0) == last + 1
    assert seeds.workload(2**38 - 1, 2**24 - 1) == seeds.SEED_LIMIT - 1
    assert all(2**37 <= seeds.entropy() < 2**38 for _ in range(100))


def test_what_a_world_played_can_be_played_again():
    env = environment()
    env.reset()
    seen, messages = env.reset()
    assert (environment().reset(seed=messages["seed"])[0] == seen).all()


SINGLE = pytest.mark.parametrize("kind", [EdgeOffload, EdgeOffloadSequential, EdgeOffloadCells])


@SINGLE
def test_numpys_whole_numbers_are_seeds_and_what_is_none_is_refused_in_our_words(kind):
    env = kind("smoke")
    for seed in (np.int64(3), np.uint32(3), np.array(3)):
        messages = env.reset(seed=seed)[1]
        assert messages.get("cell-1", messages)["seed"] == 3
    wrong: tuple[Any, ...] = (-1, 2**63, 1.5, np.float64(2.0), True, "3")
    for seed in wrong:
        with pytest.raises(UsageError, match="a whole number from 0 to"):
            env.reset(seed=seed)


@SINGLE
def test_a_closed_environment_plays_no_further_step(kind):
    env = kind("smoke")
    env.reset(seed=3)
    env.close()
    action = {"cell-1": [0, 0]} if kind is EdgeOffloadCells else 0 if kind is EdgeOffloadSequential else [0, 0]
    with pytest.raises(UsageError, match="closed"):
        env.step(action)


def test_actions_of_cells_are_a_mapping():
    env: Any = EdgeOffloadCells("smoke")
    env.reset(seed=3)
    for actions in (None, [[0, 0]], np.zeros(2)):
        with pytest.raises(UsageError, match="a mapping from cell-1 is needed"):
            env.step(actions)


def test_a_tensor_that_becomes_no_array_is_a_wrong_action():
    env = EdgeOffload("smoke")
    env.reset(seed=3)
    with pytest.raises(UsageError, match="2 numbers are needed, 0 or 1"):
        env.step(torch.ones(2, requires_grad=True))


# Unit size -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"observation": "paper"}, {"settings": ["workload.arrivals=poisson"]}])
def test_unit_size_is_the_same_game_in_other_units(options):
    unit, plain = environment(normalize=True, **options), environment(**options)
    factor = spaces.scale(plain.config)
    a, b = unit.reset(seed=4)[0], plain.reset(seed=4)[0]
    for slot in range(30):
        assert a in unit.observation_space
        assert np.abs(a).max() <= 1.0
        assert a == pytest.approx(np.minimum(b * factor, 1.0))
        action = np.random.default_rng(slot).integers(0, 2, 15, np.int8)
        a, paid, *_ = unit.step(action)
        b, earned, *_ = plain.step(action)
        assert paid == pytest.approx(earned / 15)
    assert np.isfinite(unit.observation_space.high).all()
    batch = EdgeOffloadVector(2, normalize=True, **options)
    assert (batch.reset(seed=4)[0][0] == unit.reset(seed=4)[0]).all()
