"""What a run learned, from the rows of its workers (pure)."""

from collections import defaultdict
from collections.abc import Sequence

import msgspec

from testbed.model.learning import REPLAY, is_learner
from testbed.model.statistics import mean
from testbed.protocol.rows import RESTARTED, UpdateRow
from testbed.record.learning_requests import LEARNED_FILE
from testbed.record.reader import RecordedRun


class WorkerProgress(msgspec.Struct, frozen=True, kw_only=True):
    """One worker: its updates, how many a second and their mean policy lag in versions while it learned; loss and
    entropy (nats) of its last reported update; how often it had to be restarted."""

    updates: int
    updates_per_s: float
    policy_lag: float
    loss: float
    entropy: float
    restarts: int


class Learning(msgspec.Struct, frozen=True, kw_only=True):
    """The ``mode``, updates made by all workers, the last ``version`` of the parameters, updates a second and mean lag
    in versions while they learned, how often a worker had to be restarted, and each worker by name."""

    mode: str
    updates: int
    version: int
    updates_per_s: float
    policy_lag: float
    restarts: int
    workers: dict[str, WorkerProgress]


def learning(run: RecordedRun) -> Learning | None:
    """What was learned; None for a run that did not learn."""
    if not run.meta.get("learn"):
        return None
    rows: defaultdict[str, list[UpdateRow]] = defaultdict(list)
    for row in run.record.updates:
        rows[row.learner].append(row)
    restarted = [event.source for event in run.record.events if event.kind == RESTARTED and is_learner(event.source)]
    workers = {name: _progress(rows[name], restarted.count(name)) for name in sorted(rows, key=_worker_order)}
    lags = [row.lag for row in run.record.updates]
    return Learning(
        mode=str(run.meta.get("learn_mode", REPLAY)),
        updates=sum(worker.updates for worker in workers.values()),
        version=max((row.version for row in run.record.updates), default=0),
        updates_per_s=sum(worker.updates_per_s for worker in workers.values()),
        policy_lag=mean(lags) if lags else 0.0,
        restarts=len(restarted),
        workers=workers,
    )


def _progress(rows: Sequence[UpdateRow], restarts: int) -> WorkerProgress:
    return WorkerProgress(
        updates=rows[-1].updates,
        updates_per_s=mean([row.rate for row in rows]),
        policy_lag=mean([row.lag for row in rows]),
        loss=rows[-1].loss,
        entropy=rows[-1].entropy,
        restarts=restarts,
    )


def _worker_order(worker: str) -> tuple[int, str]:
    """Sorts workers by number rather than by letter."""
    return len(worker), worker


def unlearned(run: RecordedRun) -> list[str]:
    """What to know of a run that was to learn and did not, a line each."""
    progress = learning(run)
    if progress is None or progress.updates:
        return []
    slots = min(run.resolved.system.slots, max(0, run.end_ns) // run.resolved.system.slot_ns)
    return [
        f"nothing was learned in {slots} slots: its first weights decided throughout, and it leaves no {LEARNED_FILE} "
        "(give it more slots: the first update needs a segment of them, and a learner that is at work by then)"
    ]
