"""What a run learned, from the rows of its learner (pure)."""

import msgspec

from testbed.model.statistics import mean
from testbed.model.system import LEARNER
from testbed.protocol.rows import RESTARTED
from testbed.record.reader import RecordedRun

LEARNED_FILE = "learned.npz"


class Learning(msgspec.Struct, frozen=True):
    """Updates made, the last ``version`` of the weights, updates a second and mean policy lag in versions while it
    learned, and how often the learner had to be restarted."""

    updates: int
    version: int
    updates_per_s: float
    policy_lag: float
    restarts: int


def learning(run: RecordedRun) -> Learning | None:
    """What was learned; None for a run that did not learn."""
    if not run.meta.get("learn"):
        return None
    rows = run.record.updates
    restarts = sum(event.source == LEARNER and event.kind == RESTARTED for event in run.record.events)
    if not rows:
        return Learning(0, 0, 0.0, 0.0, restarts)
    rate, lag = mean([row.rate for row in rows]), mean([row.lag for row in rows])
    return Learning(rows[-1].updates, rows[-1].version, rate, lag, restarts)


def unlearned(run: RecordedRun) -> list[str]:
    """What to know of a run that was to learn and did not, a line each."""
    found = learning(run)
    if found is None or found.updates:
        return []
    slots = min(run.resolved.system.slots, max(0, run.end_ns) // run.resolved.system.slot_ns)
    return [
        f"nothing was learned in {slots} slots: its first weights decided throughout, and it leaves no {LEARNED_FILE} "
        "(give it more slots: the first update needs a segment of them, and a learner that is at work by then)"
    ]
