"""What a simulated run leaves: its rows, in the order in which they were made."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

import msgspec

from testbed.model.delay import NEVER
from testbed.model.ended_tasks import EndedTasks
from testbed.model.ledger import Absence
from testbed.model.statistics import mean
from testbed.model.system import Plan
from testbed.model.task import Task
from testbed.protocol.disturbances import disturbance_events
from testbed.protocol.endings import close_rows
from testbed.protocol.rows import EventRow, LinkRow, Row, SlotRow, TaskRow, UeSlotRow
from testbed.protocol.stretch import Stretch
from testbed.protocol.table import ColumnTable
from testbed.scenario.closed_loop import realised


class Simulated(msgspec.Struct, kw_only=True):
    """The record of a simulated run; ``tasks`` in the workload's order, ``reason`` why it ended before its drain."""

    tasks: Sequence[TaskRow]
    slots: Sequence[SlotRow]
    ue_slots: Sequence[UeSlotRow]
    links: Sequence[LinkRow]
    events: Sequence[EventRow]
    end_ns: int
    delivered: int
    reason: str = ""

    @property
    def mean_overhead(self) -> float:
        """The mean overhead of the tasks that finished; NaN if none did."""
        return mean([row.overhead for row in self.tasks if row.finished_ns >= 0])


class RunLog:
    """Keeps rows until they are taken, ``count`` of them; ``finished`` are the tasks, by UE and number, that ended."""

    def __init__(self) -> None:
        self.finished = EndedTasks()
        self.hear: Callable[[Row], None] | None = None
        self.count = 0
        self._tasks: dict[tuple[str, int], TaskRow] = {}
        self._others: Mapping[type, list[Any]] = {SlotRow: [], UeSlotRow: [], LinkRow: [], EventRow: []}
        self._coming: Iterator[Task] | None = None
        self._open: list[Task] = []

    def keep(self, row: Row) -> None:
        """Take a row; a task's later one replaces its earlier. ``hear``, if it is set, hears of each."""
        if self.hear is not None:
            self.hear(row)
        if isinstance(row, TaskRow):
            self._tasks[row.ue, row.number] = row
            if row.finished_ns >= 0:
                self.finished.add(row.ue, row.number)
                self.count += 1
        else:
            self._others[type(row)].append(row)
            self.count += 1

    def lost(self, ue: str, tasks: Iterable[Task], restart_ns: int) -> int:
        """How many ``tasks`` of a UE that dies have not ended and are not generated after its restart (-1: never)."""
        mine = (task for task in tasks if restart_ns < 0 or task.generated_ns < restart_ns)
        return sum((ue, task.number) not in self.finished for task in mine)

    def take(self, plan: Plan, now_ns: int) -> Stretch:
        """The rows since the last time, and those of the tasks that have ended up to the first that has not, which are
        kept no longer. All that happened until ``now_ns`` has been recorded.
        """
        ended = list(self._ended(plan))
        self.count = 0
        return self._stretch(ended, now_ns, self._open[0].generated_ns if self._open else now_ns)

    def _ended(self, plan: Plan) -> Iterator[TaskRow]:
        """The rows of tasks that have ended, in the workload's order; then ``_open`` is the first that has not."""
        if self._coming is None:
            self._coming = iter(plan.workload)
        names = [ue.name for ue in plan.system.ues]
        for task in chain(self._open, self._coming):
            key = names[task.ue], task.number
            if key not in self.finished:
                self._open = [task]
                return
            yield self._tasks.pop(key)
        self._open = []

    def close_stretch(self, plan: Plan, end_ns: int, reason: str) -> Stretch:
        """What is left when the run is over; as `close`, of a run in which nobody died."""
        ended = list(self._ended(plan))
        left = chain(self._open, self._coming or ())
        ended += close_rows(plan.system, left, self._tasks, {}, end_ns, reason)
        self._keep_disturbances(plan, end_ns)
        last = self._stretch(ended, end_ns, NEVER)
        last.reason = reason
        return last

    def _stretch(self, ended: list[TaskRow], end_ns: int, open_ns: int) -> Stretch:
        taken = {kind: rows.copy() for kind, rows in self._others.items()}
        for rows in self._others.values():
            rows.clear()
        return Stretch(
            tasks=ColumnTable.of(TaskRow, ended),
            slots=ColumnTable.of(SlotRow, taken[SlotRow]),
            ue_slots=ColumnTable.of(UeSlotRow, taken[UeSlotRow]),
            links=ColumnTable.of(LinkRow, taken[LinkRow]),
            events=taken[EventRow],
            end_ns=end_ns,
            open_ns=open_ns,
        )

    def _keep_disturbances(self, plan: Plan, end_ns: int) -> None:
        for event in disturbance_events(plan):
            if event.at_ns <= end_ns:
                self.keep(event)

    def close(
        self, plan: Plan, absences: Mapping[str, Sequence[Absence]], end_ns: int, delivered: int, reason: str
    ) -> Simulated:
        """The record of the run, every task of the workload in it; those that have not ended fail.

        Of a closed loop only those that came are in it.
        """
        self._keep_disturbances(plan, end_ns)
        workload = plan.workload
        if plan.system.closed_loop:
            came = [(row.ue, row.number, row.generated_ns) for row in self._tasks.values()]
            workload = realised(workload, came, plan.system)
        return Simulated(
            tasks=close_rows(plan.system, workload, self._tasks, absences, end_ns, reason),
            slots=self._others[SlotRow],
            ue_slots=self._others[UeSlotRow],
            links=self._others[LinkRow],
            events=self._others[EventRow],
            end_ns=end_ns,
            delivered=delivered,
            reason=reason,
        )
