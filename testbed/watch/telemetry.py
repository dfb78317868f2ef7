"""Rows of a run, taken as they come, into a `Snapshot` of any later instant (pure).

`Telemetry` keeps what rows say until its clock passes their instants, so one code serves a run that goes on, a record
that grows, and a recorded run that is played again. Going back in time is done by beginning anew.
"""

import bisect
import heapq
import itertools
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any

from testbed.analysis import recovery
from testbed.analysis.parts import PARTS
from testbed.analysis.recovery import Recovery
from testbed.model.delay import MS_PER_NS, S_PER_NS
from testbed.model.system import CONTROLLER, System
from testbed.model.task import COMPLETED, DECIDED, FAILED, LATE, OFFLOAD
from testbed.protocol.rows import (
    DIED,
    DROPPED_FRAME,
    FAULT_BEGAN,
    FAULT_OVER,
    FELL_BACK,
    GIVEN_UP,
    HEARD,
    LEARNING_PAUSED,
    LEARNING_RESUMED,
    PAUSED,
    POLICY_ERROR,
    REQUEST_REFUSED,
    RESTARTED,
    RESUMED,
    SILENT,
    EventRow,
    LinkRow,
    Row,
    SlotRow,
    TaskRow,
    UpdateRow,
)
from testbed.protocol.table import ColumnTable
from testbed.record.backends import TESTBED, VIRTUAL
from testbed.watch import snapshot
from testbed.watch.accounts import SERIES, EsAccount, TaskAccount, UeAccount
from testbed.watch.shown_rows import SHOWN_QUANTILES, known_ns, learner_state, spread_of, task_life
from testbed.watch.snapshot import BestBaseline, DelaySpread, Event, Fates, Honesty, Snapshot, TaskLife

RECENT, LAST_TASKS, LAST_EVENTS, LAST_FAULT_EVENTS, TASKS_WEIGHED = 500, 200, 200, 400, 5000
SHOWN_EVENTS = (
    DIED,
    RESTARTED,
    SILENT,
    HEARD,
    POLICY_ERROR,
    DROPPED_FRAME,
    GIVEN_UP,
    REQUEST_REFUSED,
    LEARNING_PAUSED,
    LEARNING_RESUMED,
    FELL_BACK,
    FAULT_BEGAN,
    FAULT_OVER,
    PAUSED,
    RESUMED,
)
OF_FAULTS = (DIED, RESTARTED, FAULT_BEGAN, FAULT_OVER, PAUSED, RESUMED)
SLIPPED = "slipped"


