"""Tasks of a world: rows of a shared table, or the keyed draws of `testbed.model.workload` (compiled)."""

import math

import numpy as np
from numba import njit

from testbed.model.random import ARRIVALS, FIELD_BITS, FIELD_CYCLES, FIELD_DEADLINE, VALUES
from testbed.model.workload import FIELD_PRESENT
from testbed.twin.compiled import INNER, exponential, uniform
from testbed.twin.lists import NUMBER_BITS, allocate, append, item, ue_list
from testbed.twin.state import BERNOULLI, CHOICE, FRESH, NONE, PER_BIT, POISSON, TABLE, UNIFORM, Fixed, World

NEVER = 2**62


@njit(**INNER)
def _add(world: World, u: int, generated_ns: int, input_bits: int, cycles: int, deadline_ns: int) -> None:
    """A task enters the system, undecided."""
    ue, task = item(world.ues, u), allocate(world)
    if task == NONE:
        return
    t = item(world.tasks, task)
    t.generated_ns, t.input_bits, t.cycles, t.deadline_ns = generated_ns, input_bits, cycles, deadline_ns
    t.key, t.airtime_ns = (u << NUMBER_BITS) | ue.number, 0
    append(world, ue_list(u, FRESH), task)
    ue.number += 1
    ue.present += 1


@njit(**INNER)
def _whole(fixed: Fixed, field: int, u: float) -> int:
    """`fields.Draw.whole` of a task's value for a uniform ``u``."""
    kind = fixed.draws[field].kind
    value = fixed.values[field, 0]
    if kind == UNIFORM:
        value += u * (fixed.values[field, 1] - value)
    elif kind == CHOICE:
        value = fixed.values[field, int(u * fixed.draws[field].count)]
    return int(math.floor(value + 0.5))


@njit(**INNER)
def _draw(world: World, fixed: Fixed, u: int, generated_ns: int) -> None:
    """A task with its values drawn; see `workload._task`."""
    seed, number = world.status[0].seed, item(world.ues, u).number
    bits = _whole(fixed, FIELD_BITS, uniform(seed, VALUES, u, number, FIELD_BITS))
    if fixed.draws[FIELD_CYCLES].kind == PER_BIT:
        cycles = max(1, int(math.floor(fixed.values[FIELD_CYCLES, 0] * bits + 0.5)))
    else:
        cycles = _whole(fixed, FIELD_CYCLES, uniform(seed, VALUES, u, number, FIELD_CYCLES))
    deadline = _whole(fixed, FIELD_DEADLINE, uniform(seed, VALUES, u, number, FIELD_DEADLINE))
    _add(world, u, generated_ns, bits, cycles, deadline)


@njit(**INNER)
def schedule(world: World, fixed: Fixed, u: int) -> None:
    """Set the instant of a UE's next task: the table's next row, the next Poisson arrival, or none for now."""
    ue, system, rate = item(world.ues, u), fixed.system[0], item(fixed.ues, u).rate
    ue.next_ns = NEVER
    if system.arrivals == TABLE:
        row = item(fixed.ues, u).first_row + ue.number
        if row < item(fixed.ues, u).last_row:
            ue.next_ns = item(fixed.rows, row).generated_ns
    elif system.arrivals == POISSON and rate > 0.0:
        ue.arrival += exponential(uniform(world.status[0].seed, ARRIVALS, u, ue.number, FIELD_PRESENT)) / rate
        at = int(math.floor(ue.arrival * system.slot_ns + 0.5))
        if system.slots < 0 or at < system.slots * system.slot_ns:
            ue.next_ns = at


@njit(**INNER)
def _toss(world: World, fixed: Fixed, now_ns: int) -> None:
    """Bernoulli arrivals: which UEs generate a task at the slot boundary ``now_ns`` (without branches, for speed)."""
    slot, slots, seed = world.status[0].slot, fixed.system[0].slots, world.status[0].seed
    if slots >= 0 and slot >= slots:
        return
    for u in range(fixed.ues.shape[0]):
        present = uniform(seed, ARRIVALS, u, slot, FIELD_PRESENT) < item(fixed.ues, u).rate
        item(world.ues, u).next_ns = now_ns if present else NEVER


@njit(**INNER)
def generate(world: World, fixed: Fixed, now_ns: int) -> None:
    """Add the tasks generated up to the slot boundary ``now_ns``; those inside the slot before have been there since.

    Lists the UEs that have tasks to ask for in ``asking``.
    """
    w = world.status[0]
    if fixed.system[0].arrivals == BERNOULLI:
        _toss(world, fixed, now_ns)
    asking = 0
    for u in range(fixed.ues.shape[0]):
        world.asking[np.uint64(asking)] = u
        asking += item(world.ues, u).next_ns <= now_ns
    w.asking = asking
    for i in range(asking):
        u = item(world.asking, i)
        ue = item(world.ues, u)
        while ue.next_ns <= now_ns and not w.full:
            ue.stay_ns += now_ns - ue.next_ns
            if fixed.system[0].arrivals == TABLE:
                row = item(fixed.rows, item(fixed.ues, u).first_row + ue.number)
                _add(world, u, row.generated_ns, row.input_bits, row.cycles, row.deadline_ns)
            else:
                _draw(world, fixed, u, ue.next_ns)
            schedule(world, fixed, u)
