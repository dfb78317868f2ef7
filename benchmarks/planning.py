"""How much looking ahead is worth on `region`, paired with tuned ``priced-do``, and how far it stays from hindsight.

``python benchmarks/planning.py --out FILE.jsonl`` goes on from what the file has. Prices are tuned for each density on
their training workloads; no evaluation workload is among those, and nothing of the planner was chosen on one.
"""

import functools
import tempfile
import time
from collections.abc import Iterator, Sequence

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
BASE, PLANS, USUAL = "priced-do", "plan-do:priced-do", "plan-do"


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
def prices(density: float) -> str:
    """A checkpoint of ``priced-do``, tuned for a density."""
    folder = tempfile.mkdtemp(prefix="planning-")
    tuned = testbed("tune", "region", "--policy", BASE, "--out", folder, "--set", f"density={density}")
    return str(tuned["checkpoint"])


def rows(seeds: int, workloads: int) -> Iterator[Entry]:
    """What is measured: densities and workloads, in full and in hindsight."""
    for density in DENSITIES:
        for n in range(max(seeds, workloads)):
            place = {"density": density, "seed": FIRST_SEED + n, "think": THINK}
            if n < seeds:
                yield {"what": "overhead", **place}
            if n < workloads:
                yield {"what": "hindsight", **place}


def run(row: Entry) -> Entry:
    """Measure a row."""
    slots = SLOTS if row["what"] == "overhead" else PLANNED_SLOTS
    changes = [f"density={row['density']}", f"seed={row['seed']}", f"slots={slots}"]
    resolved = inputs.resolve(load_scenario("region", changes))
    workload = inputs.generate(resolved.scenario, resolved.system)
    names = {BASE: f"{BASE}:{prices(row['density'])}"}
    names |= {PLANS: f"plan-do@{THINK}:{names[BASE]}", USUAL: f"plan-do@{THINK}"}
    return _overheads(resolved, workload, names) if row["what"] == "overhead" else _bound(resolved, workload, names)


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


def overheads(entries: Sequence[Entry]) -> str:
    """The table of mean overheads; changes are of the means of paired workloads, with their 95 % interval."""
    lines = []
    for density in DENSITIES:
        own = [entry for entry in entries if entry["what"] == "overhead" and entry["density"] == density]
        if not own:
            continue
        line = [str(density), str(len(own)), f"{mean([entry[BASE] for entry in own]):.4f}"]
        for label in (PLANS, USUAL):
            ratio = intervals.of_ratio([entry[label] for entry in own], [entry[BASE] for entry in own])
            line.append(f"{mean([entry[label] for entry in own]):.4f}")
            line.append(f"{_percent(ratio.value)} [{_percent(ratio.low)}, {_percent(ratio.high)}]")
        took = [mean([entry[f"{PLANS} ms"][n] for entry in own]) for n in (0, 1)]
        lines.append([*line, f"{took[0]:.1f}, {took[1]:.1f} ms"])
    head = ("ρ", "workloads", BASE, PLANS, "change", USUAL, "change", "CPU a slot, p50, p99")
    return table(head, lines)


def hindsight(entries: Sequence[Entry]) -> str:
    """The table of distances from the best found."""
    lines = []
    for density in DENSITIES:
        own = [entry for entry in entries if entry["what"] == "hindsight" and entry["density"] == density]
        if own:
            best = mean([entry["best found"] for entry in own])
            above = [_percent(mean([entry[label] for entry in own]) / best) for label in (BASE, PLANS, USUAL)]
            lines.append([str(density), str(len(own)), f"{best:.4f}", *above])
    return table(("ρ", "workloads", "best found", *(f"{label} above it" for label in (BASE, PLANS, USUAL))), lines)


def _percent(ratio: float) -> str:
    return f"{100.0 * (ratio - 1.0):+.1f} %"


def main() -> None:
    """Measure what is missing, and print."""
    parser = options("what looking ahead is worth", "--seeds", page="the tables", default=10)
    parser.add_argument("--workloads", type=int, default=5, help=f"of {PLANNED_SLOTS} slots, judged in hindsight (5)")
    args = parser.parse_args()
    wanted = list(rows(args.seeds, args.workloads))
    entries = recorded(args.out, PUBLISHED) if args.show else measure(wanted, args.out, run)
    report(args, entries, f"{overheads(entries)}\n\n{hindsight(entries)}", MARK)


if __name__ == "__main__":
    main()
