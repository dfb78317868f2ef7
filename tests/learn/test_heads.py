"""Heads and options: what acts in compiled code is what torch differentiates."""

import numpy as np
import pytest
import torch

from controller.learn import a3c
from controller.learn.collect import Actor, Collector, Sampling
from controller.learn.learner import TrainConfig, make
from testbed.model.errors import UsageError
from testbed.policy import network
from testbed.scenario.load import load_scenario
from testbed.trace import inputs
from testbed.twin import build

SCENARIO = load_scenario("region", ["density=0.8", "slots=60"])
SYSTEM = inputs.resolve(SCENARIO).system
ENDLESS = build.generator(SCENARIO, SYSTEM, endless=True)
RULED = [head for head in network.HEADS if head not in network.CHOOSING.values()]
ACTORS = [Actor(head=head, observation=seen) for head in RULED for seen in ("full", "paper")]


def flat_of(shape, seed=2):
    params = network.initial(seed, shape)
    return (params + np.random.default_rng(seed).normal(size=params.shape) * 0.05).astype(np.float32)


@pytest.mark.parametrize("actor", ACTORS, ids=lambda actor: f"{actor.head}-{actor.observation}")
def test_torch_finds_the_log_probability_that_compiled_code_acted_with(actor):
    shape = actor.layout(SYSTEM)
    params = flat_of(shape)
    rollout, _ = Collector(
        SYSTEM, ENDLESS, Sampling(num_envs=3, rollout_length=6, seed=1), double=True, actor=actor
    ).rollout(params)
    log_probability, entropy = a3c.policy(
        *(torch.from_numpy(params), shape), *map(torch.from_numpy, (rollout.features, rollout.actions))
    )
    assert len(log_probability) > 20 and len(set(rollout.actions.tolist())) > (actor.head != "continuous")
    assert np.allclose(log_probability.numpy(), rollout.log_probability, atol=2e-3)
    assert (entropy.numpy() >= 0).all()


@pytest.mark.parametrize("head", RULED)
def test_the_policys_gradient_agrees_with_finite_differences(head):
    actor = Actor(head=head)
    shape = actor.layout(SYSTEM)
    params = flat_of(shape)
    rollout, _ = Collector(
        SYSTEM, ENDLESS, Sampling(num_envs=2, rollout_length=4, seed=1), double=True, actor=actor
    ).rollout(params)
    config = a3c.A3cConfig(clip_norm=1e9, entropy=0.0, value_weight=0.0)
    grad, _ = a3c.gradient(params, rollout, config, shape)
    critic = network.value(params, rollout.cells, shape)
    gained = a3c.advantages(rollout.rewards * np.float32(0.1), critic, config)[0].reshape(-1)[rollout.slot]

    def loss(parameters):
        tensors = (torch.from_numpy(x) for x in (parameters, rollout.features, rollout.actions))
        log_probability, _ = a3c.policy(next(tensors).double(), shape, next(tensors).double(), next(tensors))
        return -float((log_probability * torch.from_numpy(gained)).sum()) / rollout.rewards.size

    for at in (network.GAIN_AT, shape.actor[-1].bias, int(np.abs(grad[1 : shape.actor[-1].start]).argmax()) + 1):
        moved = [params.copy(), params.copy()]
        moved[0][at] -= 1e-3
        moved[1][at] += 1e-3
        step = float(moved[1][at]) - float(moved[0][at])
        assert grad[at] == pytest.approx((loss(moved[1]) - loss(moved[0])) / step, rel=0.05, abs=1e-5)


def test_the_joint_head_has_a_logit_for_every_vector_and_draws_them_all():
    actor = Actor(head="joint")
    shape = actor.layout(SYSTEM)
    assert shape.actor[-1].outputs == 32 and network.vectors(5)[6].tolist() == [0, 1, 1, 0, 0]
    params = np.zeros(shape.size, np.float32)
    rollout, _ = Collector(
        SYSTEM, ENDLESS, Sampling(num_envs=20, rollout_length=40, seed=1), double=True, actor=actor
    ).rollout(params)
    counts = np.bincount(rollout.actions.astype(int), minlength=32)
    assert counts.sum() == 20 * 40 * 3 and counts.min() > 0.5 * counts.mean() and counts.max() < 1.5 * counts.mean()
    assert np.allclose(rollout.log_probability, -np.log(32), atol=1e-5)


