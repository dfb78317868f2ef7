"""Strategies compared over the same workloads (pure): means, paired ratios, 95 % intervals.

A strategy whose backlog grew with the run on more than a quarter of the workloads is unstable: its mean depends on the
run's length, so none of its pairs is called significant.
"""

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from itertools import combinations

import msgspec

from testbed.model.errors import UsageError
from testbed.model.ledger import Ledger
from testbed.model.system import System
from testbed.protocol.rows import POLICY_ERROR, EventRow, TaskRow
from testbed.run import intervals
from testbed.run.intervals import Estimate
from testbed.run.summary import is_stable, measures

METRICS = ("overhead", "delay_s", "energy_j", "deadline_hit_rate")
UNSTABLE_SHARE = 0.25


class Sample(msgspec.Struct, frozen=True):
    """One strategy on one workload: means over finished tasks, the verdict on its backlog, how often it failed to
    decide."""

    overhead: float
    delay_s: float
    energy_j: float
    deadline_hit_rate: float
    stable: bool
    policy_errors: int = 0


class Interval(msgspec.Struct, frozen=True):
    """A mean over workloads with its 95 % interval (NaN with a single workload)."""

    mean: float
    ci95: tuple[float, float]


class Strategy(msgspec.Struct, frozen=True):
    """A strategy over all workloads; ``unstable_workloads`` of them saw its backlog grow. The fallback decided instead
    of it ``policy_errors`` times."""

    overhead: Interval
    delay_s: Interval
    energy_j: Interval
    deadline_hit_rate: Interval
    stable: bool
    unstable_workloads: int
    policy_errors: int


class Pair(msgspec.Struct, frozen=True):
    """``a`` against ``b``: the ratio of their means, paired by workload; significant when its interval excludes 1."""

    a: str
    b: str
    metric: str
    ratio: float
    ci95: tuple[float, float]
    significant: bool
    stable: bool


class Comparison(msgspec.Struct, frozen=True):
    """What ``compare --json`` prints; ``left_out`` counts the workloads of which some strategy finished no task."""

    workloads: int
    policies: dict[str, Strategy]
    pairs: list[Pair]
    left_out: int = 0


def sample(tasks: Sequence[TaskRow], audit: Ledger, system: System, events: Iterable[EventRow]) -> Sample:
    """The sample of a run from its last rows, their ledger and its events."""
    values = measures([row for row in tasks if row.finished_ns >= 0], audit)
    return Sample(
        values["overhead_mean"], values["delay_mean"], values["energy_mean"], values["deadline_hit_rate"],
        is_stable(tasks, system), sum(event.kind == POLICY_ERROR for event in events),
    )  # fmt: skip


def compare(samples: Mapping[str, Mapping[Hashable, Sample]]) -> Comparison:
    """Compare strategies by name on the workloads that all of them saw. Raises `UsageError` if there is none.

    A workload of which one of them finished no task has no means: it is left out. There are no strategies in a
    comparison of none.
    """
    common = _shared(samples)
    shared = [key for key in common if all(math.isfinite(mine[key].overhead) for mine in samples.values())]
    if not shared:
        return Comparison(0, {}, [], len(common))
    listed = {name: [mine[key] for key in shared] for name, mine in samples.items()}
    policies = {name: _strategy(mine) for name, mine in listed.items()}
    pairs = [
        _pair(a, b, metric, listed, policies[a].stable and policies[b].stable)
        for a, b in combinations(listed, 2)
        for metric in METRICS
    ]
    return Comparison(len(shared), policies, pairs, len(common) - len(shared))


def pooled(samples: Iterable[Mapping[str, Mapping[Hashable, Sample]]]) -> dict[str, dict[Hashable, Sample]]:
    """Samples of several points of a sweep as one, workloads told apart by their point."""
    together: dict[str, dict[Hashable, Sample]] = {}
    for point, found in enumerate(samples):
        for name, mine in found.items():
            together.setdefault(name, {}).update({(point, key): one for key, one in mine.items()})
    return together


def _shared(samples: Mapping[str, Mapping[Hashable, Sample]]) -> list[Hashable]:
    first, *others = samples.values()
    shared = [key for key in first if all(key in other for other in others)]
    if not shared:
        remedy = "compare runs of the same tasks; `testbed replay` makes them"
        raise UsageError("these runs have no workload in common", remedy)
    return shared


def _strategy(mine: Sequence[Sample]) -> Strategy:
    unstable = sum(not one.stable for one in mine)
    overhead, delay, energy, hits = (_interval(intervals.of_mean(_column(mine, metric))) for metric in METRICS)
    errors = sum(one.policy_errors for one in mine)
    return Strategy(overhead, delay, energy, hits, unstable <= UNSTABLE_SHARE * len(mine), unstable, errors)


def _pair(a: str, b: str, metric: str, listed: Mapping[str, Sequence[Sample]], stable: bool) -> Pair:
    ratio = intervals.of_ratio(_column(listed[a], metric), _column(listed[b], metric))
    significant = stable and (ratio.low > 1.0 or ratio.high < 1.0)
    return Pair(a, b, metric, ratio.value, (ratio.low, ratio.high), significant, stable)


def _column(mine: Sequence[Sample], metric: str) -> list[float]:
    """The metric over workloads."""
    return [float(getattr(one, metric)) for one in mine]


def _interval(estimate: Estimate) -> Interval:
    return Interval(estimate.value, (estimate.low, estimate.high))


def best(comparison: Comparison) -> str:
    """The stable strategy of least mean overhead; "" if none is stable."""
    stable = {name: one.overhead.mean for name, one in comparison.policies.items() if one.stable}
    return min(stable, key=lambda name: (stable[name], name)) if stable else ""
