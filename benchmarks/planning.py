"""How much looking ahead is worth on `region`, paired with tuned prices, and how far it stays from hindsight.

Both where the rule chooses the target of second offload and where agents do.

``python benchmarks/planning.py --out FILE.jsonl`` goes on from what the file has. Prices are tuned for each density on
their training workloads; no evaluation workload is among those, and nothing of the planner was chosen on one.
"""

import functools
import tempfile
import time
from collections.abc import Iterator, Sequence
from itertools import product
from typing import NamedTuple

import numpy as np

from harness import Entry, measure, options, recorded, report, table, testbed
from testbed.analysis import intervals
from testbed.experiments.virtual import by_twin
from testbed.hindsight import evaluator
from testbed.model.mdp import CellView
from testbed.model.statistics import mean
from testbed.model.system import Plan
from testbed.model.task import Task
from testbed.planning.planner import Planner
from testbed.policy import loading
from testbed.policy.planned import Planned
from testbed.scenario.load import load_scenario
from testbed.scenario.resolve import Resolved
from testbed.trace import inputs
from testbed.twin import run as twin

DENSITIES, FIRST_SEED = (0.7, 0.9), 500_000
SLOTS, PLANNED_SLOTS, EVALUATIONS = 300, 50, 1_000_000
THINK = "20ms"
PUBLISHED, MARK = "planning.jsonl", "planning"
OVERHEAD, HINDSIGHT = "overhead", "hindsight"


class Study(NamedTuple):
    """Who is compared: tuned prices (``base``), who ``plans`` from them, and the planner from its ``usual`` prices."""

    base: str
    plans: str
    usual: str
    changes: tuple[str, ...] = ()


STUDIES = {
    "": Study("priced-do", "plan-do:priced-do", "plan-do"),
    "chosen ": Study("priced-any", "plan-any:priced-any", "plan-any", ("second_offload.by=agent",)),
}


class Timed(Planner):
    """A planner that notes how long each slot took it, in ms of CPU time."""

    def __init__(self, plan: Plan, policy: Planned) -> None:
        super().__init__(plan, policy)
        self.took_ms: list[float] = []

    def decide_region(self, cells: Sequence[CellView]) -> dict[str, int]:
        """As a planner does."""
        begun = time.thread_time()
        decided = super().decide_region(cells)
        self.took_ms.append(1e3 * (time.thread_time() - begun))
        return decided


@functools.cache
def prices(density: float, study: Study) -> str:
    """A checkpoint of the prices of ``study``, tuned for a density."""
    folder = tempfile.mkdtemp(prefix="planning-")
    changes = [word for change in (f"density={density}", *study.changes) for word in ("--set", change)]
    tuned = testbed("tune", "region", "--policy", study.base, "--out", folder, *changes)
    return str(tuned["checkpoint"])


def rows(seeds: int, workloads: int) -> Iterator[Entry]:
    """What is measured: densities and workloads, in full and in hindsight."""
    for kind, density in product(STUDIES, DENSITIES):
        for n in range(max(seeds, workloads)):
            place = {"density": density, "seed": FIRST_SEED + n, "think": THINK}
            if n < seeds:
                yield {"what": kind + OVERHEAD, **place}
            if n < workloads:
                yield {"what": kind + HINDSIGHT, **place}


def run(row: Entry) -> Entry:
    """Measure a row."""
    judged = row["what"].endswith(HINDSIGHT)
    study = STUDIES[row["what"].removesuffix(HINDSIGHT if judged else OVERHEAD)]
    slots = PLANNED_SLOTS if judged else SLOTS
    changes = [f"density={row['density']}", f"seed={row['seed']}", f"slots={slots}", *study.changes]
    resolved = inputs.resolve(load_scenario("region", changes))
    workload = inputs.generate(resolved.scenario, resolved.system)
    tuned, usual = f"{study.base}:{prices(row['density'], study)}", f"{study.usual}@{THINK}"
    names = {study.base: tuned, study.plans: f"{usual}:{tuned}", study.usual: usual}
    return _bound(resolved, workload, names) if judged else _overheads(resolved, workload, names)