def test_a_coin_mixes_into_the_behaviour_and_its_gradient_is_weighted_by_pi_over_mu():
    params = np.zeros(network.SIZE, np.float32)
    params[network.ACTOR[-1].bias] = 30.0
    actor = Actor(epsilon=0.5)
    rollout, _ = Collector(
        SYSTEM, ENDLESS, Sampling(num_envs=10, rollout_length=40, seed=1), double=True, actor=actor
    ).rollout(params)
    assert 0.7 < rollout.actions.mean() < 0.8
    assert np.allclose(rollout.log_probability, np.log(np.where(rollout.actions > 0, 0.75, 0.25)), atol=1e-4)
    config = a3c.A3cConfig(epsilon=0.5, clip_norm=1e9, value_weight=0.0, entropy=0.0)
    grad, _ = a3c.gradient(params, rollout, config)
    rollout.weight[rollout.actions == 0] = 0.0
    assert np.allclose(grad, a3c.gradient(params, rollout, config)[0], atol=1e-6)


def test_teams_of_one_learn_from_their_own_cells_reward():
    whole = Collector(SYSTEM, ENDLESS, Sampling(num_envs=2, rollout_length=5, seed=1), double=True, actor=Actor())
    alone = Collector(
        SYSTEM, ENDLESS, Sampling(num_envs=2, rollout_length=5, seed=1), double=True, actor=Actor(), team=0.0
    )
    half = Collector(
        SYSTEM, ENDLESS, Sampling(num_envs=2, rollout_length=5, seed=1), double=True, actor=Actor(), team=0.5
    )
    params = network.initial(1)
    one, (own, ues), (mixed, _) = whole.rollout(params)[0], alone.rollout(params), half.rollout(params)
    assert own.rewards.shape == (5, 6) and own.cells.shape == (6, 6, 1, 8)
    assert np.allclose(own.rewards.reshape(5, 2, 3).sum(axis=2), one.rewards, atol=1e-5)
    assert np.allclose(mixed.rewards, 0.5 * own.rewards + 0.5 * np.repeat(one.rewards, 3, axis=1), atol=1e-5)
    assert (own.slot % 3 == [SYSTEM.ues[ue].cell for ue in ues]).all() and (own.slot // 3 == one.slot).all()
    assert np.array_equal(own.cells.reshape(one.cells.shape), one.cells)


@pytest.mark.parametrize("reward", ["paper", "paper-sign"])
def test_the_papers_rewards_are_the_twins_scores(reward):
    params = network.initial(1)
    collectors = (
        Collector(
            SYSTEM, ENDLESS, Sampling(num_envs=2, rollout_length=30, seed=1), double=True, actor=Actor(), reward=kind
        )
        for kind in (reward, "holding")
    )
    paid, cost = (collector.rollout(params)[0].rewards for collector in collectors)
    assert (cost < 0).all() and paid.max() > 0 and not np.allclose(paid, cost)


@pytest.mark.parametrize(
    "options",
    [
        {"head": "joint"},
        {"head": "continuous"},
        {"observation": "paper"},
        {"reward": "paper"},
        {"team": 0.5},
        {"actor_critic": a3c.A3cConfig(epsilon=0.2)},
        {"actor_critic": a3c.A3cConfig(vtrace=True, central=False)},
        {"actor_critic": a3c.A3cConfig(terminal=True)},
        {"algorithm": "dqn", "observation": "paper", "team": 0.0},
    ],
    ids=str,
)
def test_every_option_learns_something_finite(options):
    config = TrainConfig(system=SYSTEM, source=ENDLESS, double=True, num_envs=2, rollout_length=5, **options)
    learner, params = make(config), config.start
    square_avg, before = np.full_like(params, 1e-4), params.copy()
    for update in range(3):
        learner.step(params, square_avg, update)
    assert np.isfinite(params).all() and not np.array_equal(params, before)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"head": "hydra"}, "unknown head"),
        ({"observation": "all"}, "unknown observation"),
        ({"algorithm": "dqn", "head": "joint"}, "head joint"),
        ({"head": "continuous", "actor_critic": a3c.A3cConfig(epsilon=0.1)}, "without coin"),
    ],
)
def test_what_cannot_be_combined_is_refused(options, message):
    with pytest.raises(UsageError, match=message):
        _ = TrainConfig(system=SYSTEM, source=ENDLESS, double=True, **options).start
    with pytest.raises(UsageError, match="joint actions"):
        network.layout("joint", 13)
