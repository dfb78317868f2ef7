"""Tasks of a world: rows of a shared table, or the keyed draws of `testbed.scenario.workload` (compiled)."""

import math

import numpy as np
from numba import njit

from testbed.model.delay import NEVER
from testbed.model.random import ARRIVALS, FIELD_BITS, FIELD_CLASS, FIELD_CYCLES, FIELD_DEADLINE
from testbed.scenario.workload import FIELD_PRESENT
from testbed.twin.compiled import (
    INNER,
    duration_ns,
    exponential,
    mix,
    stretched,
    transfer_ns,
    uniform,
    unit,
    whole_ns,
)
from testbed.twin.lists import NUMBER_BITS, allocate, append, item, speed_of, ue_list
from testbed.twin.state import (
    BERNOULLI,
    CHOICE,
    FRESH,
    LANES,
    NONE,
    PER_BIT_LAW,
    POISSON,
    QUANTILES,
    TABLE_SOURCE,
    UNIFORM,
    Fixed,
    World,
)

FIELDS = 3  # of a task that are drawn


@njit(**INNER)
def add(world: World, fixed: Fixed, u: int, generated_ns: int, input_bits: int, cycles: int, deadline_ns: int) -> None:
    """A task enters the system, undecided."""
    ue, task = item(world.ues, u), allocate(world)
    if task == NONE:
        return
    t = item(world.tasks, task)
    t.generated_ns, t.input_bits, t.cycles, t.deadline_ns = generated_ns, input_bits, cycles, deadline_ns
    t.key = (u << NUMBER_BITS) | ue.number
    constants = item(fixed.ues, u)
    t.local_ns = duration_ns(cycles, speed_of(constants))
    t.airtime_ns = transfer_ns(input_bits, constants.rate_bps)
    t.at_ns = duration_ns(cycles, speed_of(item(fixed.edge_servers, constants.cell)))
    append(world, ue_list(u, FRESH), task)
    ue.number += 1
    ue.present += 1


@njit(**INNER)
def _whole(value: float) -> int:
    """The rounding of `fields.Draw.whole`."""
    return int(math.floor(value + 0.5))


@njit(**INNER)
def _draw_field(world: World, fixed: Fixed, field: int, lanes: int) -> None:
    """Set a row of ``drawn`` as `fields.Draw.whole` does: the values of a field that are drawn, not derived."""
    kind, count, key = fixed.draws[field].kind, fixed.draws[field].count, np.uint64(field)
    values, out = fixed.values[field], world.drawn[field]
    low = values[0]
    if kind == UNIFORM:
        width = values[1] - low
        for i in range(lanes):
            u = unit(mix(item(world.hashes, i) ^ key))
            out[np.uint64(i)] = _whole(low + u * width)
    elif kind == CHOICE:
        for i in range(lanes):
            u = unit(mix(item(world.hashes, i) ^ key))
            out[np.uint64(i)] = _whole(item(values, int(u * count)))
    elif kind == QUANTILES:
        for i in range(lanes):
            place = unit(mix(item(world.hashes, i) ^ key)) * (count - 1)
            below = int(place)
            value, above = item(values, below), item(values, below + 1)
            out[np.uint64(i)] = _whole(value + (place - below) * (above - value))
    else:
        for i in range(lanes):
            out[np.uint64(i)] = _whole(low)


@njit(**INNER)
def _drawn_one(fixed: Fixed, row: int, field: int, subject: int) -> int:
    """As `_draw_field`, the value of one subject, by one row of ``draws``."""
    kind, count, values = item(fixed.draws, row).kind, item(fixed.draws, row).count, fixed.values[row]
    u = unit(mix(subject ^ np.uint64(field)))
    if kind == UNIFORM:
        return _whole(values[0] + u * (values[1] - values[0]))
    if kind == CHOICE:
        return _whole(item(values, int(u * count)))
    if kind == QUANTILES:
        place = u * (count - 1)
        below = int(place)
        value = item(values, below)
        return _whole(value + (place - below) * (item(values, below + 1) - value))
    return _whole(values[0])


@njit(**INNER)
def _draw_classes(world: World, fixed: Fixed, due: int) -> None:
    """Set ``drawn`` for tasks of several classes, one task after another; a UE's begin at its ``first_class``."""
    for i in range(due):
        subject = item(world.hashes, i)
        u, first = unit(mix(subject ^ np.uint64(FIELD_CLASS))), item(fixed.ues, item(world.due, i)).first_class
        while item(fixed.shares, first) <= u:
            first += 1
        first *= FIELDS
        bits = _drawn_one(fixed, first + FIELD_BITS, FIELD_BITS, subject)
        world.drawn[FIELD_BITS, i] = bits
        world.drawn[FIELD_DEADLINE, i] = _drawn_one(fixed, first + FIELD_DEADLINE, FIELD_DEADLINE, subject)
        if item(fixed.draws, first + FIELD_CYCLES).kind == PER_BIT_LAW:
            ratio = fixed.values[first + FIELD_CYCLES, 0]
            world.drawn[FIELD_CYCLES, i] = max(1, int(math.floor(ratio * bits + 0.5)))
        else:
            world.drawn[FIELD_CYCLES, i] = _drawn_one(fixed, first + FIELD_CYCLES, FIELD_CYCLES, subject)


