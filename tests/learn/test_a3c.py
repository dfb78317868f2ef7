"""The A3C update against gradients computed by hand."""

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from controller.learn import a3c, optimiser
from controller.learn.a3c import A3cConfig, Rollout
from controller.learn.learner import A3cLearner, TrainConfig
from testbed.policy import network
from testbed.policy.features import CELL_FEATURES
from testbed.scenario.load import load_scenario
from testbed.trace import inputs
from testbed.twin import build

OPEN = A3cConfig(clip_norm=1e9, gae_lambda=1.0, reward_scale=1.0)
SCENARIO = load_scenario("smoke", ["slots=20"])
SYSTEM = inputs.resolve(SCENARIO).system
CONFIG = TrainConfig(
    system=SYSTEM,
    source=build.generator(SCENARIO, SYSTEM, endless=True),
    double=True,
    num_envs=2,
    rollout_length=5,
    actor_critic=OPEN,
)


def rollout(seed, slots=5, worlds=2, cells=3, decisions=30):
    rng = np.random.default_rng(seed)
    f32 = np.float32
    return Rollout(
        features=rng.normal(size=(decisions, network.INPUTS)).astype(f32),
        actions=rng.integers(0, 2, decisions).astype(f32),
        log_probability=np.full(decisions, -0.7, f32),
        slot=np.sort(rng.integers(0, slots * worlds, decisions)),
        weight=np.ones(decisions, f32),
        cells=rng.random((slots + 1, worlds, cells, CELL_FEATURES)).astype(f32),
        rewards=-rng.random((slots, worlds)).astype(f32),
    )


def hand_gradient(params, data, config):
    """∂loss/∂gain and ∂loss/∂(actor's last bias), by the chain rule through the logit."""
    value = network.value(params, data.cells)
    returns = value[-1]
    targets: list[NDArray[np.float32]] = []
    for reward in data.rewards[::-1]:
        returns = reward + config.gamma * returns
        targets.insert(0, returns)
    gained = (np.array(targets) - value[:-1]).reshape(-1)[data.slot]
    logit = network.logit(params, data.features)
    p = 1 / (1 + np.exp(-logit))
    grad = -gained * (data.actions - p) + config.entropy * logit * p * (1 - p)
    grad = grad * data.weight / data.rewards.size
    return float((grad * data.features[:, 0]).sum()), float(grad.sum())


def test_four_successive_updates_have_the_gradients_computed_by_hand():
    params, square_avg = network.initial(3), np.zeros(network.SIZE, np.float32)
    for step in range(4):
        data = rollout(step)
        grad, _ = a3c.gradient(params, data, OPEN)
        gain, bias = hand_gradient(params, data, OPEN)
        assert grad[network.GAIN_AT] == pytest.approx(gain, rel=1e-3, abs=1e-6)
        assert grad[network.ACTOR[-1].bias] == pytest.approx(bias, rel=1e-3, abs=1e-6)
        optimiser.rmsprop(params, square_avg, grad, 1e-3)


def test_a_learner_applies_each_updates_own_gradient_and_nothing_of_the_ones_before(monkeypatch):
    learner, applied, seen = A3cLearner(CONFIG, 0), [], []
    params, square_avg = network.initial(3), np.full(network.SIZE, 1e-4, np.float32)
    params[network.GAIN_AT] = 0.5
    play, step = learner.collector.rollout, optimiser.rmsprop

    def keep(acting, *args):
        rollout, ues = play(acting, *args)
        seen.append((acting.copy(), msgspec.structs.replace(rollout, **copies(rollout))))
        return rollout, ues

    def note(params, square_avg, grad, learning_rate):
        applied.append(grad.copy())
        step(params, square_avg, grad, learning_rate)

    monkeypatch.setattr(learner.collector, "rollout", keep)
    monkeypatch.setattr("controller.learn.learner.rmsprop", note)
    for update in range(4):
        learner.step(params, square_avg, update)
    for grad, (acting, rollout) in zip(applied, seen, strict=True):
        gain, bias = hand_gradient(acting, rollout, CONFIG.actor_critic)
        assert grad[network.GAIN_AT] == pytest.approx(gain, rel=1e-3, abs=1e-6)
        assert grad[network.ACTOR[-1].bias] == pytest.approx(bias, rel=1e-3, abs=1e-6)
    assert len(applied) == 4 and all(np.abs(grad[network.GAIN_AT]) > 1e-4 for grad in applied)


