"""What was found about workloads, as the document that ``bound --json`` prints (pure)."""

from collections.abc import Sequence
from typing import Any

import msgspec

from testbed.analysis.comparison import UNSTABLE_SHARE
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


def bound_report(scenario: str, slots: int, results: Sequence[Found]) -> BoundReport:
    """Of at least one workload, each of them judging the same strategies."""
    best, bound = mean([one.best for one in results]), mean([one.bound for one in results])
    judged = {}
    for name in results[0].played:
        played = [one.played[name] for one in results]
        overhead, unstable = mean([one.overhead for one in played]), sum(not one.stable for one in played)
        stable = unstable <= UNSTABLE_SHARE * len(results)
        judged[name] = Judged(overhead, above(overhead, best), above(overhead, bound), stable)
    starts = ", ".join(dict.fromkeys(one.start for one in results))
    evaluations, seconds = sum(one.evaluations for one in results), sum(one.seconds for one in results)
    return BoundReport(
        scenario=scenario,
        seed=results[0].seed,
        slots=slots,
        workloads=len(results),
        tasks=sum(one.tasks for one in results),
        second_offload=results[0].second_offload,
        best_found=Best(best, starts, evaluations, seconds),
        lower_bound=LowerBound(bound),
        policies=judged,
        each=[_each(one) for one in results],
    )


def above(overhead: float, reference: float) -> float:
    """By which fraction ``overhead`` is above ``reference``; NaN above 0."""
    return overhead / reference - 1.0 if reference > 0.0 else float("nan")


def _each(one: Found) -> dict[str, Any]:
    return {
        "seed": one.seed,
        "tasks": one.tasks,
        "best_found": one.best,
        "from": one.start,
        "lower_bound": one.bound,
        "policies": {name: played.overhead for name, played in one.played.items()},
    }
