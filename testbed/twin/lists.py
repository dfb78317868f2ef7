"""Task lists, the arena they live in, and the bookkeeping of a task's flight and end (compiled)."""

from typing import Any

import numpy as np
from numba import njit

from testbed.twin.compiled import INNER, Speed, cost_score, overhead, sign_scores, time_score, transmit_energy_j
from testbed.twin.state import ES_LISTS, FLIGHT, HOLDING_REWARD, NONE, PAPER, UE_LISTS, WORD, Fixed, World

NUMBER_BITS = 32
NUMBER_MASK = (1 << NUMBER_BITS) - 1
MANTISSA_BITS, EXPONENT_BIAS = 52, 1023


@njit(**INNER)
def item(array: Any, index: int) -> Any:
    """``array[index]`` for an index that is not negative, which numba would otherwise check at every access."""
    return array[np.uint64(index)]


@njit(**INNER)
def speed_of(constants: Any) -> Speed:
    """The speed of a UE or an ES core."""
    return Speed(constants.cpu_hz, constants.ns_per_cycle)


@njit(**INNER)
def ue_list(ue: int, kind: int) -> int:
    """Index of a UE's list of ``kind`` FRESH (undecided), LOCAL, FLIGHT (known arrivals after this slot) or RADIO."""
    return ue * UE_LISTS + kind


@njit(**INNER)
def es_list(fixed: Fixed, es: int, kind: int) -> int:
    """Index of an ES's list of waiting tasks of ``kind`` OWN or FORWARDED."""
    return fixed.ues.shape[0] * UE_LISTS + es * ES_LISTS + kind


@njit(**INNER)
def head(world: World, at: int) -> int:
    """First task of a list, or NONE."""
    return item(world.lists, at).head


@njit(**INNER)
def append(world: World, at: int, task: int) -> None:
    """Put a task at a list's end."""
    append_to(world, item(world.lists, at), task)


@njit(**INNER)
def append_to(world: World, ends: Any, task: int) -> None:
    """Put a task at the end of the list with these ends."""
    item(world.tasks, task).next = NONE
    if ends.head == NONE:
        ends.head = task
    else:
        item(world.tasks, ends.tail).next = task
    ends.tail = task


@njit(**INNER)
def take(world: World, at: int) -> int:
    """Remove and return a list's first task."""
    return take_from(world, item(world.lists, at))


@njit(**INNER)
def take_from(world: World, ends: Any) -> int:
    """Remove and return the first task of the list with these ends."""
    task = ends.head
    ends.head = item(world.tasks, task).next
    return task


@njit(**INNER)
def precedes(world: World, a: int, b: int) -> bool:
    """The model's order: instant, then UE index and task number."""
    first, second = item(world.tasks, a), item(world.tasks, b)
    return first.at_ns < second.at_ns or (first.at_ns == second.at_ns and first.key < second.key)


@njit(**INNER)
def insert(world: World, ends: Any, task: int) -> None:
    """Put a task at its place in the list with these ends, sorted by `precedes`."""
    before = ends.head
    if before == NONE or not precedes(world, task, ends.tail):
        append_to(world, ends, task)
        return
    t = item(world.tasks, task)
    if precedes(world, task, before):
        t.next = before
        ends.head = task
        return
    while not precedes(world, task, item(world.tasks, before).next):
        before = item(world.tasks, before).next
    t.next = item(world.tasks, before).next
    item(world.tasks, before).next = task


@njit(**INNER)
def allocate(world: World) -> int:
    """A free record of the arena, or NONE when it is full: then ``full`` is set and the caller raises."""
    w = world.status[0]
    task = w.free
    if task != NONE:
        w.free = item(world.tasks, task).next
    elif w.used < world.tasks.shape[0]:
        task = w.used
        w.used += 1
    else:
        w.full = 1
        return NONE
    w.inside += 1
    return task


