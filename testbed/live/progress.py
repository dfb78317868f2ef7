"""What the launcher knows of a run's tasks while it goes."""

from collections.abc import Iterable, Mapping

import msgspec

from testbed.live.closed_loops import ClosedLoops
from testbed.model.ledger import Absence, absent
from testbed.model.system import Plan
from testbed.model.task import NEVER_BEGAN_NS
from testbed.protocol.endings import close_rows
from testbed.protocol.rows import Row, TaskRow


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """A moment of a run, for whoever shows it."""

    phase: str
    now_ns: int
    finished: int
    total: int
    alive: int
    processes: int
    silent: tuple[str, ...] = ()


class TaskCounter:
    """Counts ends of tasks as rows come in, and keeps only what is needed of tasks that have not ended.

    ``latest_ns`` is the last instant at which a task that was told of was generated.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._decided: dict[tuple[str, int], TaskRow] = {}
        self._open = {(plan.system.ues[task.ue].name, task.number): task for task in plan.workload}
        self._loops = ClosedLoops(plan) if plan.system.closed_loop else None
        self.latest_ns = NEVER_BEGAN_NS

    def follow(self, plan: Plan) -> None:
        """The workload is another one from some instant to come on."""
        ended = {(plan.system.ues[task.ue].name, task.number) for task in self._plan.workload} - self._open.keys()
        self._plan = plan
        named = {(plan.system.ues[task.ue].name, task.number): task for task in plan.workload}
        self._open = {key: task for key, task in named.items() if key not in ended}

    def take(self, rows: Iterable[Row]) -> None:
        """Note the tasks among ``rows``."""
        for row in rows:
            if isinstance(row, TaskRow):
                self._note(row)

    def _note(self, row: TaskRow) -> None:
        key = (row.ue, row.number)
        self.latest_ns = max(self.latest_ns, row.generated_ns)
        if row.finished_ns >= 0:
            self._open.pop(key, None)
            self._decided.pop(key, None)
            if self._loops is not None:
                self._loops.ended(row.ue, row.number, row.finished_ns)
        elif key in self._open:
            self._decided[key] = row

    def drained(self, absences: Mapping[str, list[Absence]]) -> bool:
        """Whether every task has ended or went down with its UE; of a closed loop, every one that comes by its end."""
        if self._loops is not None:
            return not self._loops.awaited(absences)
        if not self._open:
            return True
        for (name, _), task in self._open.items():
            gaps = absences.get(name, ())
            if not absent(task.generated_ns, gaps) and not any(died > task.generated_ns for died, _ in gaps):
                return False
        return True

    def progress(self, now_ns: int, alive: int, processes: int, silent: tuple[str, ...]) -> Progress:
        """The present moment, 0 until the epoch; ``silent`` are the processes that hang."""
        total = len(self._plan.workload)
        phase = "running" if now_ns < self._plan.system.end_ns else "draining"
        return Progress(
            phase=phase,
            now_ns=max(0, now_ns),
            finished=total - len(self._open),
            total=total,
            alive=alive,
            processes=processes,
            silent=silent,
        )

    def failed_rows(self, absences: Mapping[str, list[Absence]], end_ns: int, reason: str) -> list[TaskRow]:
        """Rows of the tasks that were generated and did not finish."""
        unfinished = self._open
        if self._loops is not None:
            came = self._loops.came(end_ns) | {key: row.generated_ns for key, row in self._decided.items()}
            unfinished = {key: task.at(came[key]) for key, task in self._open.items() if key in came}
        return close_rows(self._plan.system, unfinished.values(), self._decided, absences, end_ns, reason)
