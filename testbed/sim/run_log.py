"""What a simulated run leaves: its rows, in the order in which they were made."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from testbed.model.ledger import Absence
from testbed.model.statistics import mean
from testbed.model.system import Plan
from testbed.protocol.disturbances import disturbance_events
from testbed.protocol.endings import close_rows
from testbed.protocol.rows import EventRow, LinkRow, Row, SlotRow, TaskRow, UeSlotRow
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
    """Keeps rows; ``finished`` are the tasks, by UE and number, that have ended."""

    def __init__(self) -> None:
        self.finished: set[tuple[str, int]] = set()
        self.hear: Callable[[Row], None] | None = None
        self._tasks: dict[tuple[str, int], TaskRow] = {}
        self._slots: list[SlotRow] = []
        self._ue_slots: list[UeSlotRow] = []
        self._links: list[LinkRow] = []
        self._events: list[EventRow] = []
        self._others: Mapping[type, list[Any]] = {
            SlotRow: self._slots,
            UeSlotRow: self._ue_slots,
            LinkRow: self._links,
            EventRow: self._events,
        }

    def keep(self, row: Row) -> None:
        """Take a row; a task's later one replaces its earlier. ``hear``, if it is set, hears of each."""
        if self.hear is not None:
            self.hear(row)
        if isinstance(row, TaskRow):
            key = (row.ue, row.number)
            self._tasks[key] = row
            if row.finished_ns >= 0:
                self.finished.add(key)
        else:
            self._others[type(row)].append(row)

    def close(
        self, plan: Plan, absences: Mapping[str, Sequence[Absence]], end_ns: int, delivered: int, reason: str
    ) -> Simulated:
        """The record of the run, every task of the workload in it; those that have not ended fail.

        Of a closed loop only those that came are in it.
        """
        for event in disturbance_events(plan):
            if event.at_ns <= end_ns:
                self.keep(event)
        workload = plan.workload
        if plan.system.closed_loop:
            came = [(row.ue, row.number, row.generated_ns) for row in self._tasks.values()]
            workload = realised(workload, came, plan.system)
        return Simulated(
            tasks=close_rows(plan.system, workload, self._tasks, absences, end_ns, reason),
            slots=self._slots,
            ue_slots=self._ue_slots,
            links=self._links,
            events=self._events,
            end_ns=end_ns,
            delivered=delivered,
            reason=reason,
        )