@njit(**INNER)
def launch(world: World, fixed: Fixed, task: int, ue: int) -> None:
    """Let a task happen at its instant ``at_ns``: in this slot's buckets, or in its UE's list of later flights."""
    w = world.status[0]
    at = item(world.tasks, task).at_ns
    if at > w.end_ns:
        insert(world, item(world.lists, ue_list(ue, FLIGHT)), task)
        return
    bucket = int((at - w.start_ns) * fixed.system[0].buckets_per_ns)
    bucket = max(0, min(bucket, world.buckets.shape[0] - 1))  # whatever the instant, no memory but this is touched
    world.marks[np.uint64(bucket // WORD)] |= np.uint64(1) << np.uint64(bucket % WORD)
    insert(world, item(world.buckets, bucket), task)


@njit(**INNER)
def unmark(world: World, word: int) -> int:
    """The first bucket marked in a word of ``marks``, which has one; its mark is removed."""
    marks = item(world.marks, word)
    first = marks & (~marks + np.uint64(1))
    world.marks[np.uint64(word)] = marks ^ first
    exponent = np.float64(first).view(np.int64) >> MANTISSA_BITS  # a power of two: its exponent is the bit's place
    return word * WORD + int(exponent) - EXPONENT_BIAS


@njit(**INNER)
def release(world: World, fixed: Fixed) -> None:
    """Move what happens in this slot from the UEs' flights to the buckets."""
    end = world.status[0].end_ns
    for ue in range(fixed.ues.shape[0]):
        at = ue_list(ue, FLIGHT)
        while head(world, at) != NONE and item(world.tasks, head(world, at)).at_ns <= end:
            launch(world, fixed, take(world, at), ue)


@njit(**INNER)
def ue_of(world: World, task: int) -> int:
    """The UE of a task."""
    return item(world.tasks, task).key >> NUMBER_BITS


@njit(**INNER)
def row_of(world: World, fixed: Fixed, task: int) -> int:
    """The row of a task in the workload table and in the outcomes."""
    return item(fixed.ues, ue_of(world, task)).first_row + (item(world.tasks, task).key & NUMBER_MASK)


@njit(**INNER)
def _score(world: World, fixed: Fixed, task: int, delay_ns: int, cost: float) -> float:
    """What the rewards ``paper`` and ``paper-sign`` pay for a finished task."""
    deadline, local = item(world.tasks, task).deadline_ns, item(world.local_cost, task)
    if fixed.system[0].reward == PAPER:
        return time_score(deadline, delay_ns) + cost_score(local, cost, local >= 0.0)
    return sign_scores(deadline, delay_ns, local, cost, local >= 0.0)


@njit(**INNER)
def finish(world: World, fixed: Fixed, task: int, at_ns: int, executed_j: float) -> None:
    """A task ends for its UE at ``at_ns``, not after this slot, having cost ``executed_j`` locally."""
    w, t, u = world.status[0], item(world.tasks, task), ue_of(world, task)
    constants, ue = item(fixed.ues, u), item(world.ues, u)
    energy = executed_j
    if t.airtime_ns != 0:
        energy = transmit_energy_j(constants.tx_power_w, t.airtime_ns) + executed_j
    delay = at_ns - t.generated_ns
    cost = overhead(constants.weight_delay, delay, energy)
    cell = item(world.cells, constants.cell)
    cell.finished += 1
    cell.hits += delay <= t.deadline_ns
    cell.delay_ns += delay
    cell.energy_j += energy
    cell.overhead += cost
    if fixed.system[0].reward != HOLDING_REWARD:
        cell.score += _score(world, fixed, task, delay, cost)
    ue.present -= 1
    ue.stay_ns += at_ns - w.start_ns
    if fixed.system[0].recording:
        outcome = world.outcomes[row_of(world, fixed, task)]
        outcome.finished_ns, outcome.energy_j, outcome.overhead = at_ns, energy, cost
    t.next = w.free
    w.free = task
    w.inside -= 1
