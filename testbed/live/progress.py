"""What the launcher knows of a run's tasks while it goes."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from testbed.live.closed_loops import ClosedLoops
from testbed.model.ended_tasks import EndedTasks
from testbed.model.ledger import Absence, absent
from testbed.model.system import Plan
from testbed.model.task import NEVER_BEGAN_NS, Task, TaskTable
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
    """Counts ends of tasks as rows come in, and keeps rows only of tasks that are decided and have not ended.

    ``latest_ns`` is the last instant at which a task that was told of was generated.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._names = [ue.name for ue in plan.system.ues]
        self._planned = Counter(map(self._names.__getitem__, TaskTable.of(plan.workload).columns["ue"]))
        self._decided: dict[tuple[str, int], TaskRow] = {}
        self._ended = EndedTasks()
        self._known: dict[str, list[int]] = {}
        self._loops = ClosedLoops(plan) if plan.system.closed_loop else None
        self.latest_ns = NEVER_BEGAN_NS

    def take(self, rows: Iterable[Row]) -> None:
        """Note the tasks among ``rows``."""
        for row in rows:
            if isinstance(row, TaskRow):
                self._note(row)

    def _note(self, row: TaskRow) -> None:
        self.latest_ns = max(self.latest_ns, row.generated_ns)
        if row.number >= self._planned[row.ue]:
            return
        if row.finished_ns >= 0:
            self._ended.add(row.ue, row.number)
            self._decided.pop((row.ue, row.number), None)
            if self._loops is not None:
                self._loops.ended(row.ue, row.number, row.finished_ns)
        elif (row.ue, row.number) not in self._ended:
            self._decided[row.ue, row.number] = row

    def drained(self, absences: Mapping[str, list[Absence]]) -> bool:
        """Whether every task has ended or went down with its UE; of a closed loop, every one that comes by its end."""
        if self._loops is not None:
            return not self._loops.awaited(absences)
        if self._ended.count == len(self._plan.workload):
            return True
        if any(self._ended.of(name) < count for name, count in self._planned.items() if not absences.get(name)):
            return False
        away = [name for name in absences if self._ended.of(name) < self._planned[name]]
        return not any(self._is_awaited(name, absences[name]) for name in away)

    def _is_awaited(self, ue: str, gaps: Sequence[Absence]) -> bool:
        """Whether a task of ``ue``, which was away in ``gaps``, came when it lived, has not ended, and may still do."""
        return any(
            (ue, number) not in self._ended and not absent(at_ns, gaps) and not any(died > at_ns for died, _ in gaps)
            for number, at_ns in enumerate(self._instants(ue))
        )

    def _instants(self, ue: str) -> Sequence[int]:
        """When the tasks of a UE are generated, by number; asked for of those that died."""
        if ue not in self._known:
            columns, index = TaskTable.of(self._plan.workload).columns, self._names.index(ue)
            tasks = zip(columns["ue"], columns["number"], columns["generated_ns"], strict=True)
            self._known[ue] = [at_ns for _, at_ns in sorted((n, at_ns) for owner, n, at_ns in tasks if owner == index)]
        return self._known[ue]

    def _open(self) -> Iterator[tuple[str, Task]]:
        """The tasks that have not ended, in the workload's order, each with the name of its UE."""
        for task in self._plan.workload:
            name = self._names[task.ue]
            if (name, task.number) not in self._ended:
                yield name, task

    def progress(self, now_ns: int, alive: int, processes: int, silent: tuple[str, ...]) -> Progress:
        """The present moment, 0 until the epoch; ``silent`` are the processes that hang."""
        phase = "running" if now_ns < self._plan.system.end_ns else "draining"
        return Progress(
            phase=phase,
            now_ns=max(0, now_ns),
            finished=self._ended.count,
            total=len(self._plan.workload),
            alive=alive,
            processes=processes,
            silent=silent,
        )

    def failed_rows(self, absences: Mapping[str, list[Absence]], end_ns: int, reason: str) -> list[TaskRow]:
        """Rows of the tasks that were generated and did not finish."""
        unfinished: Iterable[Task] = (task for _, task in self._open())
        if self._loops is not None:
            came = self._loops.came(end_ns) | {key: row.generated_ns for key, row in self._decided.items()}
            keyed = (((name, task.number), task) for name, task in self._open())
            unfinished = [task.at(came[key]) for key, task in keyed if key in came]
        return close_rows(self._plan.system, unfinished, self._decided, absences, end_ns, reason)
