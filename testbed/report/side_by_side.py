"""Runs side by side: means with intervals, and each run's overhead against a baseline's (pure).

Delays of neighbouring tasks depend on each other. So an interval is of batch means: of the tasks that were generated in
each of ten equal spans of time. Two runs of the same tasks are compared batch by batch, which takes the ups and downs
of the workload out of their difference.
"""

import math
from collections.abc import Callable, Sequence

import msgspec

from testbed.analysis import intervals
from testbed.model.delay import S_PER_NS
from testbed.model.statistics import mean
from testbed.protocol.rows import TaskRow
from testbed.report.reported import Reported

BATCHES, LEAST_IN_A_BATCH = 10, 3
Batches = list[list[TaskRow]]


class Figure(msgspec.Struct, frozen=True):
    """A mean over finished tasks, NaN if there are none, and the half-width of its 95 % interval, NaN if they are too
    few for one."""

    mean: float
    half_width: float


class Change(msgspec.Struct, frozen=True):
    """A mean overhead against another, as a fraction of it: −0.05 is 5 % less. Bounds are NaN without an interval."""

    value: float
    low: float
    high: float


class Figures(msgspec.Struct, frozen=True):
    """The means of a run."""

    delay_s: Figure
    energy_j: Figure
    overhead: Figure


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """A run beside the ``baseline``, a run's label; ``same_tasks``: both had the same workload."""

    label: str
    run: str
    delay_s: Figure
    delay_p95_s: float
    energy_j: Figure
    overhead: Figure
    deadline_hit_rate: float
    stable: bool
    baseline: str
    same_tasks: bool
    overhead_change: Change


def figures(one: Reported) -> Figures:
    """The means of a run with their intervals."""
    batches = batched(one)
    return Figures(
        _figure(one.done, batches, _delay_s),
        _figure(one.done, batches, _energy_j),
        _figure(one.done, batches, _overhead),
    )


def standings(listed: Sequence[Reported], baseline: Reported) -> list[Standing]:
    """Every run of ``listed`` beside ``baseline``, which is one of them."""
    return [_standing(one, baseline) for one in listed]


def batched(one: Reported) -> Batches:
    """The finished tasks by the span of time that generated them; none if a span has too few for a mean."""
    end_ns = max(1, min(one.run.resolved.system.end_ns, one.run.end_ns))
    batches: Batches = [[] for _ in range(BATCHES)]
    for row in one.done:
        batches[min(BATCHES - 1, row.generated_ns * BATCHES // end_ns)].append(row)
    return batches if min(map(len, batches)) >= LEAST_IN_A_BATCH else []


def _standing(one: Reported, baseline: Reported) -> Standing:
    own = figures(one)
    same = one.run.workload == baseline.run.workload
    return Standing(
        label=one.label,
        run=one.run.name,
        delay_s=own.delay_s,
        delay_p95_s=one.summary.delay_s.p95,
        energy_j=own.energy_j,
        overhead=own.overhead,
        deadline_hit_rate=one.summary.deadline_hit_rate,
        stable=one.summary.stable,
        baseline=baseline.label,
        same_tasks=same,
        overhead_change=_change(one, baseline, same_tasks=same),
    )


def _change(one: Reported, baseline: Reported, *, same_tasks: bool) -> Change:
    """How much more overhead ``one`` has, with an interval if it can be paired with ``baseline`` batch by batch."""
    ours, theirs = batched(one), batched(baseline)
    if one is baseline or not one.done or not baseline.done:
        return Change(math.nan, math.nan, math.nan)
    if same_tasks and ours and theirs and _is_steady(one) and _is_steady(baseline):
        ratio = intervals.of_ratio(_shares(ours, len(one.done)), _shares(theirs, len(baseline.done)))
        return Change(ratio.value - 1.0, ratio.low - 1.0, ratio.high - 1.0)
    below = mean([row.overhead for row in baseline.done])
    value = mean([row.overhead for row in one.done]) / below - 1.0 if below else math.nan
    return Change(value, math.nan, math.nan)


def _is_steady(one: Reported) -> bool:
    """Whether a run ended by itself, and its means do not depend on its length."""
    return one.summary.stable and not one.run.reason


def _shares(batches: Batches, count: int) -> list[float]:
    """What each batch adds to the mean overhead of ``count`` tasks: the ratio of sums is then that of the means."""
    return [math.fsum(row.overhead for row in batch) / count for batch in batches]


def _figure(done: Sequence[TaskRow], batches: Batches, value: Callable[[TaskRow], float]) -> Figure:
    middle = mean([value(row) for row in done])
    if not batches:
        return Figure(middle, math.nan)
    interval = intervals.of_mean([mean([value(row) for row in batch]) for batch in batches])
    return Figure(middle, (interval.high - interval.low) / 2.0)


def _delay_s(row: TaskRow) -> float:
    return row.measured_ns * S_PER_NS


def _energy_j(row: TaskRow) -> float:
    return row.energy_j


def _overhead(row: TaskRow) -> float:
    return row.overhead
