"""The A3C update against gradients computed by hand."""

import msgspec
import numpy as np
import pytest

from controller.learn import a3c
from controller.learn.a3c import A3cSettings, Rollout
from controller.learn.learner import TrainConfig, make
from testbed.policy import network
from testbed.scenario.load import load_scenario
from testbed.trace import inputs
from testbed.twin import build

OPEN = A3cSettings(clip_norm=1e9, gae=1.0, reward_scale=1.0)
SCENARIO = load_scenario("smoke", ["slots=20"])
SYSTEM = inputs.resolve(SCENARIO).system
COURSE = TrainConfig(
    system=SYSTEM,
    source=build.generator(SCENARIO, SYSTEM, endless=True),
    double=True,
    worlds=2,
    slots=5,
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
        cells=rng.random((slots + 1, worlds, cells, network.CELL_FEATURES)).astype(f32),
        rewards=-rng.random((slots, worlds)).astype(f32),
    )


def hand_gradient(flat, data, settings):
    """∂loss/∂gain and ∂loss/∂(actor's last bias), by the chain rule through the logit."""
    value = network.value(flat, data.cells)
    returns = value[-1]
    targets = []
    for reward in data.rewards[::-1]:
        returns = reward + settings.gamma * returns
        targets.insert(0, returns)
    gained = (np.array(targets) - value[:-1]).reshape(-1)[data.slot]
    logit = network.logit(flat, data.features)
    p = 1 / (1 + np.exp(-logit))
    slope = -gained * (data.actions - p) + settings.entropy * logit * p * (1 - p)
    slope = slope * data.weight / data.rewards.size
    return float((slope * data.features[:, 0]).sum()), float(slope.sum())


def test_four_successive_updates_have_the_gradients_computed_by_hand():
    flat, square = network.initial(3), np.zeros(network.SIZE, np.float32)
    for step in range(4):
        data = rollout(step)
        slope, _ = a3c.gradient(flat, data, OPEN)
        gain, bias = hand_gradient(flat, data, OPEN)
        assert slope[network.GAIN_AT] == pytest.approx(gain, rel=1e-3, abs=1e-6)
        assert slope[network.ACTOR[-1].bias] == pytest.approx(bias, rel=1e-3, abs=1e-6)
        a3c.rmsprop(flat, square, slope, 1e-3)


def test_a_learner_applies_each_updates_own_gradient_and_nothing_of_the_ones_before(monkeypatch):
    learner, applied, seen = make(COURSE), [], []
    flat, square = network.initial(3), np.full(network.SIZE, 1e-4, np.float32)
    flat[network.GAIN_AT] = 0.5
    play, step = learner.collector.rollout, a3c.rmsprop

    def keep(mine, *args):
        rollout, ues = play(mine, *args)
        seen.append((mine.copy(), msgspec.structs.replace(rollout, **copies(rollout))))
        return rollout, ues

    def note(flat, square, slope, rate):
        applied.append(slope.copy())
        step(flat, square, slope, rate)

    monkeypatch.setattr(learner.collector, "rollout", keep)
    monkeypatch.setattr(a3c, "rmsprop", note)
    for update in range(4):
        learner.step(flat, square, update)
    for slope, (mine, rollout) in zip(applied, seen, strict=True):
        gain, bias = hand_gradient(mine, rollout, COURSE.actor_critic)
        assert slope[network.GAIN_AT] == pytest.approx(gain, rel=1e-3, abs=1e-6)
        assert slope[network.ACTOR[-1].bias] == pytest.approx(bias, rel=1e-3, abs=1e-6)
    assert len(applied) == 4 and all(np.abs(slope[network.GAIN_AT]) > 1e-4 for slope in applied)


def copies(rollout):
    """The arrays of a rollout, which the next one overwrites."""
    names = ("features", "actions", "log_probability", "slot", "weight", "cells", "rewards")
    return {name: getattr(rollout, name).copy() for name in names}


def test_the_critics_gradient_agrees_with_finite_differences():
    flat, data = network.initial(1), rollout(9, decisions=0)
    slope, _ = a3c.gradient(flat, data, OPEN)
    target = (
        network.value(flat, data.cells)[:-1] + a3c.advantages(data.rewards, network.value(flat, data.cells), OPEN)[0]
    )
    at = network.CRITIC[-1].bias
    losses = []
    for shift in (-0.01, 0.01):
        moved = flat.copy()
        moved[at] += shift
        losses.append(0.5 * float(((network.value(moved, data.cells)[:-1] - target) ** 2).mean()))
    assert slope[at] == pytest.approx((losses[1] - losses[0]) / 0.02, rel=1e-2)


def test_masked_decisions_give_no_policy_gradient():
    flat, data = network.initial(1), rollout(2)
    data.weight[:] = 0
    slope, _ = a3c.gradient(flat, data, OPEN)
    assert not slope[: network.ACTOR[-1].end].any()
    assert slope[network.CRITIC[0].start :].any()


def test_gradients_are_clipped_by_their_norm():
    flat, data = network.initial(1), rollout(2)
    slope, losses = a3c.gradient(flat, data, A3cSettings(clip_norm=0.01))
    assert losses.norm > 0.01 and np.linalg.norm(slope) == pytest.approx(0.01, rel=1e-4)


def test_advantages_of_a_rollout_computed_by_hand():
    rewards, value = np.array([[1.0], [2.0]], np.float32), np.array([[10.0], [20.0], [30.0]], np.float32)
    plain = A3cSettings(gamma=0.5, gae=1.0)
    assert a3c.advantages(rewards, value, plain)[0].ravel().tolist() == [1 + 1 + 7.5 - 10, 2 + 15 - 20]
    assert a3c.advantages(rewards, value, A3cSettings(gamma=0.5, gae=0.0))[0].ravel().tolist() == [1.0, -3.0]
    ended = A3cSettings(gamma=0.5, gae=1.0, terminal=True)
    assert a3c.advantages(rewards, value, ended)[1].ravel().tolist() == [2.0, 2.0]


def test_vtrace_on_policy_is_the_plain_return_and_caps_ratios_at_one():
    rewards, value = np.array([[1.0], [2.0]], np.float32), np.array([[10.0], [20.0], [30.0]], np.float32)
    plain = A3cSettings(gamma=0.5, gae=1.0)
    for ratio in (1.0, 7.0):
        advantage, target = a3c.advantages(rewards, value, plain, np.full_like(rewards, ratio))
        assert target.tolist() == a3c.advantages(rewards, value, plain)[1].tolist()
        assert advantage.ravel().tolist() == [-0.5, -3.0]
    advantage, target = a3c.advantages(rewards, value, plain, np.zeros_like(rewards))
    assert not advantage.any() and target.tolist() == value[:-1].tolist()


def test_torch_and_numpy_compute_the_same_network():
    import torch

    flat, data = network.initial(5), rollout(5)
    flat += np.random.default_rng(0).normal(size=flat.shape).astype(np.float32) * 0.1
    logits = a3c.logits(torch.from_numpy(flat), torch.from_numpy(data.features)).numpy()
    values = a3c.values(torch.from_numpy(flat), torch.from_numpy(data.cells)).numpy()
    assert np.allclose(logits, network.logit(flat, data.features), atol=1e-4)
    assert np.allclose(values, network.value(flat, data.cells), atol=1e-4)
