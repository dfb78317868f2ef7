"""What a run earned by its scenario's reward (MODEL: decisions and the Markov decision process), from its last rows."""

from collections.abc import Sequence

from testbed.model import mdp
from testbed.model.delay import duration_ns
from testbed.model.system import System, Ue
from testbed.model.task import LOCAL, OFFLOAD
from testbed.protocol.rows import TaskRow


def per_slot(rows: Sequence[TaskRow], system: System, kind: str) -> float:
    """Reward summed over cells and tasks, per slot of generation.

    ``holding`` sums to −ΣC over finished tasks; ``paper`` and ``paper-sign`` score every finished task.
    """
    ues = {ue.name: ue for ue in system.ues}
    finished = [row for row in rows if row.finished_ns >= 0]
    if kind == "holding":
        total = -sum(row.overhead for row in finished)
    else:
        local = local_overheads(rows, ues)
        total = sum(_score(row, local[row.ue, row.number], kind) for row in finished)
    return total / system.slots


def _score(row: TaskRow, local: float, kind: str) -> float:
    return mdp.score(kind, row.deadline_ns, row.measured_ns, local, row.overhead, row.choice == OFFLOAD)


def local_overheads(rows: Sequence[TaskRow], ues: dict[str, Ue]) -> dict[tuple[str, int], float]:
    """``C_local`` of every decided task by (UE, number): its overhead had it been executed locally.

    The UE's own queue at the decision is what had entered it before and would end after.
    """
    found: dict[tuple[str, int], float] = {}
    for name, ue in ues.items():
        mine = sorted((row for row in rows if row.ue == name and row.asked_ns >= 0), key=lambda row: row.number)
        local = [(entry, row.end_ns) for row in mine if (entry := _entered_ns(row)) >= 0]
        asked, earlier = -1, 0
        for row in mine:
            earlier = earlier if row.asked_ns == asked else 0
            asked = row.asked_ns
            free = max((end for entered, end in local if entered < asked), default=0)
            execution = duration_ns(row.cycles, ue.cpu_hz)
            since = max(free, row.ready_ns) - row.generated_ns + earlier
            found[name, row.number] = mdp.local_overhead(
                ue.weight_delay, ue.kappa, ue.cpu_hz, row.cycles, since, execution
            )
            earlier += execution
    return found


def _entered_ns(row: TaskRow) -> int:
    """When the task entered its UE's own queue; -1 if it never did."""
    if row.reentry_ns >= 0:
        return row.reentry_ns
    return row.ready_ns if row.choice == LOCAL else -1
