"""Learning curves from the lines of `learning.py`: validation overhead against CPU time and against samples.

``python benchmarks/learning_curves.py --file learning.jsonl [--file …] [--density 0.7] --out curves.png``: of each
strategy the interquartile mean over training seeds, with its 95 % bootstrap interval; heuristics, on the same
validation workloads, as lines. The suffix decides between PNG and SVG.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np

from harness import read_entries
from learning_jobs import VALIDATION, Job, follow, played, scenario_of
from learning_tables import Line
from testbed.analysis.bootstrap import band
from testbed.experiments import tune
from testbed.policy import loading

STRATEGIES = {"a3c-do": "A3C-DO", "dqn-do": "DQN-DO", "a3c": "A3C", "sb3-a2c": "SB3 A2C", "sb3-ppo": "SB3 PPO"}
ROOM = 0.02


def of_strategy(lines: Sequence[Line], algorithm: str, density: str) -> list[Line]:
    """The lines of a strategy with no options, one a seed, whose curves have the same length."""
    changes = [f"density={density}"]
    by_seed = {
        x["seed"]: x for x in lines if x["algorithm"] == algorithm and x["changes"] == changes and not x["options"]
    }
    return [line for line in by_seed.values() if len(line["curve"]) == len(next(iter(by_seed.values()))["curve"])]


def heuristics(density: str) -> dict[str, float]:
    """Mean overhead on the validation workloads; ``priced-do`` is tuned on them."""
    scenario = scenario_of(Job(table="", scenario="region", changes=(f"density={density}",), algorithm="baselines"))
    seeds = tune.training_seeds(0, VALIDATION)
    tuned = tune.tune(scenario, "priced-do", 0, lambda text, share: None)
    greedy = played(scenario, seeds, follow(loading.load("greedy-do")[0]), double=True)
    return {"greedy-do": float(np.mean(greedy["overhead"])), "priced-do": tuned.overhead}


def draw(lines: Sequence[Line], density: str, out: Path) -> None:
    """Both pictures side by side into ``out``."""
    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 2, figsize=(11, 4.2), sharey=True, layout="constrained")
    lines_at = heuristics(density)
    for algorithm, name in STRATEGIES.items():
        of_seeds = of_strategy(lines, algorithm, density)
        if not of_seeds:
            continue
        middle, low, high = band([[point[2] for point in line["curve"]] for line in of_seeds])
        cpu_s = np.median([[point[0] for point in line["curve"]] for line in of_seeds], axis=0)
        updates, last = np.array([point[1] for point in of_seeds[0]["curve"]]), of_seeds[0]["curve"][-1][1]
        samples = updates * (of_seeds[0]["world_slots"] / last) / 1e6
        for axis, x in zip(axes, (cpu_s, samples), strict=True):
            (line,) = axis.plot(x, middle, label=f"{name} ({len(of_seeds)})")
            axis.fill_between(x, low, high, color=line.get_color(), alpha=0.2, linewidth=0)
    for axis, x in zip(axes, ("CPU seconds", "million world slots"), strict=True):
        for style, (name, overhead) in zip((":", "--"), lines_at.items(), strict=True):
            axis.axhline(overhead, color="0.4", linestyle=style, linewidth=1, label=name)
        axis.set(xlabel=x, xlim=(0, None), ylim=(None, max(lines_at.values()) * (1.0 + ROOM)))
        axis.grid(alpha=0.3)
    axes[0].set_ylabel("mean overhead, validation")
    axes[1].legend(title=f"region, density {density} (seeds)", fontsize=8, title_fontsize=8)
    figure.savefig(out, dpi=150)


def main() -> None:
    """Read, draw, say where."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--file", type=Path, action="append", help="repeatable (learning.jsonl)")
    parser.add_argument("--density", default="0.7")
    parser.add_argument("--out", type=Path, default=Path("learning-curves.png"))
    args = parser.parse_args()
    lines = [line for path in args.file or [Path("learning.jsonl")] for line in read_entries(path)]
    draw(lines, args.density, args.out)
    print(args.out)


if __name__ == "__main__":
    main()
