"""DQN's targets and gradients on small batches."""

import numpy as np
import pytest
import torch

from controller.learn import dqn
from controller.learn.dqn import DqnConfig, Replay, Transitions
from testbed.policy import q_network
from testbed.policy.network import GAIN_AT, INPUTS


def batch(seed, count=8, discount=0.0):
    rng = np.random.default_rng(seed)
    f32 = np.float32
    state, following = (rng.normal(size=(count, INPUTS)).astype(f32) for _ in range(2))
    action = rng.integers(0, 2, count).astype(f32)
    return Transitions(state, action, rng.normal(size=count).astype(f32), np.full(count, discount, f32), following)


@pytest.mark.parametrize("dueling", [True, False])
def test_learning_a_bandit_reaches_its_rewards(dueling):
    config = DqnConfig(dueling=dueling, reward_scale=1.0, clip_norm=1e9)
    params, data = q_network.initial(0), batch(1)
    losses = []
    for _ in range(400):
        grad, loss = dqn.gradient(params, params.copy(), data, config)
        params = params - 0.05 * grad
        losses.append(loss)
    assert losses[-1] < 0.1 * losses[0]


def test_double_dqn_lets_the_online_network_choose_and_the_target_value():
    data = batch(2, count=1, discount=1.0)
    data.reward[:] = 0
    online, target = q_network.initial(0), q_network.initial(5)
    online[GAIN_AT], target[GAIN_AT] = 5.0, -5.0
    state, following = torch.from_numpy(data.state), torch.from_numpy(data.following)
    values = dqn.q_values(torch.from_numpy(target), following, dueling=True)[0]
    choice = int(dqn.q_values(torch.from_numpy(online), following, dueling=True).argmax())
    taken = dqn.q_values(torch.from_numpy(online), state, dueling=True)[0, int(data.action[0])]
    for double, best in ((True, values[choice]), (False, values.max())):
        error = abs(float(taken - best))
        expected = 0.5 * error**2 if error < 1 else error - 0.5
        assert dqn.gradient(online, target, data, DqnConfig(double=double))[1] == pytest.approx(expected, rel=1e-4)


def test_numpy_advantage_is_the_difference_of_torch_q_values():
    params, data = q_network.initial(3), batch(3)
    for dueling in (True, False):
        q = dqn.q_values(torch.from_numpy(params), torch.from_numpy(data.state), dueling=dueling).numpy()
        assert np.allclose(
            q[:, 1] - q[:, 0], q_network.advantage(params, data.state, dueling=dueling), rtol=0, atol=1e-6
        )


def test_the_ring_overwrites_its_oldest_transitions():
    replay = Replay(10, seed=1)
    replay.add(batch(1, count=8))
    newest = batch(2, count=7)
    replay.add(newest)
    assert replay.size == 10
    drawn = replay.sample(500)
    rewards = set(np.round(drawn.reward, 5))
    assert set(np.round(newest.reward, 5)) <= rewards and len(rewards) <= 10
