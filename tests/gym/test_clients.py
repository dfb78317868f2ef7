"""Clients that are no part of the project: each trains or collects a little, where it is installed.

``pip install torchrl tianshou supersuit sb3-contrib skrl`` in an environment of its own, and ``ray[rllib]`` in another
(it pins an older gymnasium), then ``python -m pytest tests/gym/test_clients.py`` there.
"""

from typing import Any

import gymnasium
import numpy as np
import pytest

import testbed.gym
from testbed.gym.parallel import EdgeOffloadCells
from testbed.gym.vector import EdgeOffloadVector

MISSING = "is not installed: see docs/how-to/train-with-other-libraries.md for how to check this client"
SHORT: dict[str, Any] = {"episode_slots": 6}


def client(name):
    return pytest.importorskip(name, reason=f"{name} {MISSING}")


def environment_of(kind=testbed.gym.ID, **options):
    return gymnasium.make(kind, **{**SHORT, **options})


# Stable-Baselines3 and its contrib ----------------------------------------------------------------------------------


def test_sb3_dqn_asks_one_ue_at_a_time():
    sb3 = client("stable_baselines3")
    env = environment_of(testbed.gym.SEQUENTIAL_ID, normalize=True)
    model = sb3.DQN("MlpPolicy", env, learning_starts=20, buffer_size=200, seed=1).learn(80)
    assert model.predict(env.reset(seed=1)[0])[0] in (0, 1)


@pytest.mark.parametrize("actions", ["multibinary", "multidiscrete"])
def test_sb3_contrib_masks_actions_of_batches_and_single_environments(actions):
    client("sb3_contrib")
    from sb3_contrib import MaskablePPO

    from testbed.gym.evaluation import evaluate
    from testbed.gym.sb3 import Batch

    for env in (Batch(4, actions=actions, **SHORT), environment_of(actions=actions)):
        model = MaskablePPO("MlpPolicy", env, n_steps=12, batch_size=12, n_epochs=1, seed=1).learn(24)
        score = evaluate(model, [1], settings=["slots=10"], actions=actions)
        assert score.overhead > 0


def test_sb3_contrib_remembers_with_multidiscrete_actions():
    client("sb3_contrib")
    from sb3_contrib import RecurrentPPO

    env = environment_of(actions="multidiscrete")
    model = RecurrentPPO("MlpLstmPolicy", env, n_steps=12, batch_size=12, n_epochs=1, seed=1).learn(24)
    assert model.predict(env.reset(seed=1)[0])[0].shape == (15,)


# PettingZoo and SuperSuit -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("actions", ["multibinary", "multidiscrete"])
def test_supersuit_makes_a_vector_of_cells(actions):
    supersuit = client("supersuit")
    cells = EdgeOffloadCells(actions=actions, **SHORT)
    envs = supersuit.concat_vec_envs_v1(supersuit.pettingzoo_env_to_vec_env_v1(cells), 2, base_class="gymnasium")
    seen = envs.reset(seed=1)[0]
    assert seen.shape == (6, 118)
    for _ in range(8):
        seen = envs.step(np.ones((6, 5), np.int8))[0]
    assert seen.shape == (6, 118)


def test_sb3_learns_one_policy_for_all_cells_through_supersuit():
    supersuit, sb3 = client("supersuit"), client("stable_baselines3")
    vector = supersuit.pettingzoo_env_to_vec_env_v1(EdgeOffloadCells(actions="multidiscrete", **SHORT))
    envs = supersuit.concat_vec_envs_v1(vector, 1, base_class="stable_baselines3")
    sb3.PPO("MlpPolicy", envs, n_steps=12, batch_size=12, n_epochs=1).learn(36)  # such a vector takes no seed


# TorchRL ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"actions": "multidiscrete"}])
def test_torchrl_makes_and_collects(options):
    client("torchrl")
    from torchrl.collectors import Collector
    from torchrl.envs import GymEnv

    def env():
        return GymEnv(testbed.gym.ID, frame_skip=1, **SHORT, **options)

    collector = Collector(env, None, frames_per_batch=20, total_frames=40)
    result = [batch["next", "reward"].shape for batch in collector]
    collector.shutdown()
    assert result == [(20, 1), (20, 1)]


def test_torchrl_skips_frames_by_itself():
    client("torchrl")
    from torchrl.envs import GymEnv

    env = GymEnv(testbed.gym.ID, frame_skip=2, **SHORT)
    assert env.rollout(10, break_when_any_done=True)["next", "reward"].shape == (3, 1)


@pytest.mark.parametrize("actions", ["multibinary", "multidiscrete"])
def test_torchrl_collects_cells_of_pettingzoo_with_their_infos(actions):
    client("torchrl")
    from torchrl.envs import PettingZooWrapper

    env = PettingZooWrapper(EdgeOffloadCells(actions=actions, **SHORT))
    result = env.rollout(14, break_when_any_done=False)
    group = next(iter(env.group_map))
    assert result["next", group, "info", "overhead"].sum() > 0
    assert result["next", group, "info", "offload_mask"].shape[-1] == 5
    if actions == "multidiscrete":
        assert result[group, "action_mask"].shape[-2:] == (5, 2)


