"""What action masks are worth to PPO: ``python benchmarks/gym_masks.py [--slots N] [--seeds N]``.

PPO of Stable-Baselines3 against MaskablePPO of sb3-contrib, alike but for the masks, on the twin's `region`; mean
overhead on the workloads that `testbed compare` evaluates, means over seeds of training.
"""

import statistics
from collections.abc import Sequence
from typing import Any

import torch
from sb3_contrib import MaskablePPO
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import VecNormalize

from harness import Entry, measure, options, report, table
from testbed.gym.evaluation import evaluate
from testbed.gym.sb3 import Batch

WORLDS, TRAINING_SEED = 16, 1_000_000_000
KINDS: dict[str, Any] = {kind.__name__: kind for kind in (PPO, MaskablePPO)}
HYPERPARAMETERS = {
    "learning_rate": 1e-3,
    "n_steps": 50,
    "batch_size": 400,
    "n_epochs": 5,
    "gamma": 0.9,
    "gae_lambda": 0.8,
}


def run(row: Entry) -> Entry:
    """Mean overhead after a training."""
    torch.set_num_threads(1)
    batch = Batch(WORLDS)
    normal = VecNormalize(batch, norm_obs=False, gamma=HYPERPARAMETERS["gamma"], clip_reward=100.0)
    model = KINDS[row["kind"]]("MlpPolicy", normal, seed=row["seed"], device="cpu", **HYPERPARAMETERS)
    normal.seed(TRAINING_SEED + 1000 * row["seed"])
    return {"overhead": evaluate(model.learn(row["slots"])).overhead}


def line(kind: str, overheads: Sequence[float]) -> Sequence[str]:
    """One kind of training."""
    return kind, f"{statistics.mean(overheads):.4f}", ", ".join(f"{overhead:.4f}" for overhead in overheads)


def main() -> None:
    """Train, evaluate and print."""
    parser = options("what action masks are worth to PPO", "--seeds", default=3)
    parser.add_argument("--slots", type=int, default=60_000, help="of training (60000)")
    args = parser.parse_args()
    wanted = [{"kind": kind, "slots": args.slots, "seed": seed} for kind in KINDS for seed in range(args.seeds)]
    entries = measure(wanted, args.out, run)
    by_kind = {kind: [entry["overhead"] for entry in entries if entry["kind"] == kind] for kind in KINDS}
    plain, masked = (statistics.mean(overheads) for overheads in by_kind.values())
    text = table(("algorithm", "mean overhead", "each"), [line(*item) for item in by_kind.items()])
    masks = f"masks: {100 * (1 - masked / plain):.1f} % less overhead after {args.slots} slots"
    report(args, entries, f"{text}\n\n{masks}")


if __name__ == "__main__":
    main()