def copies(rollout):
    """The arrays of a rollout, which the next one overwrites."""
    names = ("features", "actions", "log_probability", "slot", "weight", "cells", "rewards")
    return {name: getattr(rollout, name).copy() for name in names}


def test_the_critics_gradient_agrees_with_finite_differences():
    params, data = network.initial(1), rollout(9, decisions=0)
    grad, _ = a3c.gradient(params, data, OPEN)
    target = (
        network.value(params, data.cells)[:-1]
        + a3c.advantages(data.rewards, network.value(params, data.cells), OPEN)[0]
    )
    at = network.CRITIC[-1].bias
    losses = []
    for shift in (-0.01, 0.01):
        moved = params.copy()
        moved[at] += shift
        losses.append(0.5 * float(((network.value(moved, data.cells)[:-1] - target) ** 2).mean()))
    assert grad[at] == pytest.approx((losses[1] - losses[0]) / 0.02, rel=1e-2)


def test_masked_decisions_give_no_policy_gradient():
    params, data = network.initial(1), rollout(2)
    data.weight[:] = 0
    grad, _ = a3c.gradient(params, data, OPEN)
    assert not grad[: network.ACTOR[-1].end].any()
    assert grad[network.CRITIC[0].start :].any()


def test_gradients_are_clipped_by_their_norm():
    params, data = network.initial(1), rollout(2)
    grad, losses = a3c.gradient(params, data, A3cConfig(clip_norm=0.01))
    assert losses.norm > 0.01 and np.linalg.norm(grad) == pytest.approx(0.01, rel=1e-4)


def test_advantages_of_a_rollout_computed_by_hand():
    rewards, value = np.array([[1.0], [2.0]], np.float32), np.array([[10.0], [20.0], [30.0]], np.float32)
    plain = A3cConfig(gamma=0.5, gae_lambda=1.0)
    assert a3c.advantages(rewards, value, plain)[0].ravel().tolist() == [1 + 1 + 7.5 - 10, 2 + 15 - 20]
    assert a3c.advantages(rewards, value, A3cConfig(gamma=0.5, gae_lambda=0.0))[0].ravel().tolist() == [1.0, -3.0]
    ended = A3cConfig(gamma=0.5, gae_lambda=1.0, terminal=True)
    assert a3c.advantages(rewards, value, ended)[1].ravel().tolist() == [2.0, 2.0]


def test_vtrace_on_policy_is_the_plain_return_and_caps_ratios_at_one():
    rewards, value = np.array([[1.0], [2.0]], np.float32), np.array([[10.0], [20.0], [30.0]], np.float32)
    plain = A3cConfig(gamma=0.5, gae_lambda=1.0)
    for ratio in (1.0, 7.0):
        advantage, target = a3c.advantages(rewards, value, plain, np.full_like(rewards, ratio))
        assert target.tolist() == a3c.advantages(rewards, value, plain)[1].tolist()
        assert advantage.ravel().tolist() == [-0.5, -3.0]
    advantage, target = a3c.advantages(rewards, value, plain, np.zeros_like(rewards))
    assert not advantage.any() and target.tolist() == value[:-1].tolist()


def test_torch_and_numpy_compute_the_same_network():
    import torch

    params, data = network.initial(5), rollout(5)
    params += np.random.default_rng(0).normal(size=params.shape).astype(np.float32) * 0.1
    logits = a3c.logits(torch.from_numpy(params), torch.from_numpy(data.features)).numpy()
    values = a3c.values(torch.from_numpy(params), torch.from_numpy(data.cells)).numpy()
    assert np.allclose(logits, network.logit(params, data.features), rtol=0, atol=4e-6)
    assert np.allclose(values, network.value(params, data.cells), rtol=0, atol=1e-6)
