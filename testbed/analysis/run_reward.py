"""What a run earned by its scenario's reward (MODEL: decisions and the Markov decision process), from its last rows."""

import heapq
from collections.abc import Iterator, Sequence

from testbed.analysis.earned import Earned
from testbed.analysis.figures import finished
from testbed.model import mdp
from testbed.model.delay import duration_ns
from testbed.model.system import System, Ue
from testbed.model.task import LOCAL, OFFLOAD
from testbed.protocol.rows import RewardRow, TaskRow
from testbed.protocol.table import ColumnTable

HOLDING = "holding"


def by_slot(rows: Sequence[TaskRow], system: System, kind: str) -> ColumnTable[RewardRow]:
    """The reward of every cell in every slot in which its tasks were there, spent energy, or were decided.

    Slots without a row earn nothing. Rewards are what finished tasks earn: ``holding`` sums to −ΣC and is paid in the
    slots in which a task spends time and energy, ``paper`` and ``paper-sign`` in the slot that decided it. Energy
    that was not sent or executed at a known instant is charged to the local execution, or to the slot in which the task
    ended.
    """
    rewards = Rewards(system, kind)
    rewards.add(ColumnTable.of(TaskRow, rows))
    return rewards.rows()


class Rewards:
    """As `by_slot`, of tasks that come in parts, those of a UE in their order."""

    def __init__(self, system: System, kind: str) -> None:
        self._earned = Earned(system, holding=kind == HOLDING)
        self._scores = None if kind == HOLDING else Scores(system, kind)

    def add(self, tasks: ColumnTable[TaskRow]) -> None:
        """The last rows of further tasks."""
        if not len(tasks):
            return
        self._earned.decide(tasks)
        self._earned.spend(finished(tasks))
        for slot, cell, score in self._scores.of(tasks) if self._scores is not None else ():
            self._earned.score(slot, cell, score)

    def rows(self, until: int | None = None) -> ColumnTable[RewardRow]:
        """The rows of slots before ``until`` (None: all the rest), once nothing can change them any more."""
        return self._earned.rows(until)


class Scores:
    """What finished tasks score by the reward ``paper`` or ``paper-sign``; tasks of a UE come in their order."""

    def __init__(self, system: System, kind: str) -> None:
        self._ues = {ue.name: ue for ue in system.ues}
        self._kind = kind
        self._queues: dict[str, OwnQueue] = {name: OwnQueue() for name in self._ues}

    def of(self, tasks: ColumnTable[TaskRow]) -> Iterator[tuple[int, int, float]]:
        """Slot, cell and score of each task that finished."""
        for row in sorted(tasks, key=lambda row: row.number):
            if row.asked_ns < 0:
                continue
            local = self._queues[row.ue].local_overhead(row, self._ues[row.ue])
            if row.finished_ns >= 0:
                offloaded = row.choice >= OFFLOAD
                score = mdp.score(self._kind, row.deadline_ns, row.measured_ns, local, row.overhead, offloaded)
                yield row.slot, row.cell, score


class OwnQueue:
    """The local queue of one UE as its decided tasks find it, one after another.

    It holds what had entered it before a decision and would end after.
    """

    def __init__(self) -> None:
        self._entering: list[tuple[int, int]] = []
        self._free_ns, self._asked_ns, self._earlier_ns = 0, -1, 0

    def local_overhead(self, row: TaskRow, ue: Ue) -> float:
        """``C_local`` of the next decided task: its overhead had it been executed locally."""
        if row.asked_ns != self._asked_ns:
            self._asked_ns, self._earlier_ns = row.asked_ns, 0
        while self._entering and self._entering[0][0] < row.asked_ns:
            self._free_ns = max(self._free_ns, heapq.heappop(self._entering)[1])
        execution = duration_ns(row.cycles, ue.cpu_hz)
        since = max(self._free_ns, row.ready_ns) - row.generated_ns + self._earlier_ns
        self._earlier_ns += execution
        entry = _entered_ns(row)
        if entry >= 0:
            heapq.heappush(self._entering, (entry, row.end_ns))
        return mdp.local_overhead(ue.weight_delay, ue.kappa, ue.cpu_hz, row.cycles, since, execution)


def _entered_ns(row: TaskRow) -> int:
    """When the task entered its UE's own queue; -1 if it never did."""
    if row.reentry_ns >= 0:
        return row.reentry_ns
    return row.ready_ns if row.choice == LOCAL else -1
