"""A2C and PPO of Stable-Baselines3 on the same twin, reward and observation, for `learning.py`.

γ and λ are A3C's, the rest are SB3's defaults but for the learning rate, the length of rollouts and the network.
"""

import time
from collections.abc import Callable
from typing import Any

import torch
from stable_baselines3 import A2C, PPO
from stable_baselines3.common.vec_env import VecNormalize

from testbed.gym.sb3 import Batch
from testbed.model.schema import Scenario
from testbed.twin.twin import Twin

WORLDS, EPISODE_SLOTS, BACKLOG_S, GAMMA = 16, 50, 2.0, 0.9
NETWORK = {"net_arch": [128, 128]}
MODELS = {
    "sb3-a2c": (A2C, {"learning_rate": 1e-3, "n_steps": 20, "gae_lambda": 0.8, "ent_coef": 1e-3}),
    "sb3-ppo": (PPO, {"learning_rate": 1e-3, "n_steps": 50, "batch_size": 800, "n_epochs": 5, "gae_lambda": 0.8}),
}


def follow(model: Any) -> Callable[[Twin], Any]:
    """What plays one slot of worlds by a model, without exploring."""
    return lambda twin: twin.step(model.predict(twin.observe("full"), deterministic=True)[0])


def train(
    algorithm: str, scenario: Scenario, seed: int, slots: int, verdicts: int, judged: Callable[[Any, float], None]
) -> Any:
    """Train for ``slots`` world slots, calling ``judged`` with the model and its CPU seconds so far now and then."""
    torch.set_num_threads(1)
    kind, options = MODELS[algorithm]
    batch = Batch(WORLDS, scenario=scenario, observation="full", reward="holding", episode_slots=EPISODE_SLOTS,
                  backlog_s=BACKLOG_S)  # fmt: skip
    batch.seed(2**32 + 10**6 * seed)
    normal = VecNormalize(batch, norm_obs=False, gamma=GAMMA, clip_reward=100.0)
    model = kind("MlpPolicy", normal, gamma=GAMMA, seed=seed, policy_kwargs=NETWORK, device="cpu", **options)
    spent = 0.0
    for _ in range(verdicts):
        cpu = time.process_time()
        model.learn(slots // verdicts, reset_num_timesteps=False)
        spent += time.process_time() - cpu
        judged(model, spent)
    return model
