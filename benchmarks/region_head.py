"""Settings of the head `regional` on `region`: ``python benchmarks/region_head.py [--seeds N] [--out FILE] [--json]``.

Each is trained as by ``testbed train region --algorithm a3c-do --head regional --seed S --updates N --option …``; its
checkpoint then plays 32 validation workloads that no training is judged by. Seconds are of CPU time, for training
alone. How soon a training is how good is told by the 8 workloads that it is judged by, at 20 evaluations.
"""

import math
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from controller.learn.evaluate import evaluate
from controller.learn.learner import TrainConfig
from controller.learn.options import optioned
from controller.learn.train import Budget, Evaluator, Report, Trainer
from harness import Entry, measure, options, report, table
from learning_tables import NEAR
from testbed.cli.commands.train import VERDICTS
from testbed.experiments import tune
from testbed.model.statistics import mean
from testbed.policy.network import REGIONAL, Array
from testbed.scenario.load import load_scenario
from testbed.trace import inputs
from testbed.twin import build

FIRST_SEED, WORKLOADS = 1_000_100, 32
SETTINGS: tuple[tuple[float, int, tuple[str, ...]], ...] = (
    (0.7, 12_000, ()),
    (0.7, 12_000, ("rate=0.004",)),
    (0.7, 18_000, ("rate=0.004",)),
    (0.7, 12_000, ("rate=0.001",)),
    (0.7, 12_000, ("rate=0.008",)),
    (0.7, 12_000, ("entropy=0.003",)),
    (0.7, 12_000, ("gamma=0.95",)),
    (0.7, 36_000, ()),
    (0.9, 12_000, ()),
)


class _TimedEvaluator(Evaluator):
    """Knows the CPU time since everything was compiled, without that of evaluations."""

    def compile(self, params: Array) -> None:
        """Have compiled what an evaluation needs; then training begins."""
        super().compile(params)
        self._began = time.process_time()

    def evaluate(self, params: Array) -> float:
        """See `Evaluator.evaluate`; ``trained_s`` is how long training had taken by then."""
        begun = time.process_time()
        self.trained_s = begun - self._began
        overhead = super().evaluate(params)
        self._began += time.process_time() - begun
        return overhead


def rows(seeds: int) -> Iterator[Entry]:
    """What is trained, one seed of everything after another."""
    for seed in range(1, seeds + 1):
        for density, updates, chosen in SETTINGS:
            yield {"density": density, "updates": updates, "options": list(chosen), "seed": seed}


def run(row: Entry) -> Entry:
    """Train by a row; the overheads of what it became, and its ``curve``: CPU seconds, updates, overhead."""
    scenario = load_scenario("region", [f"density={row['density']}"])
    system = inputs.resolve(scenario).system
    endless, finite = (build.generator(scenario, system, endless=endless) for endless in (True, False))
    config = TrainConfig(
        system=system, source=endless, double=True, head=REGIONAL, seed=row["seed"], updates=row["updates"]
    )
    config = optioned(config, row["options"])
    evaluator = _TimedEvaluator(config, finite, list(tune.training_seeds(row["seed"], tune.SEEDS)))
    curve: list[tuple[float, int, float]] = []

    def note(done: Report) -> None:
        curve.append((round(evaluator.trained_s, 2), done.updates, done.overhead))

    every = row["updates"] // VERDICTS
    budget = Budget(seconds=0.0, updates=row["updates"], every_s=0.0, every_updates=every, early_stop=False)
    with tempfile.TemporaryDirectory(prefix="region-head-") as folder:
        Trainer(config, budget, evaluator, Path(folder) / "a3c-region-do.npz", config.about).run(note)
    seeds = range(FIRST_SEED, FIRST_SEED + WORKLOADS)
    score = evaluate(system, finite, double=True, params=evaluator.best_params, actor=config.actor, seeds=seeds)
    return {"cpu_s": round(evaluator.trained_s, 1), "overhead": score.overhead.tolist(), "curve": curve}


def near_s(entry: Entry, end: float) -> float:
    """The CPU second at which a training was first within `NEAR` of ``end``, NaN if it never was."""
    return next((seconds for seconds, _, overhead in entry["curve"] if overhead <= NEAR * end), math.nan)


def shown(entries: Sequence[Entry], ends: dict[float, float]) -> str:
    """The table; without an end of its own a density has the least overhead that any of its trainings was judged by."""
    lines = []
    for entry in entries:
        density = entry["density"]
        same = (overhead for one in entries if one["density"] == density for _, _, overhead in one["curve"])
        near = near_s(entry, ends.get(density, min(same)))
        asked = (f"{entry['updates']:,}", " ".join(entry["options"]), str(entry["seed"]))
        lines.append((str(density), *asked, f"{mean(entry['overhead']):.4f}", f"{entry['cpu_s']:.0f}", f"{near:.1f}"))
    return table(("ρ", "updates", "options", "seed", "overhead", "CPU s", "s to 2 %"), lines)


def main() -> None:
    """Train what is missing, and print."""
    parser = options("settings of the head regional", "--seeds", default=1)
    parser.add_argument(
        "--end", action="append", default=[], metavar="DENSITY=OVERHEAD", help="where long trainings end (the least)"
    )
    args = parser.parse_args()
    ends = {float(density): float(end) for density, _, end in (text.partition("=") for text in args.end)}
    entries = measure(rows(args.seeds), args.out, run)
    report(args, entries, shown(entries, ends))


if __name__ == "__main__":
    main()