# Tianshou, skrl, a loop as CleanRL's ---------------------------------------------------------------------------------


def test_tianshou_fills_its_buffer_from_its_own_vectors():
    client("tianshou")
    from tianshou.data import Batch, VectorReplayBuffer
    from tianshou.env import DummyVectorEnv

    envs = DummyVectorEnv([lambda: environment_of(testbed.gym.SEQUENTIAL_ID) for _ in range(2)])
    envs.seed(1)
    seen, buffer, rng = envs.reset()[0], VectorReplayBuffer(100, 2), np.random.default_rng(1)
    for _ in range(30):
        actions = rng.integers(0, 2, 2)
        following, rewards, terminated, truncated, infos = envs.step(actions)
        ends = {"terminated": terminated, "truncated": truncated}
        buffer.add(Batch(obs=seen, act=actions, rew=rewards, obs_next=following, info=infos, **ends))
        seen, ended = following.copy(), np.flatnonzero(terminated | truncated)
        if ended.size:
            seen[ended] = envs.reset(ended)[0]
    assert len(buffer) == 60
    assert buffer.sample(8)[0].info.mean_overhead.shape == (8,)
    envs.close()


@pytest.mark.parametrize("kind", ["single", "vector"])
def test_skrl_wraps_and_steps(kind):
    client("skrl")
    import torch
    from skrl.envs.wrappers.torch import wrap_env

    single = kind == "single"
    raw = (
        environment_of(actions="multidiscrete")
        if single
        else gymnasium.make_vec(
            testbed.gym.ID, num_envs=3, actions="multidiscrete", autoreset_mode="next_step", **SHORT
        )
    )
    env = wrap_env(raw, wrapper="gymnasium")
    seen, _ = env.reset()
    for _ in range(5):
        seen, rewards, *_ = env.step(torch.ones((env.num_envs, 15), dtype=torch.int64))
    assert seen.shape == (env.num_envs, 354)
    assert rewards.shape == (env.num_envs, 1)
    env.close()


def test_a_loop_as_cleanrls_sees_the_end_of_every_episode():
    envs = gymnasium.wrappers.vector.RecordEpisodeStatistics(
        gymnasium.make_vec(testbed.gym.ID, num_envs=3, autoreset_mode="next_step", **SHORT)
    )
    envs.reset(seed=1)
    returns = []
    for _ in range(20):
        _, rewards, _, _, infos = envs.step(envs.action_space.sample())
        assert rewards.shape == (3,)
        if "episode" in infos:
            returns += list(infos["episode"]["r"][infos["_episode"]])
    assert len(returns) == 9
    assert max(returns) < 0


def test_normalizing_wrappers_of_gymnasium_take_the_native_vector():
    envs = EdgeOffloadVector(3, autoreset_mode="next_step", **SHORT)
    wrapped = gymnasium.wrappers.vector.NormalizeReward(gymnasium.wrappers.vector.NormalizeObservation(envs))
    wrapped.reset(seed=1)
    for _ in range(10):
        seen = wrapped.step(wrapped.action_space.sample())[0]
    assert np.abs(seen).max() < 100


# RLlib --------------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_rllib_trains_on_multidiscrete_actions():
    ray = client("ray")
    client("ray.rllib")
    from ray.rllib.algorithms.ppo import PPOConfig
    from ray.tune.registry import register_env

    register_env("edge", lambda config: environment_of(actions="multidiscrete", **config))
    ray.init(num_cpus=1, include_dashboard=False, ignore_reinit_error=True, log_to_driver=False)
    try:
        config = PPOConfig().environment("edge", env_config={"normalize": True})
        config = config.env_runners(num_env_runners=0).training(train_batch_size=60, minibatch_size=30, num_epochs=1)
        result = config.build_algo().train()
        assert result["env_runners"]["num_env_steps_sampled"] >= 60
        assert result["env_runners"]["episode_return_mean"] < 0
    finally:
        ray.shutdown()


@pytest.mark.slow
def test_rllib_trains_cells_as_agents():
    ray = client("ray")
    client("ray.rllib")
    from ray.rllib.algorithms.ppo import PPOConfig
    from ray.rllib.env.wrappers.pettingzoo_env import ParallelPettingZooEnv
    from ray.tune.registry import register_env

    register_env("cells", lambda _: ParallelPettingZooEnv(EdgeOffloadCells(actions="multidiscrete", **SHORT)))
    ray.init(num_cpus=1, include_dashboard=False, ignore_reinit_error=True, log_to_driver=False)
    try:
        config = PPOConfig().environment("cells").env_runners(num_env_runners=0)
        config = config.training(train_batch_size=60, minibatch_size=30, num_epochs=1)
        config = config.multi_agent(policies={"all"}, policy_mapping_fn=lambda agent, *_, **__: "all")
        assert config.build_algo().train()["env_runners"]["num_env_steps_sampled"] >= 60
    finally:
        ray.shutdown()
