"""Policies compared over the same workloads (pure): means with 95 % intervals, paired ratios with t tests.

The pairs of one metric are tested together, at a level of 5 % that Holm's correction keeps for all of them. A policy
whose backlog grew with the run on more than a quarter of the workloads is unstable: its mean depends on the run's
length, so none of its pairs is called significant.
"""

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from itertools import combinations

import msgspec
import numpy as np
from numpy.typing import NDArray

from testbed.analysis import figures, intervals
from testbed.analysis.intervals import Estimate
from testbed.model.errors import UsageError
from testbed.model.ledger import Ledger
from testbed.model.system import System
from testbed.protocol.rows import POLICY_ERROR, EventRow, TaskRow
from testbed.protocol.table import ColumnTable

METRICS = ("overhead", "delay_s", "delay_p95_s", "delay_p99_s", "energy_j", "deadline_hit_rate")
UNSTABLE_SHARE = 0.25
LEVEL = 0.05


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """One strategy on one workload: means and delay percentiles over finished tasks, the verdict on its backlog, how
    often it failed to decide."""

    overhead: float
    delay_s: float
    energy_j: float
    deadline_hit_rate: float
    stable: bool
    policy_errors: int = 0
    delay_p95_s: float = math.nan
    delay_p99_s: float = math.nan


class Interval(msgspec.Struct, frozen=True):
    """A mean over workloads with its 95 % interval (NaN with a single workload)."""

    mean: float
    ci95: tuple[float, float]


class Strategy(msgspec.Struct, frozen=True, kw_only=True):
    """A strategy over all workloads; ``unstable_workloads`` of them saw its backlog grow. The fallback decided instead
    of it ``policy_errors`` times."""

    overhead: Interval
    delay_s: Interval
    delay_p95_s: Interval
    delay_p99_s: Interval
    energy_j: Interval
    deadline_hit_rate: Interval
    stable: bool
    unstable_workloads: int
    policy_errors: int


class Pair(msgspec.Struct, frozen=True, kw_only=True):
    """``a`` against ``b``: the ratio of their means, paired by workload.

    ``p`` is of the two-sided t test that the ratio is 1, ``p_holm`` the same corrected for all pairs of the metric.
    The difference is ``significant`` when both strategies are stable and ``p_holm`` is below `LEVEL`. Pairs of
    unstable strategies are not tested.
    """

    a: str
    b: str
    metric: str
    ratio: float
    ci95: tuple[float, float]
    p: float
    p_holm: float
    significant: bool
    stable: bool


class Comparison(msgspec.Struct, frozen=True):
    """What ``compare --json`` prints. In ``empty_workloads`` some policy finished no task: they are left out."""

    workloads: int
    policies: dict[str, Strategy]
    pairs: list[Pair]
    empty_workloads: int = 0


def sample(tasks: Sequence[TaskRow], audit: Ledger, system: System, events: Iterable[EventRow]) -> Sample:
    """The sample of a run from its last rows, their ledger and its events."""
    rows = ColumnTable.of(TaskRow, tasks)
    done = figures.finished(rows)
    return sample_of(
        figures.seconds(done.ints("measured_ns")),
        done.reals("overhead"),
        done.reals("energy_j"),
        deadline_hit_rate=audit.completed / audit.generated if audit.generated else math.nan,
        stable=figures.is_stable(rows, system),
        policy_errors=sum(event.kind == POLICY_ERROR for event in events),
    )


def sample_of(
    delays_s: NDArray[np.float64],
    overheads: NDArray[np.float64],
    energies_j: NDArray[np.float64],
    *,
    deadline_hit_rate: float,
    stable: bool,
    policy_errors: int = 0,
) -> Sample:
    """A sample from the values of finished tasks."""
    p95, p99 = figures.percentiles(delays_s, 95, 99)
    return Sample(
        overhead=figures.mean(overheads),
        delay_s=figures.mean(delays_s),
        energy_j=figures.mean(energies_j),
        deadline_hit_rate=deadline_hit_rate,
        stable=stable,
        policy_errors=policy_errors,
        delay_p95_s=p95,
        delay_p99_s=p99,
    )


def compare(samples: Mapping[str, Mapping[Hashable, Sample]]) -> Comparison:
    """Compare policies by name on the workloads that all of them saw and finished tasks of.

    Raises `UsageError` if there is none.
    """
    shared = _shared(samples)
    used = [key for key in shared if not any(math.isnan(own[key].overhead) for own in samples.values())]
    if not used:
        raise UsageError("no workload has tasks that all policies finished", "give more slots, or a higher density")
    listed = {name: [own[key] for key in used] for name, own in samples.items()}
    policies = {name: _strategy(own) for name, own in listed.items()}
    stable = {name: one.stable for name, one in policies.items()}
    pairs = [pair for metric in METRICS for pair in _pairs(listed, metric, stable)]
    return Comparison(len(used), policies, pairs, len(shared) - len(used))


def pooled(samples: Iterable[Mapping[str, Mapping[Hashable, Sample]]]) -> dict[str, dict[Hashable, Sample]]:
    """Samples of several points of a sweep as one, workloads told apart by their point."""
    together: dict[str, dict[Hashable, Sample]] = {}
    for point, by_policy in enumerate(samples):
        for name, by_workload in by_policy.items():
            together.setdefault(name, {}).update({(point, key): one for key, one in by_workload.items()})
    return together


def _shared(samples: Mapping[str, Mapping[Hashable, Sample]]) -> list[Hashable]:
    first, *others = samples.values()
    shared = [key for key in first if all(key in other for other in others)]
    if not shared:
        remedy = "compare runs of the same tasks: replay one of them under the policies of the others"
        raise UsageError("these runs have no workload in common", remedy)
    return shared


def _strategy(samples: Sequence[Sample]) -> Strategy:
    unstable = sum(not one.stable for one in samples)
    return Strategy(
        **{metric: _interval(intervals.of_mean(_column(samples, metric))) for metric in METRICS},
        stable=unstable <= UNSTABLE_SHARE * len(samples),
        unstable_workloads=unstable,
        policy_errors=sum(one.policy_errors for one in samples),
    )


def _pairs(listed: Mapping[str, Sequence[Sample]], metric: str, stable: Mapping[str, bool]) -> list[Pair]:
    """Every pair of strategies by one metric, tested together."""
    columns = {name: _column(samples, metric) for name, samples in listed.items()}
    pairs = list(combinations(listed, 2))
    ratios = [intervals.of_ratio(columns[a], columns[b]) for a, b in pairs]
    tested = [stable[a] and stable[b] for a, b in pairs]
    p_values = [ratio.p if test else math.nan for ratio, test in zip(ratios, tested, strict=True)]
    return [
        Pair(
            a=a,
            b=b,
            metric=metric,
            ratio=ratio.value,
            ci95=(ratio.low, ratio.high),
            p=p,
            p_holm=corrected,
            significant=corrected < LEVEL,
            stable=test,
        )
        for (a, b), ratio, test, p, corrected in zip(
            pairs, ratios, tested, p_values, intervals.holm(p_values), strict=True
        )
    ]


def _column(samples: Sequence[Sample], metric: str) -> list[float]:
    """The metric over workloads."""
    return [float(getattr(one, metric)) for one in samples]


def _interval(estimate: Estimate) -> Interval:
    return Interval(estimate.value, (estimate.low, estimate.high))


def best(comparison: Comparison) -> str:
    """The stable strategy of least mean overhead; "" if none is stable."""
    stable = {name: one.overhead.mean for name, one in comparison.policies.items() if one.stable}
    return min(stable, key=lambda name: (stable[name], name)) if stable else ""
