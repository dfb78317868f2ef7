"""A2C and PPO of Stable-Baselines3 on the same twin, reward and observation, for `learning.py`.

γ and λ are A3C's, other settings the best of four tried for PPO and three for A2C; the rest are SB3's defaults.
"""

import time
from collections.abc import Callable
from typing import Any

import torch
from stable_baselines3 import A2C, PPO
from stable_baselines3.common.vec_env import VecNormalize

from testbed.gym.sb3 import Batch
from testbed.scenario.schema import Scenario
from testbed.twin.twin import Twin

SB3_EPISODE_SLOTS, BACKLOG_S, GAMMA, LAMBDA = 50, 2.0, 0.9, 0.8
NETWORKS = {"sb3-a2c": [64, 64], "sb3-ppo": [128, 128]}
WORLDS = {"sb3-a2c": 16, "sb3-ppo": 64}
MODELS = {
    "sb3-a2c": (A2C, {"learning_rate": 1e-3, "n_steps": 20}),
    "sb3-ppo": (PPO, {"learning_rate": 2e-3, "n_steps": 20, "batch_size": 1280, "n_epochs": 5}),
}


def follow(model: Any) -> Callable[[Twin], Any]:
    """What plays one slot of worlds by a model, without exploring."""

    def slot(twin: Twin) -> Any:
        twin.use(None)
        return twin.step(model.predict(twin.observe("full"), deterministic=True)[0])

    return slot


def train(
    algorithm: str, scenario: Scenario, seed: int, slots: int, evaluations: int, evaluated: Callable[[Any, float], None]
) -> Any:
    """Train for ``slots`` world slots, calling ``evaluated`` with the model and its CPU seconds so far now and then."""
    torch.set_num_threads(1)
    kind, options = MODELS[algorithm]
    batch = Batch(
        WORLDS[algorithm],
        scenario=scenario,
        observation="full",
        reward="holding",
        episode_slots=SB3_EPISODE_SLOTS,
        backlog_s=BACKLOG_S,
    )
    batch.seed(2**32 + 10**6 * seed)
    normal = VecNormalize(batch, norm_obs=False, gamma=GAMMA, clip_reward=100.0)
    network = {"net_arch": NETWORKS[algorithm]}
    model = kind(
        "MlpPolicy", normal, gamma=GAMMA, gae_lambda=LAMBDA, seed=seed, policy_kwargs=network, device="cpu", **options
    )
    spent = 0.0
    for _ in range(evaluations):
        cpu = time.process_time()
        model.learn(slots // evaluations, reset_num_timesteps=False)
        spent += time.process_time() - cpu
        evaluated(model, spent)
    return model
