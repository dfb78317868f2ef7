"""The edge servers of a world: arrival, second offload, queues and cores (compiled).

Executions are caught up with lazily: an ES is brought to an instant when something arrives there, and at slot ends.
What starts at that very instant is left for later, because executions start after everything else of an instant.
"""

from typing import Any

import numpy as np
from numba import njit

from testbed.model.delay import NEVER
from testbed.model.queue import FCFS
from testbed.twin.compiled import (
    INNER,
    Speed,
    admits,
    after_ns,
    backlog_ns,
    duration_ns,
    execution_end_ns,
    expected_wait_ns,
    least_loaded,
    speed_hz,
    takes_over,
    transfer_ns,
)
from testbed.twin.lists import append, es_list, finish, head, item, launch, row_of, speed_of, take, ue_of
from testbed.twin.state import FORWARDED, NONE, OWN_LIST, REJECTED, RETURNING, Fixed, World


@njit(**INNER)
def core_of(world: World, es: int, c: int) -> Any:
    """Core ``c`` of an ES."""
    return world.cores[np.uint64(es), np.uint64(c)]


@njit(**INNER)
def _next(world: World, fixed: Fixed, es: int) -> int:
    """Take the waiting task that the discipline serves next."""
    server = item(world.edge_servers, es)
    own, forwarded = es_list(fixed, es, OWN_LIST), es_list(fixed, es, FORWARDED)
    is_own = server.own > 0
    if item(fixed.edge_servers, es).discipline == FCFS and server.own > 0 and server.forwarded > 0:
        a, b = item(world.tasks, head(world, own)), item(world.tasks, head(world, forwarded))
        is_own = a.at_ns < b.at_ns or (b.at_ns == a.at_ns and a.key < b.key)
    task = take(world, own if is_own else forwarded)
    cycles = item(world.tasks, task).cycles
    server.own -= is_own
    server.own_cycles -= is_own * cycles
    server.forwarded -= not is_own
    server.forwarded_cycles -= (not is_own) * cycles
    return task


@njit(**INNER)
def occupy(world: World, es: int, c: int, task: int, start_ns: int, end_ns: int) -> None:
    """Core ``c`` executes a task; of cores that end at the same instant the lower one is ``first``."""
    server, core = item(world.edge_servers, es), core_of(world, es, c)
    core.task, core.start_ns, core.end_ns = task, start_ns, end_ns
    server.running += 1
    server.ends_ns += end_ns
    if end_ns < server.first_ns or (end_ns == server.first_ns and c < server.first):
        server.first, server.first_ns = c, end_ns


@njit(**INNER)
def _release(world: World, fixed: Fixed, es: int, c: int) -> None:
    """Core ``c`` is free again."""
    server, core = item(world.edge_servers, es), core_of(world, es, c)
    core.task = NONE
    server.running -= 1
    server.ends_ns -= core.end_ns
    server.busy_ns += core.end_ns - core.start_ns
    server.first_ns = NEVER
    if server.running > 0:
        for other in range(item(fixed.edge_servers, es).cores):
            ends = core_of(world, es, other)
            if ends.task != NONE and ends.end_ns < server.first_ns:
                server.first, server.first_ns = other, ends.end_ns


@njit(**INNER)
def _dispatch(world: World, fixed: Fixed, es: int, now_ns: int) -> None:
    """Free cores take waiting tasks."""
    server, constants = item(world.edge_servers, es), item(fixed.edge_servers, es)
    for c in range(constants.cores):
        if core_of(world, es, c).task == NONE and server.own + server.forwarded > 0:
            task = _next(world, fixed, es)
            cycles = item(world.tasks, task).cycles
            if fixed.system[0].slowed:
                end = execution_end_ns(now_ns, cycles, fixed.speed_edges_ns[es], fixed.speeds_hz[es], NEVER)
            else:
                end = after_ns(now_ns, duration_ns(cycles, speed_of(constants)))
            occupy(world, es, c, task, now_ns, end)


@njit(**INNER)
def _complete(world: World, fixed: Fixed, es: int, c: int) -> None:
    """The execution on core ``c`` ends; its result travels back."""
    core = core_of(world, es, c)
    task = core.task
    _release(world, fixed, es, c)
    if task < 0:
        return
    ue = ue_of(world, task)
    back = core.end_ns + item(fixed.ues, ue).return_ns
    if fixed.system[0].recording:
        outcome = world.outcomes[row_of(world, fixed, task)]
        outcome.start_ns, outcome.end_ns = core.start_ns, core.end_ns
    if back <= world.status[0].end_ns:
        finish(world, fixed, task, back, 0.0)
    else:
        item(world.tasks, task).at_ns, item(world.tasks, task).to = back, RETURNING
        launch(world, fixed, task, ue)


@njit(**INNER)
def catch_up(world: World, fixed: Fixed, es: int, now_ns: int) -> None:
    """Let executions end up to ``now_ns`` and start before it."""
    server = item(world.edge_servers, es)
    if (
        server.clock_ns < now_ns
        and server.own + server.forwarded > 0
        and server.running < item(fixed.edge_servers, es).cores
    ):
        _dispatch(world, fixed, es, server.clock_ns)
    while server.first_ns <= now_ns:
        at = server.first_ns
        _complete(world, fixed, es, server.first)
        if at < now_ns and server.own + server.forwarded > 0:
            _dispatch(world, fixed, es, at)
    server.clock_ns = now_ns


