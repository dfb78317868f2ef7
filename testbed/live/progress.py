"""What the launcher knows of a run's tasks while it goes: a byte of each, for the record has the rest."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import msgspec

from testbed.live.closed_loops import ClosedLoops
from testbed.model.ended_tasks import EndedTasks
from testbed.model.ledger import Absence, absent
from testbed.model.system import Plan
from testbed.model.task import NEVER_BEGAN_NS, Task, TaskTable
from testbed.protocol.endings import closed_row
from testbed.protocol.rows import KILL, Row, TaskRow

Recorded = Callable[[str, int], TaskRow | None]


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """A moment of a run, for whoever shows it: ``limit_ns`` is that of the drain limit, ``lasting`` are faults.

    Deaths of UEs are not among those: their tasks die with them.
    """

    phase: str
    now_ns: int
    finished: int
    total: int
    alive: int
    processes: int
    silent: tuple[str, ...] = ()
    lasting: tuple[str, ...] = ()
    limit_ns: int = -1


class TaskCounter:
    """Counts ends of tasks as rows come in, of which it keeps none.

    ``latest_ns`` is the last instant at which a task that was told of was generated.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._names = [ue.name for ue in plan.system.ues]
        self._ues = frozenset(self._names)
        self._planned = Counter(map(self._names.__getitem__, TaskTable.of(plan.workload).columns["ue"]))
        self._came: dict[tuple[str, int], int] = {}
        self._ended = EndedTasks()
        self._known: dict[str, list[int]] = {}
        self._loops = ClosedLoops(plan) if plan.system.closed_loop else None
        self.latest_ns = NEVER_BEGAN_NS

    def follow(self, plan: Plan) -> None:
        """The workload is another one from some instant to come on."""
        self._plan = plan
        self._planned = Counter(map(self._names.__getitem__, TaskTable.of(plan.workload).columns["ue"]))
        self._known.clear()

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
            if self._loops is not None:
                self._came.pop((row.ue, row.number), None)
                self._loops.ended(row.ue, row.number, row.finished_ns)
        elif self._loops is not None and (row.ue, row.number) not in self._ended:
            self._came[row.ue, row.number] = row.generated_ns

    @property
    def limit_ns(self) -> int:
        """The instant of the drain limit: unless the scenario says, twice the run after its last slot."""
        end_ns, limit_ns = self._plan.system.end_ns, self._plan.emulation.drain_limit_ns
        return end_ns + (limit_ns if limit_ns >= 0 else 2 * end_ns)

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
            lasting=self._lasting(now_ns),
            limit_ns=self.limit_ns,
        )

    def _lasting(self, now_ns: int) -> tuple[str, ...]:
        disturbances, deaths = self._plan.disturbances, self._plan.faults
        spans = [(one.what, one.at_ns, one.until_ns) for one in disturbances]
        spans += [(f"{KILL} {one.name}", one.at_ns, one.restart_ns) for one in deaths if one.name not in self._ues]
        return tuple(what for what, at_ns, until_ns in spans if at_ns <= now_ns and not 0 <= until_ns <= now_ns)

    def failed_rows(
        self, recorded: Recorded, absences: Mapping[str, list[Absence]], end_ns: int, reason: str
    ) -> Iterator[TaskRow]:
        """Rows of the tasks that were generated and did not finish; ``recorded`` gives what was told of one of them."""
        came = None if self._loops is None else self._loops.came(end_ns) | self._came
        for name, task in self._open():
            if came is not None:
                if (name, task.number) not in came:
                    continue
                task = task.at(came[name, task.number])
            row = closed_row(self._plan.system, task, recorded(name, task.number), absences, end_ns, reason)
            if row is not None:
                yield row
