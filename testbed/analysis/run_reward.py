"""What a run earned by its scenario's reward (MODEL: decisions and the Markov decision process), from its last rows."""

import itertools
import math
from collections import Counter, defaultdict
from collections.abc import Sequence

import msgspec

from testbed.model import mdp
from testbed.model.delay import duration_ns
from testbed.model.energy import transmit_energy_j
from testbed.model.system import System, Ue
from testbed.model.task import LOCAL, OFFLOAD
from testbed.protocol.rows import RewardRow, TaskRow

HOLDING = "holding"


def per_slot(rows: Sequence[TaskRow], system: System, kind: str) -> float:
    """Reward summed over cells and tasks, per slot of generation.

    ``holding`` sums to −ΣC over finished tasks; ``paper`` and ``paper-sign`` score every finished task.
    """
    ues = {ue.name: ue for ue in system.ues}
    finished = [row for row in rows if row.finished_ns >= 0]
    if kind == HOLDING:
        total = -sum(row.overhead for row in finished)
    else:
        local = local_overheads(rows, ues)
        total = sum(_score(row, local[row.ue, row.number], kind) for row in finished)
    return total / system.slots


class _Cell(msgspec.Struct):
    """What is known of one cell in one slot: parts of its reward and of its energy, summed in the end."""

    rewards: list[float] = []
    energies_j: list[float] = []
    stay_ns: int = 0
    decided: int = 0
    offloaded: int = 0


def by_slot(rows: Sequence[TaskRow], system: System, kind: str) -> list[RewardRow]:
    """The reward of every cell in every slot in which its tasks were there, spent energy, or were decided.

    Slots without a row earn nothing. The rows sum to `per_slot` times the number of slots. ``holding`` is paid in the
    slots in which a task spends time and energy, ``paper`` and ``paper-sign`` in the slot that decided it. Energy
    that was not sent or executed at a known instant is charged to the local execution, or to the slot in which the task
    ended.
    """
    ues = {ue.name: ue for ue in system.ues}
    cells: defaultdict[tuple[int, int], _Cell] = defaultdict(_Cell)
    whole: defaultdict[tuple[int, float], Counter[int]] = defaultdict(Counter)
    local = local_overheads(rows, ues) if kind != HOLDING else {}

    def spend(slot: int, number: int, weight: float, stay_ns: int, energy_j: float = 0.0, tasks: int = 1) -> None:
        cell = cells[slot, number]
        cell.stay_ns += tasks * stay_ns
        cell.energies_j.append(energy_j)
        if kind == HOLDING:
            cell.rewards.append(-tasks * mdp.holding_cost(weight, stay_ns, energy_j))

    for row in rows:
        if row.choice >= 0:
            cells[row.slot, row.cell].decided += 1
            cells[row.slot, row.cell].offloaded += row.choice == OFFLOAD
        if row.finished_ns < 0:
            continue
        weight = ues[row.ue].weight_delay
        first, end = _touched(row.generated_ns, row.generated_ns + row.measured_ns, system.slot_ns)
        between = whole[row.cell, weight]
        if first + 1 < end:
            between[first + 1] += 1
            between[end] -= 1
        for slot, stay_ns, energy_j in _spent(row, ues[row.ue], system.slot_ns):
            spend(slot, row.cell, weight, stay_ns, energy_j)
            if first < slot < end:
                between[slot] -= 1
                between[slot + 1] += 1
        if kind != HOLDING:
            cells[row.slot, row.cell].rewards.append(_score(row, local[row.ue, row.number], kind))
    for (number, weight), changes in whole.items():
        tasks = 0
        for slot, following in itertools.pairwise(sorted(changes)):
            tasks += changes[slot]
            for during in range(slot, following) if tasks else ():
                spend(during, number, weight, system.slot_ns, tasks=tasks)
    return [_row(slot, cell, system.slot_ns, found) for (slot, cell), found in sorted(cells.items())]


def _row(slot: int, cell: int, slot_ns: int, found: _Cell) -> RewardRow:
    return RewardRow(
        cell=cell,
        slot=slot,
        at_ns=slot * slot_ns,
        reward=math.fsum(found.rewards),
        stay_ns=found.stay_ns,
        energy_j=math.fsum(found.energies_j),
        decided=found.decided,
        offloaded=found.offloaded,
    )


def _spent(row: TaskRow, ue: Ue, slot_ns: int) -> list[tuple[int, int, float]]:
    """(slot, ns in the system during it, joules spent in it) of a finished task, as measured.

    Of the slots that it was in from their beginning to their end only those in which it spent energy are there: tasks
    of an overloaded region stay for thousands of slots.
    """
    came, left = row.generated_ns, row.generated_ns + row.measured_ns
    sent = transmit_energy_j(ue.tx_power_w, row.airtime_ns)
    rest = row.energy_measured_j - sent
    parts = [(row.tx_start_ns, row.tx_start_ns + row.airtime_ns, sent)] if row.airtime_ns > 0 else []
    if row.local_execution_ns > 0:
        parts.append((row.start_ns, row.end_ns, rest))
    elif rest:
        parts.append((left, left, rest))
    begin, close = _touched(came, left, slot_ns)
    energy = {begin: 0.0, close: 0.0}
    for start, end, joule in parts:
        first = start // slot_ns
        if end <= (first + 1) * slot_ns:
            energy[first] = energy.get(first, 0.0) + joule
            continue
        for slot in range(first, (end - 1) // slot_ns + 1):
            energy[slot] = energy.get(slot, 0.0) + joule * _shared_ns(slot, start, end, slot_ns) / (end - start)
    if len(energy) == 1:
        return [(begin, left - came, energy[begin])]
    return [(slot, _shared_ns(slot, came, left, slot_ns), energy[slot]) for slot in sorted(energy)]


def _touched(start_ns: int, end_ns: int, slot_ns: int) -> tuple[int, int]:
    """The first and the last slot that [start, end) touches; an instant is in the slot that it begins or is inside."""
    return start_ns // slot_ns, max(start_ns, end_ns - 1) // slot_ns


def _shared_ns(slot: int, start_ns: int, end_ns: int, slot_ns: int) -> int:
    """How much of [start, end) lies in ``slot``."""
    return max(0, min(end_ns, (slot + 1) * slot_ns) - max(start_ns, slot * slot_ns))


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