@njit(**INNER)
def speed_now(fixed: Fixed, es: int, now_ns: int) -> Speed:
    """The speed of an ES at an instant."""
    if not fixed.system[0].slowed:
        return speed_of(item(fixed.edge_servers, es))
    hz = speed_hz(now_ns, fixed.speed_edges_ns[es], fixed.speeds_hz[es])
    return Speed(hz, 1e9 / hz)


@njit(**INNER)
def remaining_ns(world: World, fixed: Fixed, es: int, now_ns: int) -> int:
    """Summed rest of the running tasks, at the speed of this instant."""
    server = item(world.edge_servers, es)
    if not fixed.system[0].slowed:
        return server.ends_ns - server.running * now_ns
    rest = 0
    for c in range(item(fixed.edge_servers, es).cores):
        core = core_of(world, es, c)
        if core.task >= 0:
            cycles = item(world.tasks, core.task).cycles
            end = execution_end_ns(core.start_ns, cycles, fixed.speed_edges_ns[es], fixed.speeds_hz[es], now_ns)
            rest += max(0, end - now_ns)
    return rest


@njit(**INNER)
def wait_ns(world: World, fixed: Fixed, es: int, now_ns: int) -> int:
    """Expected wait of an own-cell task that arrives at ``now_ns``."""
    server, constants = item(world.edge_servers, es), item(fixed.edge_servers, es)
    ahead, cycles = server.own, server.own_cycles
    if constants.discipline == FCFS:
        ahead += server.forwarded
        cycles += server.forwarded_cycles
    rest = remaining_ns(world, fixed, es, now_ns)
    return expected_wait_ns(rest, server.running, ahead, cycles, speed_now(fixed, es, now_ns), constants.cores)


@njit(**INNER)
def announce(world: World, fixed: Fixed, now_ns: int) -> None:
    """Every ES announces its backlog; the two least loaded ones are remembered for the second offload."""
    for es in range(fixed.edge_servers.shape[0]):
        catch_up(world, fixed, es, now_ns)
        server, constants = item(world.edge_servers, es), item(fixed.edge_servers, es)
        cycles = server.own_cycles + server.forwarded_cycles
        rest = remaining_ns(world, fixed, es, now_ns)
        world.announced_ns[es] = backlog_ns(rest, cycles, speed_now(fixed, es, now_ns), constants.cores)
    if fixed.system[0].double:
        world.status[0].least = least_loaded(world.announced_ns, fixed.alive, NONE)
        world.status[0].second = least_loaded(world.announced_ns, fixed.alive, world.status[0].least)


@njit(**INNER)
def _is_taken_over(world: World, fixed: Fixed, task: int, es: int, now_ns: int) -> bool:
    """Second offload: another ES takes the arriving own-cell task over, if the rule says so."""
    w = world.status[0]  # no branches where they would be guessed wrong often, here and in `_next`
    target = w.least + (w.least == es) * (w.second - w.least)
    if target == NONE:
        return False
    wait = wait_ns(world, fixed, es, now_ns)
    if not takes_over(wait, fixed.system[0].threshold_ns, item(world.announced_ns, target)):
        return False
    _send_on(world, fixed, task, target)
    return True


@njit(**INNER)
def _send_on(world: World, fixed: Fixed, task: int, target: int) -> None:
    """A task that is at its own ES goes on to ES ``target``."""
    t, ue = item(world.tasks, task), ue_of(world, task)
    moved = after_ns(t.at_ns, transfer_ns(t.input_bits, fixed.system[0].backhaul_bps))
    t.at_ns = moved + fixed.system[0].backhaul_latency_ns
    t.to = target
    item(world.cells, item(fixed.ues, ue).cell).forwarded += 1
    launch(world, fixed, task, ue)


@njit(**INNER)
def arrive(world: World, fixed: Fixed, task: int) -> None:
    """A task's last bit reaches ES ``to``, from the radio or over the backhaul."""
    t = item(world.tasks, task)
    es, now, ue, chosen = t.to, t.at_ns, ue_of(world, task), NONE
    if es >= fixed.edge_servers.shape[0]:
        chosen = es - fixed.edge_servers.shape[0]
        es = item(fixed.ues, ue).cell
        t.to = es
    server, constants = item(world.edge_servers, es), item(fixed.edge_servers, es)
    own = item(fixed.ues, ue).cell == es
    catch_up(world, fixed, es, now)
    if own:
        server.air_cycles -= t.cycles
        if fixed.system[0].recording:
            world.outcomes[row_of(world, fixed, task)].arrival_ns = now
        if chosen != NONE:
            if chosen != es:
                _send_on(world, fixed, task, chosen)
                return
        elif fixed.system[0].double and _is_taken_over(world, fixed, task, es, now):
            return
    if fixed.system[0].recording:
        outcome = world.outcomes[row_of(world, fixed, task)]
        outcome.es, outcome.es_arrival_ns = es, now
    if not admits(server.own + server.forwarded, server.running, constants.cores, constants.queue_limit):
        t.at_ns, t.to = now + item(fixed.ues, ue).return_ns, REJECTED
        launch(world, fixed, task, ue)
    elif own:
        server.own += 1
        server.own_cycles += t.cycles
        append(world, es_list(fixed, es, OWN_LIST), task)
    else:
        server.forwarded += 1
        server.forwarded_cycles += t.cycles
        append(world, es_list(fixed, es, FORWARDED), task)
