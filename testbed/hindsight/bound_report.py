"""What was found about workloads, as the document that ``bound --json`` prints and as text (pure)."""

import math
from collections.abc import Sequence
from typing import Any

import msgspec

from testbed.analysis.comparison import UNSTABLE_SHARE
from testbed.cli.labels import checkpoints, labels
from testbed.cli.summary_text import percent, table
from testbed.hindsight.evaluator import Found
from testbed.model.statistics import mean


class Best(msgspec.Struct, frozen=True, rename={"start": "from"}):
    """The best found: mean ``overhead``, the decisions that the search began ``from``, evaluations and wall time."""

    overhead: float
    start: str
    evaluations: int
    seconds: float


class LowerBound(msgspec.Struct, frozen=True):
    """A mean overhead that no decisions are below."""

    overhead: float


class Judged(msgspec.Struct, frozen=True):
    """A strategy's mean overhead, and by which fraction it is above the best found and above the bound."""

    overhead: float
    above_best: float
    above_bound: float
    stable: bool


class BoundReport(msgspec.Struct, frozen=True, kw_only=True):
    """Means over ``workloads``, and each workload's own numbers in ``each``."""

    scenario: str
    seed: int
    slots: int
    workloads: int
    tasks: int
    second_offload: bool
    best_found: Best
    lower_bound: LowerBound
    policies: dict[str, Judged]
    each: list[dict[str, Any]]


def bound_report(scenario: str, slots: int, found: Sequence[Found]) -> BoundReport:
    """Of at least one workload, each of them judging the same strategies."""
    best, bound = mean([one.best for one in found]), mean([one.bound for one in found])
    judged = {}
    for name in found[0].played:
        played = [one.played[name] for one in found]
        overhead, unstable = mean([one.overhead for one in played]), sum(not one.stable for one in played)
        stable = unstable <= UNSTABLE_SHARE * len(found)
        judged[name] = Judged(overhead, _above(overhead, best), _above(overhead, bound), stable)
    starts = ", ".join(dict.fromkeys(one.start for one in found))
    evaluations, seconds = sum(one.evaluations for one in found), sum(one.seconds for one in found)
    return BoundReport(
        scenario=scenario,
        seed=found[0].seed,
        slots=slots,
        workloads=len(found),
        tasks=sum(one.tasks for one in found),
        second_offload=found[0].second_offload,
        best_found=Best(best, starts, evaluations, seconds),
        lower_bound=LowerBound(bound),
        policies=judged,
        each=[_each(one) for one in found],
    )


def _above(overhead: float, reference: float) -> float:
    return overhead / reference - 1.0 if reference > 0.0 else float("nan")


def _more(share: float) -> str:
    """How much more, in percent; nothing where that is unknown, as above 0."""
    return "" if math.isnan(share) else f"{100 * share:+.1f} %"


def _each(one: Found) -> dict[str, Any]:
    return {
        "seed": one.seed,
        "tasks": one.tasks,
        "best_found": one.best,
        "from": one.start,
        "lower_bound": one.bound,
        "policies": {name: played.overhead for name, played in one.played.items()},
    }


def text(found: BoundReport) -> str:
    """The bound_report for people."""
    labelled = labels(found.policies)
    listed = checkpoints(labelled)
    best, bound = found.best_found, found.lower_bound.overhead
    rows = [
        (
            labelled[name],
            f"{one.overhead:.4f}",
            _more(one.above_best),
            _more(one.above_bound),
            "stable" if one.stable else "UNSTABLE",
        )
        for name, one in found.policies.items()
    ]
    rows.append(("best found", f"{best.overhead:.4f}", "", _more(_above(best.overhead, bound)), ""))
    rows.append(("lower bound", f"{bound:.4f}", "", "", ""))
    many = f"{found.workloads} workloads from seed {found.seed} on" if found.workloads > 1 else f"seed {found.seed}"
    offload = "second offload allowed" if found.second_offload else "without second offload"
    said = f"{found.scenario}, {many}, {found.slots} slots, {found.tasks} tasks, {offload}"
    head = ("mean overhead", "", "above best found", "above lower bound", "backlog")
    pace = f"{best.evaluations:,} evaluations in {best.seconds:.1f} s, begun from {best.start}"
    known = f"the optimum is between {bound:.4f} and {best.overhead:.4f}"
    if bound > 0.0:
        known += f": the best found is at most {percent(_above(best.overhead, bound))} above it"
    return f"{said}\n\n{table(head, rows)}\n\n{pace}\n{known}\n" + (f"\n{listed}\n" if listed else "")
