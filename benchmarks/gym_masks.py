"""What action masks are worth to PPO: ``python benchmarks/gym_masks.py [--slots N] [--seeds N]``.

PPO of Stable-Baselines3 against MaskablePPO of sb3-contrib, alike but for the masks, on the twin's `region`; mean
overhead on the workloads that `testbed compare` evaluates, means over seeds of training.
"""

import argparse
import statistics

import torch
from sb3_contrib import MaskablePPO
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import VecNormalize

from testbed.gym.evaluation import evaluate
from testbed.gym.sb3 import Batch

WORLDS, TRAINING_SEED = 16, 1_000_000_000
SETTINGS = {"learning_rate": 1e-3, "n_steps": 50, "batch_size": 400, "n_epochs": 5, "gamma": 0.9, "gae_lambda": 0.8}


def overhead(kind: type, slots: int, seed: int) -> float:
    """Mean overhead after ``slots`` world slots of training."""
    torch.set_num_threads(1)
    batch = Batch(WORLDS)
    normal = VecNormalize(batch, norm_obs=False, gamma=SETTINGS["gamma"], clip_reward=100.0)
    model = kind("MlpPolicy", normal, seed=seed, device="cpu", **SETTINGS)
    normal.seed(TRAINING_SEED + 1000 * seed)
    return evaluate(model.learn(slots)).overhead


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--slots", type=int, default=60_000, help="of training (60000)")
    parser.add_argument("--seeds", type=int, default=3, help="trainings of each kind (3)")
    args = parser.parse_args()
    found = {
        kind.__name__: [overhead(kind, args.slots, seed) for seed in range(args.seeds)] for kind in (PPO, MaskablePPO)
    }
    for name, values in found.items():
        print(f"{name:12} {statistics.mean(values):.4f}   each {', '.join(f'{value:.4f}' for value in values)}")
    plain, masked = (statistics.mean(values) for values in found.values())
    print(f"masks: {100 * (1 - masked / plain):.1f} % less overhead after {args.slots} slots")
