"""What a snapshot shows of single rows of a run: lives of tasks, learners, distributions of delays (pure)."""

from collections.abc import Iterable, Sequence

from testbed.analysis.parts import PARTS
from testbed.model.delay import S_PER_NS
from testbed.model.task import DECIDED, OFFLOAD
from testbed.protocol.rows import LinkRow, Row, TaskRow, UpdateRow, ended_ns
from testbed.watch.snapshot import DelaySpread, LearnerState, TaskLife

SHOWN_QUANTILES = (0.5, 0.95, 0.99)


def known_ns(row: Row) -> int:
    """When a row was known to whoever measured it."""
    match row:
        case TaskRow() if row.state == DECIDED:
            return row.ready_ns if row.ready_ns >= 0 else row.generated_ns
        case TaskRow():
            return ended_ns(row)
        case LinkRow():
            return row.start_ns
        case _:
            return row.at_ns


def spread_of(delays_ns: Iterable[int]) -> DelaySpread | None:
    """The distribution of a few delays, seconds; None of none."""
    ranked = sorted(delays_ns)
    if not ranked:
        return None
    at = (ranked[min(len(ranked) - 1, int(q * len(ranked)))] * S_PER_NS for q in SHOWN_QUANTILES)
    return DelaySpread(sum(ranked) * S_PER_NS / len(ranked), *at)


def learner_state(name: str, rows: Sequence[UpdateRow]) -> LearnerState:
    """A learner by its ``rows``, oldest first, at least one."""
    last = rows[-1]
    return LearnerState(
        name=name,
        updates=last.updates,
        version=last.version,
        updates_per_s=last.rate,
        lag=last.lag,
        loss=tuple(row.loss for row in rows),
        entropy=tuple(row.entropy for row in rows),
        reward=tuple(row.reward for row in rows),
    )


def task_life(row: TaskRow) -> TaskLife:
    """An ended task, times in seconds."""
    return TaskLife(
        ue=row.ue,
        number=row.number,
        state=row.state,
        where=row.es if row.choice >= OFFLOAD and row.es else row.ue,
        delay_s=max(0, row.measured_ns) * S_PER_NS,
        deadline_s=row.deadline_ns * S_PER_NS,
        overhead=row.overhead,
        parts=tuple((part, ns * S_PER_NS) for part in PARTS if (ns := getattr(row, f"{part}_ns")) > 0),
    )
