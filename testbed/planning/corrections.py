"""What agents are told, taken in by a world that stands for what they know (compiled).

Of an ES they know the backlog and the waiting cycles of both classes. Where that is what the world has, its tasks stay;
where it is not, because of something that nobody could know, the world gets as much work of nobody's in their place.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import njit

from testbed.model.delay import NEVER
from testbed.twin.compiled import INNER, duration_ns, least_loaded
from testbed.twin.generate import add
from testbed.twin.lists import append, es_list, item, speed_of, take, ue_list, ue_of
from testbed.twin.server import core_of, occupy
from testbed.twin.state import FORWARDED, FRESH, NONE, OWN_LIST, Fixed, World

NEAR_NS = 200_000_000  # a difference in what is left of an execution, not in which tasks wait
UNKNOWN_TASK = -2
HOUR_NS = 3_600_000_000_000
TOLD_UE = np.dtype([("queue_ns", np.int64), ("radio_wait_ns", np.int64), ("known", np.int64)])
TOLD_ES = np.dtype(
    [
        ("backlog_ns", np.int64),
        ("own_cycles", np.int64),
        ("forwarded_cycles", np.int64),
        ("known", np.int64),
        ("alive", np.int64),
    ]
)
TOLD_TASK = np.dtype(
    [
        ("ue", np.int64),
        ("generated_ns", np.int64),
        ("input_bits", np.int64),
        ("cycles", np.int64),
        ("deadline_ns", np.int64),
    ]
)


class Heard(NamedTuple):
    """What is known at a boundary: of N UEs, of M ESs, and T undecided tasks, by UE; a task's usual ``cycles`` (1,)."""

    ues: Any
    edge_servers: Any
    tasks: Any
    cycles: Any


@njit(**INNER)
def take_in(world: World, fixed: Fixed, told: Heard) -> None:
    """Let the world at a boundary learn what was told there."""
    w = world.status[0]
    for u in range(fixed.ues.shape[0]):
        _correct_ue(world, fixed, u, told.ues[u])
    for es in range(fixed.edge_servers.shape[0]):
        known = told.edge_servers[es]
        if known.alive == 0:
            _clear(world, fixed, es)
            for c in range(item(fixed.edge_servers, es).cores):
                occupy(world, es, c, UNKNOWN_TASK, w.start_ns, w.start_ns + HOUR_NS)
            world.announced_ns[es] = HOUR_NS
        elif known.known:
            _correct_es(world, fixed, es, told)
            world.announced_ns[es] = known.backlog_ns
    if fixed.system[0].double:
        w.least = least_loaded(world.announced_ns, fixed.alive, NONE)
        w.second = least_loaded(world.announced_ns, fixed.alive, w.least)
    w.asking = 0
    for i in range(told.tasks.shape[0]):
        t = told.tasks[i]
        add(world, fixed, t.ue, t.generated_ns, t.input_bits, t.cycles, t.deadline_ns)
        if w.full:
            return
        if w.asking == 0 or world.asking[w.asking - 1] != t.ue:
            world.asking[w.asking] = t.ue
            w.asking += 1


@njit(**INNER)
def _correct_ue(world: World, fixed: Fixed, u: int, told: Any) -> None:
    ue, now = item(world.ues, u), world.status[0].start_ns
    if told.known == 0:
        return
    if told.queue_ns > 0 or ue.local_free_ns > now:
        ue.local_free_ns = now + told.queue_ns
    if not fixed.system[0].shared and (told.radio_wait_ns > 0 or ue.radio_free_ns > now):
        ue.radio_free_ns = now + told.radio_wait_ns


@njit(**INNER)
def _correct_es(world: World, fixed: Fixed, es: int, told: Heard) -> None:
    server, known, now = item(world.edge_servers, es), told.edge_servers[es], world.status[0].start_ns
    cores = item(fixed.edge_servers, es).cores
    speed = speed_of(item(fixed.edge_servers, es))
    off = known.backlog_ns - item(world.announced_ns, es)
    waiting = server.own_cycles == known.own_cycles and server.forwarded_cycles == known.forwarded_cycles
    if waiting and off == 0:
        return
    if waiting and cores == 1 and server.running == 1 and abs(off) < NEAR_NS:
        core = core_of(world, es, 0)
        core.end_ns = max(now + 1, core.end_ns + off)
        server.ends_ns = server.first_ns = core.end_ns
        return
    _clear(world, fixed, es)
    rest = known.backlog_ns * cores - duration_ns(known.own_cycles + known.forwarded_cycles, speed)
    for c in range(cores):
        if rest > 0:
            occupy(world, es, c, UNKNOWN_TASK, now, now + max(1, rest // cores))
    usual = max(1, told.cycles[0])
    _queue(world, fixed, es, OWN_LIST, known.own_cycles, usual)
    _queue(world, fixed, es, FORWARDED, known.forwarded_cycles, usual)


@njit(**INNER)
def _clear(world: World, fixed: Fixed, es: int) -> None:
    """Nothing waits or runs at an ES any more."""
    server = item(world.edge_servers, es)
    for kind in (OWN_LIST, FORWARDED):
        while item(world.lists, es_list(fixed, es, kind)).head != NONE:
            _forget(world, take(world, es_list(fixed, es, kind)))
    for c in range(item(fixed.edge_servers, es).cores):
        core = core_of(world, es, c)
        if core.task >= 0:
            _forget(world, core.task)
        core.task = NONE
    server.own, server.forwarded, server.own_cycles, server.forwarded_cycles = 0, 0, 0, 0
    server.running, server.ends_ns, server.first_ns, server.first = 0, 0, NEVER, NONE


@njit(**INNER)
def _forget(world: World, task: int) -> None:
    w, t = world.status[0], item(world.tasks, task)
    item(world.ues, ue_of(world, task)).present -= 1
    t.next = w.free
    w.free = task
    w.inside -= 1


@njit(**INNER)
def _queue(world: World, fixed: Fixed, es: int, kind: int, cycles: int, usual: int) -> None:
    """Let ``cycles`` wait at an ES, as tasks of about the usual size, of a UE of its cell or of another one."""
    if cycles <= 0:
        return
    u = NONE
    for other in range(fixed.ues.shape[0]):
        if (item(fixed.ues, other).cell == es) == (kind == OWN_LIST):
            u = other
            break
    if u == NONE:
        return
    server, w = item(world.edge_servers, es), world.status[0]
    count = max(1, (cycles + usual // 2) // usual)
    for n in range(count):
        size = cycles // count + (cycles % count if n == 0 else 0)
        add(world, fixed, u, w.start_ns, 0, size, 1)
        if w.full:
            return
        fresh = item(world.lists, ue_list(u, FRESH))
        task = fresh.head
        fresh.head = NONE
        item(world.tasks, task).at_ns = w.start_ns
        item(world.tasks, task).to = es
        append(world, es_list(fixed, es, kind), task)
        if kind == OWN_LIST:
            server.own += 1
            server.own_cycles += size
        else:
            server.forwarded += 1
            server.forwarded_cycles += size
