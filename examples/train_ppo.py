"""Train PPO of Stable-Baselines3 on the twin; then the very same object decides on the twin and on real processes.

    python examples/train_ppo.py                  # 300,000 slots of training, evaluated on both
    python examples/train_ppo.py 100000 twin      # shorter, and no processes

It prints the mean and the standard deviation of the reward of an episode (50 slots; minus what it cost, so higher is
better) beside that of the heuristics on the same workloads.
"""

import argparse
from typing import Any

import gymnasium
import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import VecNormalize

import testbed.gym  # registers EdgeOffload-v0
from testbed.gym.heuristics import heuristic
from testbed.gym.sb3 import Batch

EPISODES, FIRST_SEED = 5, 1_000_001
OPTIONS: dict[str, dict[str, Any]] = {"twin": {}, "testbed": {"speed": 10}}


def train(slots: int, worlds: int = 64) -> PPO:
    torch.set_num_threads(1)  # networks this small are slower on more
    batch = VecNormalize(Batch(worlds), norm_obs=False, gamma=0.95, clip_reward=100.0)
    model = PPO("MlpPolicy", batch, learning_rate=1e-3, n_steps=50, batch_size=1600, n_epochs=5, gamma=0.95, seed=1)
    return model.learn(slots)


def evaluate(model: Any, backend: str, episodes: int = EPISODES) -> tuple[float, float]:
    env = gymnasium.make(testbed.gym.ID, backend=backend, **OPTIONS[backend])
    try:
        earned = [play(model, env, seed) for seed in range(FIRST_SEED, FIRST_SEED + episodes)]
    finally:
        env.close()
    return float(np.mean(earned)), float(np.std(earned))


def play(model: Any, env: gymnasium.Env[Any, Any], seed: int) -> float:
    seen, _ = env.reset(seed=seed)
    earned, over = 0.0, False
    while not over:
        action, _ = model.predict(seen[None], deterministic=True)
        seen, reward, terminated, truncated, _ = env.step(action[0])
        earned, over = earned + float(reward), terminated or truncated
    return earned


class Always:
    """What SB3 wants of a model, for a policy that never changes its mind."""

    def __init__(self, choice: int) -> None:
        self.choice = choice

    def predict(self, seen: NDArray[Any], state: object = None, **_: object) -> tuple[NDArray[Any], object]:
        return np.full((len(seen), 15), self.choice), state


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("slots", nargs="?", type=int, default=300_000, help="of training (300000)")
    parser.add_argument("backend", nargs="*", help=f"of {', '.join(OPTIONS)} (all)")
    args = parser.parse_args()
    models: dict[str, Any] = {"all local": Always(0), "all offloaded": Always(1), "ppo": train(args.slots)}
    models["greedy-do"] = heuristic("greedy-do", gymnasium.make(testbed.gym.ID))
    for backend in args.backend or OPTIONS:
        for name, model in models.items():
            mean, deviation = evaluate(model, backend)
            print(f"{backend:8} {name:14} {mean:9.1f} ± {deviation:.1f}")