@njit(**INNER)
def _draw(world: World, fixed: Fixed, due: int) -> None:
    """Set ``drawn`` to the values of the next tasks of the first ``due`` UEs in the list; see `workload._task`.

    All at once, in loops without branches that fill vector registers. Their lengths are multiples of ``LANES``, which
    leaves no remainder to single steps; what is drawn beyond ``due`` is not used.
    """
    lanes = (due + LANES - 1) // LANES * LANES
    for i in range(lanes):
        ue = item(world.ues, item(world.due, i))
        world.hashes[np.uint64(i)] = ue.values_hash ^ np.uint64(ue.number)
    for i in range(lanes):
        world.hashes[np.uint64(i)] = mix(item(world.hashes, i))
    if fixed.shares.shape[0] > 1:
        _draw_classes(world, fixed, due)
        return
    _draw_field(world, fixed, FIELD_BITS, lanes)
    _draw_field(world, fixed, FIELD_DEADLINE, lanes)
    if fixed.draws[FIELD_CYCLES].kind == PER_BIT_LAW:
        ratio = fixed.values[FIELD_CYCLES, 0]
        for i in range(lanes):
            cycles = int(math.floor(ratio * world.drawn[FIELD_BITS, i] + 0.5))
            world.drawn[FIELD_CYCLES, i] = max(1, cycles)
    else:
        _draw_field(world, fixed, FIELD_CYCLES, lanes)


@njit(**INNER)
def schedule(world: World, fixed: Fixed, u: int) -> None:
    """Set the instant of a UE's next task: the table's next row, the next Poisson arrival, or none for now."""
    ue, system, rate = item(world.ues, u), fixed.system[0], item(fixed.ues, u).rate
    ue.next_ns = NEVER
    if system.arrivals == TABLE_SOURCE:
        row = item(fixed.ues, u).first_row + ue.number
        if row < item(fixed.ues, u).last_row:
            ue.next_ns = item(fixed.rows, row).generated_ns
    elif system.arrivals == POISSON and rate > 0.0:
        ue.arrival += exponential(uniform(world.status[0].seed, ARRIVALS, u, ue.number, FIELD_PRESENT)) / rate
        slots = ue.arrival if fixed.factors.shape[0] == 1 else stretched(ue.arrival, fixed.totals)
        at = whole_ns(slots * system.slot_ns)
        if system.slots < 0 or at < system.slots * system.slot_ns:
            ue.next_ns = at


@njit(**INNER)
def _toss(world: World, fixed: Fixed, now_ns: int) -> None:
    """Bernoulli arrivals: which UEs generate a task at the slot boundary ``now_ns`` (without branches, for speed)."""
    slot, slots = world.status[0].slot, fixed.system[0].slots
    if slots >= 0 and slot >= slots:
        for u in range(fixed.ues.shape[0]):
            item(world.ues, u).next_ns = NEVER
        return
    factor = item(fixed.factors, slot % fixed.factors.shape[0])
    for u in range(fixed.ues.shape[0]):
        subject = mix(item(world.ues, u).arrivals_hash ^ np.uint64(slot))
        present = unit(mix(subject ^ np.uint64(FIELD_PRESENT))) < item(fixed.ues, u).rate * factor
        item(world.ues, u).next_ns = now_ns if present else NEVER


@njit(**INNER)
def _add_due(world: World, fixed: Fixed, due: int, now_ns: int) -> int:
    """Add the next task of the first ``due`` UEs in the list; keeps those that have one more, and returns how many."""
    more = 0
    for i in range(due):
        u = item(world.due, i)
        ue = item(world.ues, u)
        ue.stay_ns += now_ns - ue.next_ns
        if fixed.system[0].arrivals == TABLE_SOURCE:
            row = item(fixed.rows, item(fixed.ues, u).first_row + ue.number)
            add(world, fixed, u, row.generated_ns, row.input_bits, row.cycles, row.deadline_ns)
        else:
            bits, cycles = world.drawn[FIELD_BITS, i], world.drawn[FIELD_CYCLES, i]
            add(world, fixed, u, ue.next_ns, bits, cycles, world.drawn[FIELD_DEADLINE, i])
        if fixed.system[0].arrivals != BERNOULLI:
            schedule(world, fixed, u)
            world.due[np.uint64(more)] = u
            more += ue.next_ns <= now_ns
    return more


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
        world.due[np.uint64(asking)] = u
        asking += item(world.ues, u).next_ns <= now_ns
    w.asking = asking
    due = asking
    while due > 0 and not w.full:
        if fixed.system[0].arrivals != TABLE_SOURCE:
            _draw(world, fixed, due)
        due = _add_due(world, fixed, due, now_ns)