def _overheads(resolved: Resolved, workload: Sequence[Task], names: dict[str, str]) -> Entry:
    figures: Entry = {}
    for label, name in names.items():
        policy, double = loading.load(name)
        plan = resolved.plan(workload, name, second_offload=double, live=False)
        if not isinstance(policy, Planned):
            figures[label] = by_twin(plan, policy).mean_overhead
            continue
        planner = Timed(plan, policy)
        figures[label] = mean([row.overhead for row in twin.run(plan, planner).tasks])
        figures[f"{label} ms"] = [round(float(np.quantile(planner.took_ms[1:], q)), 3) for q in (0.5, 0.99)]
    return figures


def _bound(resolved: Resolved, workload: Sequence[Task], names: dict[str, str]) -> Entry:
    case = evaluator.of_scenario(resolved, workload, list(names.values()))
    result = evaluator.evaluate(case, EVALUATIONS, lambda share, text: False)
    played = {label: result.played[name].overhead for label, name in names.items()}
    return {"best found": result.best, "lower bound": result.bound, **played}


def overheads(entries: Sequence[Entry], kind: str) -> str:
    """The table of mean overheads; changes are of the means of paired workloads, with their 95 % interval."""
    base, plans, usual, _ = STUDIES[kind]
    lines = []
    for density in DENSITIES:
        own = of(entries, kind + OVERHEAD, density)
        if not own:
            continue
        line = [str(density), str(len(own)), f"{mean([entry[base] for entry in own]):.4f}"]
        for label in (plans, usual):
            ratio = intervals.of_ratio([entry[label] for entry in own], [entry[base] for entry in own])
            line.append(f"{mean([entry[label] for entry in own]):.4f}")
            line.append(f"{_percent(ratio.value)} [{_percent(ratio.low)}, {_percent(ratio.high)}]")
        took = [mean([entry[f"{plans} ms"][n] for entry in own]) for n in (0, 1)]
        lines.append([*line, f"{took[0]:.1f}, {took[1]:.1f} ms"])
    return table(("ρ", "workloads", base, plans, "change", usual, "change", "CPU a slot, p50, p99"), lines)


def hindsight(entries: Sequence[Entry], kind: str) -> str:
    """The table of distances from the best found."""
    lines, labels = [], STUDIES[kind][:3]
    for density in DENSITIES:
        own = of(entries, kind + HINDSIGHT, density)
        if own:
            best = mean([entry["best found"] for entry in own])
            above = [_percent(mean([entry[label] for entry in own]) / best) for label in labels]
            lines.append([str(density), str(len(own)), f"{best:.4f}", *above])
    return table(("ρ", "workloads", "best found", *(f"{label} above it" for label in labels)), lines)


def of(entries: Sequence[Entry], what: str, density: float) -> list[Entry]:
    """The ``entries`` of one kind and density."""
    return [entry for entry in entries if entry["what"] == what and entry["density"] == density]


def _percent(ratio: float) -> str:
    return f"{100.0 * (ratio - 1.0):+.1f} %"


def main() -> None:
    """Measure what is missing, and print."""
    parser = options("what looking ahead is worth", "--seeds", page="the tables", default=10)
    parser.add_argument("--workloads", type=int, default=5, help=f"of {PLANNED_SLOTS} slots, judged in hindsight (5)")
    args = parser.parse_args()
    wanted = list(rows(args.seeds, args.workloads))
    entries = recorded(args.out, PUBLISHED) if args.show else measure(wanted, args.out, run)
    there = {entry["what"] for entry in entries}
    tables = [
        show(entries, kind)
        for kind in STUDIES
        for show, what in ((overheads, OVERHEAD), (hindsight, HINDSIGHT))
        if kind + what in there
    ]
    report(args, entries, "\n\n".join(tables), MARK)


if __name__ == "__main__":
    main()
