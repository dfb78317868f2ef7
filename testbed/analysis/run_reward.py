"""What a run earned by its scenario's reward (MODEL: decisions and the Markov decision process), from its last rows."""

from collections.abc import Sequence

from testbed.analysis.earned import Earned
from testbed.analysis.figures import finished
from testbed.model import mdp
from testbed.model.delay import duration_ns
from testbed.model.system import System, Ue
from testbed.model.task import LOCAL, OFFLOAD
from testbed.protocol.rows import RewardRow, TaskRow
from testbed.protocol.table import ColumnTable

HOLDING = "holding"


def per_slot(rows: Sequence[TaskRow], system: System, kind: str) -> float:
    """Reward summed over cells and tasks, per slot of generation.

    ``holding`` sums to −ΣC over finished tasks; ``paper`` and ``paper-sign`` score every finished task.
    """
    if kind == HOLDING:
        total: float = -sum(finished(ColumnTable.of(TaskRow, rows)).reals("overhead").tolist())
    else:
        total = sum(score for _, score in _scores(rows, system, kind))
    return total / system.slots


def by_slot(rows: Sequence[TaskRow], system: System, kind: str) -> ColumnTable[RewardRow]:
    """The reward of every cell in every slot in which its tasks were there, spent energy, or were decided.

    Slots without a row earn nothing. The rows sum to `per_slot` times the number of slots. ``holding`` is paid in the
    slots in which a task spends time and energy, ``paper`` and ``paper-sign`` in the slot that decided it. Energy
    that was not sent or executed at a known instant is charged to the local execution, or to the slot in which the task
    ended.
    """
    table = ColumnTable.of(TaskRow, rows)
    earned = Earned(system, holding=kind == HOLDING)
    earned.decide(table)
    earned.spend(finished(table))
    if kind != HOLDING:
        for row, score in _scores(rows, system, kind):
            earned.score(row.slot, row.cell, score)
    return earned.rows()


def _scores(rows: Sequence[TaskRow], system: System, kind: str) -> list[tuple[TaskRow, float]]:
    """What every finished task scores by the reward ``paper`` or ``paper-sign``."""
    listed, ues = list(rows), {ue.name: ue for ue in system.ues}
    local = local_overheads(listed, ues)
    return [(row, _score(row, local[row.ue, row.number], kind)) for row in listed if row.finished_ns >= 0]


def _score(row: TaskRow, local: float, kind: str) -> float:
    return mdp.score(kind, row.deadline_ns, row.measured_ns, local, row.overhead, row.choice == OFFLOAD)


def local_overheads(rows: Sequence[TaskRow], ues: dict[str, Ue]) -> dict[tuple[str, int], float]:
    """``C_local`` of every decided task by (UE, number): its overhead had it been executed locally.

    The UE's own queue at the decision is what had entered it before and would end after.
    """
    overheads: dict[tuple[str, int], float] = {}
    for name, ue in ues.items():
        own_rows = sorted((row for row in rows if row.ue == name and row.asked_ns >= 0), key=lambda row: row.number)
        local = [(entry, row.end_ns) for row in own_rows if (entry := _entered_ns(row)) >= 0]
        asked, earlier = -1, 0
        for row in own_rows:
            earlier = earlier if row.asked_ns == asked else 0
            asked = row.asked_ns
            free = max((end for entered, end in local if entered < asked), default=0)
            execution = duration_ns(row.cycles, ue.cpu_hz)
            since = max(free, row.ready_ns) - row.generated_ns + earlier
            overheads[name, row.number] = mdp.local_overhead(
                ue.weight_delay, ue.kappa, ue.cpu_hz, row.cycles, since, execution
            )
            earlier += execution
    return overheads


def _entered_ns(row: TaskRow) -> int:
    """When the task entered its UE's own queue; -1 if it never did."""
    if row.reentry_ns >= 0:
        return row.reentry_ns
    return row.ready_ns if row.choice == LOCAL else -1