class Telemetry:
    """One run of ``system``; ``meta`` is what its record says of it, ``generated_ns`` the instants of its tasks."""

    def __init__(self, system: System, meta: Mapping[str, Any], generated_ns: Iterable[int]) -> None:
        self._system, self.meta = system, dict(meta)
        self._generated = sorted(generated_ns)
        self._age = itertools.count()
        self._heap: list[tuple[int, int, Row]] = []
        self.now_ns = 0
        self.baseline: BestBaseline | None = None
        self.steal: float | None = None
        self._ues = {ue.name: UeAccount(ue) for ue in system.ues}
        self._servers = {es.name: EsAccount(es, system.slot_ns) for es in system.edge_servers}
        self._own_es = {ue.name: self._servers[system.edge_servers[ue.cell].name] for ue in system.ues}
        self.tasks = TaskAccount(system.slot_ns)
        self._recent: deque[int] = deque(maxlen=RECENT)
        self._lives: deque[TaskLife] = deque(maxlen=LAST_TASKS)
        self._events: deque[Event] = deque(maxlen=LAST_EVENTS)
        self._weighed: deque[TaskRow] = deque(maxlen=TASKS_WEIGHED)
        self._of_faults: deque[EventRow] = deque(maxlen=LAST_FAULT_EVENTS)
        self._updates: dict[str, deque[UpdateRow]] = {}
        self._controller_alive = True
        self._counters: dict[tuple[str, str], float] = {}

    # What rows say ---

    def take(self, rows: Iterable[Row]) -> None:
        """Keep ``rows`` until the clock passes them."""
        for row in rows:
            heapq.heappush(self._heap, (known_ns(row), next(self._age), row))

    def advance(self, now_ns: int) -> None:
        """Move the clock to ``now_ns``, never back."""
        self.now_ns = max(self.now_ns, now_ns)
        while self._heap and self._heap[0][0] <= self.now_ns:
            self._apply(heapq.heappop(self._heap)[2])

    @property
    def last_ns(self) -> int:
        """The latest instant that has been applied or waits to be."""
        return max([self.now_ns, *(entry[0] for entry in self._heap)])

    def _apply(self, row: Row) -> None:
        match row:
            case TaskRow() if row.ue not in self._ues:
                return
            case TaskRow() if row.state == DECIDED:
                self._ues[row.ue].open[row.number] = row
            case TaskRow():
                self._ended(row)
            case SlotRow() if row.es in self._servers:
                self._servers[row.es].boundary(row)
            case LinkRow() if row.ue in self._ues and row.link == row.ue:
                self._ues[row.ue].sends(row, self.now_ns)
            case UpdateRow():
                self._updates.setdefault(row.learner, deque(maxlen=SERIES)).append(row)
            case EventRow():
                self._happened(row)

    def _ended(self, row: TaskRow) -> None:
        account = self._ues[row.ue]
        account.ended(row)
        self.tasks.ended(row, account.ue.tx_power_w)
        executed_by = self._servers.get(row.es)
        if executed_by is not None and row.execution_ns:
            executed_by.executed += 1
        if executed_by is not None and row.forwarded:
            executed_by.forwarded_in += 1
            self._own_es[row.ue].forwarded_out += 1
        if row.finished_ns >= 0:
            self._recent.append(row.measured_ns)
        self._lives.append(task_life(row))
        self._weighed.append(row)

    def _happened(self, row: EventRow) -> None:
        if row.kind in (DIED, RESTARTED):
            self._lives_or_dies(row.source, alive=row.kind == RESTARTED)
        if row.kind in (SLIPPED, DROPPED_FRAME):
            self._count(row)
        if row.kind in OF_FAULTS:
            self._of_faults.append(row)
        if row.kind in SHOWN_EVENTS:
            self._events.append(Event(row.at_ns * S_PER_NS, row.source, row.kind, row.detail))

    def _lives_or_dies(self, name: str, *, alive: bool) -> None:
        if name == CONTROLLER:
            self._controller_alive = alive
        elif name in self._servers:
            self._servers[name].alive = alive
        elif name in self._ues and alive:
            self._ues[name].alive = True
        elif name in self._ues:
            self._ues[name].died()

    def _count(self, row: EventRow) -> None:
        """A counter that ``row.source`` reads now and then; one that falls was reset by a restart."""
        key = row.kind, row.source
        before = self._counters.get(key, 0.0)
        self.tasks.counts[row.kind] += round(row.value - before if row.value >= before else row.value)
        self._counters[key] = row.value

    # What a screen shows ---

    def snapshot(self, grade: str | None = None) -> Snapshot:
        """The run at the clock's instant; ``grade`` once it is known."""
        system, now = self._system, self.now_ns
        slot = min(system.slots, now // system.slot_ns)
        return Snapshot(
            run=str(self.meta.get("run", "")),
            scenario=str(self.meta.get("scenario", system.name)),
            policy=str(self.meta.get("policy", "")),
            backend=str(self.meta.get("backend", TESTBED)),
            speed=float(self.meta.get("speed", 1.0)),
            phase=self._phase(),
            now_s=now * S_PER_NS,
            slot=slot,
            slots=system.slots,
            fates=self._fates(),
            delay=self._spread(),
            recent=spread_of(self._recent),
            overhead=self.tasks.overhead.value,
            overhead_by_slot=self._overheads(slot),
            baseline=self.baseline,
            reward_by_slot=self._rewards(slot),
            parts=self._mean_parts(),
            energy=tuple(sorted(self.tasks.energy.items())),
            controller_alive=self._controller_alive,
            servers=tuple(account.shown(now) for account in self._servers.values()),
            ues=tuple(
                account.shown(now, unreachable=not self._own_es[name].alive) for name, account in self._ues.items()
            ),
            tasks=tuple(reversed(self._lives)),
            events=tuple(reversed(self._events)),
            recovery=tuple(reversed(self._recovery())),
            learners=tuple(learner_state(name, rows) for name, rows in sorted(self._updates.items())),
            honesty=self._honesty(grade),
        )

    def _recovery(self) -> list[Recovery]:
        """Every fault so far, as far as the last `TASKS_WEIGHED` tasks tell."""
        if not self._of_faults:
            return []
        under_way = [row for account in self._ues.values() for row in account.open.values()]
        rows = ColumnTable.of(TaskRow, [*self._weighed, *under_way])
        return recovery.of_rows(self._system, rows, self._of_faults, self.now_ns)

    def _phase(self) -> str:
        if "reason" in self.meta and self.now_ns >= int(self.meta.get("end_ns", 0)):
            return snapshot.ENDED
        if self.now_ns <= 0:
            return snapshot.STARTING
        return snapshot.RUNNING if self.now_ns < self._system.end_ns else snapshot.DRAINING

    def _fates(self) -> Fates:
        counts = self.tasks.counts
        under_way = [row for account in self._ues.values() for row in account.open.values()]
        sent = sum(row.choice >= OFFLOAD for row in under_way)
        return Fates(
            generated=bisect.bisect_right(self._generated, self.now_ns),
            open=len(under_way),
            completed=counts[COMPLETED],
            late=counts[LATE],
            failed=counts[FAILED],
            local=counts["local"] + len(under_way) - sent,
            offloaded=counts["offloaded"] + sent,
            forwarded=counts["forwarded"],
            rejected=counts["rejected"],
            recovered=counts["recovered"],
            fallback=counts["fallback"],
        )

    def _spread(self) -> DelaySpread | None:
        mean = self.tasks.delay.value
        return (
            None
            if mean is None
            else DelaySpread(mean, *(self.tasks.delays.quantile_ns(q) * S_PER_NS for q in SHOWN_QUANTILES))
        )

    def _overheads(self, slot: int) -> tuple[float, ...]:
        """Mean overhead of the tasks that ended in each of the last slots; one without any repeats the last."""
        overheads: list[float] = []
        for at in range(max(0, slot - SERIES), slot):
            mean = self.tasks.overhead_by_slot.get(at)
            if mean is not None and mean.value is not None:
                overheads.append(mean.value)
            elif overheads:
                overheads.append(overheads[-1])
        return tuple(overheads)

    def _rewards(self, slot: int) -> tuple[float, ...]:
        """Minus the overhead of the tasks that ended in each of the last slots, summed over the region."""
        by_slot = self.tasks.overhead_by_slot
        return tuple(-by_slot[at].total if at in by_slot else 0.0 for at in range(max(0, slot - SERIES), slot))

    def _mean_parts(self) -> tuple[tuple[str, float], ...]:
        """Mean seconds of a finished task in each part of its delay."""
        parts, count = self.tasks.parts, self.tasks.delay.count
        return tuple((part, parts[part] * S_PER_NS / count) for part in PARTS if parts[part]) if count else ()

    def _honesty(self, grade: str | None) -> Honesty:
        lateness = self.tasks.lateness
        wall_ms = MS_PER_NS / float(self.meta.get("speed", 1.0))
        return Honesty(
            exact=self.meta.get("backend") in VIRTUAL,
            grade=grade,
            burn=float(self.meta.get("burn", 0.0)),
            payload=str(self.meta.get("payload", "declared")),
            late_p50_ms=lateness.quantile_ns(0.5) * wall_ms if lateness.count else None,
            late_p99_ms=lateness.quantile_ns(0.99) * wall_ms if lateness.count else None,
            slipped=self.tasks.counts[SLIPPED],
            dropped=self.tasks.counts[DROPPED_FRAME],
            steal=self.steal,
        )
