"""The uplinks of a world: a chain of ideal ends per UE, or a cell's band shared in virtual time (compiled)."""

from numba import njit

from testbed.twin.compiled import (
    INNER,
    after_ns,
    attempts,
    chain,
    jitter_ns,
    segment,
    sharing_advance,
    sharing_departure_ns,
    transfer_ns,
    whole_ns,
)
from testbed.twin.lists import NUMBER_MASK, append, head, item, launch, row_of, take, ue_list, ue_of
from testbed.twin.state import NONE, RADIO, Fixed, World
from testbed.twin.varying_radio import advance, first_to_leave, last_bit_ns, varying_wait_ns


@njit(**INNER)
def _leave(world: World, fixed: Fixed, task: int, start_ns: int, end_ns: int) -> None:
    """The task's first and last bit have known instants: it will arrive after latency and jitter."""
    t, system, u = item(world.tasks, task), fixed.system[0], ue_of(world, task)
    jitter = jitter_ns(
        world.status[0].seed, u, t.key & NUMBER_MASK, system.jitter_kind, system.jitter_low_ns, system.jitter_high_ns
    )
    t.airtime_ns = end_ns - start_ns
    t.at_ns = end_ns + system.latency_ns + jitter
    if system.degraded:
        t.at_ns += fixed.added_ns[u, segment(end_ns, fixed.added_edges_ns[u])]
    if not system.chosen:
        t.to = item(fixed.ues, u).cell
    if system.recording:
        outcome = world.outcomes[row_of(world, fixed, task)]
        outcome.tx_start_ns, outcome.tx_end_ns = start_ns, end_ns
    launch(world, fixed, task, u)


@njit(**INNER)
def post(world: World, fixed: Fixed, task: int, now_ns: int) -> None:
    """A UE hands a task to its radio, which sends one after another."""
    t, system, u = item(world.tasks, task), fixed.system[0], ue_of(world, task)
    constants, ue = item(fixed.ues, u), item(world.ues, u)
    item(world.edge_servers, constants.cell).air_cycles += t.cycles
    start = now_ns if system.shared else chain(ue.radio_free_ns, now_ns)
    loss = system.loss
    if system.degraded:
        loss = fixed.losses[u, segment(start, fixed.loss_edges_ns[u])]
    tries = attempts(world.status[0].seed, u, t.key & NUMBER_MASK, loss)
    if system.recording:
        world.outcomes[row_of(world, fixed, task)].attempts = tries
    if system.shared:
        t.airtime_ns = t.input_bits * tries
        if not item(fixed.edge_servers, constants.cell).varying:
            t.airtime_ns = transfer_ns(t.input_bits * tries, constants.rate_bps)
        _share(world, fixed, task, u, constants.cell, now_ns)
        return
    if constants.steady and tries == 1:
        end = after_ns(start, t.airtime_ns)
    else:
        end = last_bit_ns(world, fixed, u, start, t.input_bits * tries)
    ue.radio_free_ns = end
    _leave(world, fixed, task, start, end)


@njit(**INNER)
def _share(world: World, fixed: Fixed, task: int, u: int, es: int, now_ns: int) -> None:
    """A task joins its UE's FIFO on the shared band; ``airtime_ns`` is what it would take alone.

    Where rates change that is unknown: ``airtime_ns`` and ``radio_waiting_ns`` are bits then, and so is ``finish``, of
    what is left.
    """
    depart(world, fixed, es, now_ns)
    server, ue, t = item(world.edge_servers, es), item(world.ues, u), item(world.tasks, task)
    varying = item(fixed.edge_servers, es).varying
    if varying:
        advance(world, fixed, es, now_ns)
    else:
        server.virtual = sharing_advance(server.virtual, now_ns - server.radio_ns, server.senders)
    server.radio_ns = now_ns
    if head(world, ue_list(u, RADIO)) == NONE:
        ue.finish = t.airtime_ns if varying else server.virtual + t.airtime_ns
        t.at_ns = now_ns
        server.senders += 1
    else:
        ue.radio_waiting_ns += t.airtime_ns
    append(world, ue_list(u, RADIO), task)


@njit(**INNER)
def depart(world: World, fixed: Fixed, es: int, until_ns: int) -> None:
    """Let last bits leave on the shared band of a cell up to ``until_ns``, ties going to the lower UE index."""
    server = item(world.edge_servers, es)
    while item(fixed.edge_servers, es).varying and server.senders > 0:
        at, leaving = first_to_leave(world, fixed, es)
        if at > until_ns:
            return
        advance(world, fixed, es, at)
        server.radio_ns = at
        _last_bit(world, fixed, es, leaving, at)
    while server.senders > 0:
        first = NONE
        for u in range(item(fixed.edge_servers, es).first_ue, item(fixed.edge_servers, es).last_ue):
            waits = head(world, ue_list(u, RADIO)) != NONE
            if waits and (first == NONE or item(world.ues, u).finish < item(world.ues, first).finish):
                first = u
        finish = item(world.ues, first).finish
        at = sharing_departure_ns(server.radio_ns, server.virtual, finish, server.senders)
        at = max(at, server.radio_ns)
        if at > until_ns:
            return
        server.virtual, server.radio_ns = finish, at
        _last_bit(world, fixed, es, first, at)


@njit(**INNER)
def _last_bit(world: World, fixed: Fixed, es: int, u: int, now_ns: int) -> None:
    """The head of a UE's FIFO has sent its last bit; the next one begins."""
    server, ue = item(world.edge_servers, es), item(world.ues, u)
    task = take(world, ue_list(u, RADIO))
    following = head(world, ue_list(u, RADIO))
    if following == NONE:
        server.senders -= 1
        ue.sent_ns += now_ns - world.status[0].start_ns
    else:
        solo = item(world.tasks, following).airtime_ns
        item(world.tasks, following).at_ns = now_ns
        ue.radio_waiting_ns -= solo
        ue.finish = solo if item(fixed.edge_servers, es).varying else server.virtual + solo
    _leave(world, fixed, task, item(world.tasks, task).at_ns, now_ns)


@njit(**INNER)
def radio_wait_ns(world: World, fixed: Fixed, u: int, now_ns: int) -> int:
    """How long a task posted now would wait for its first bit; an estimate when the band is shared."""
    ue = item(world.ues, u)
    if not fixed.system[0].shared:
        return max(0, ue.radio_free_ns - now_ns)
    if head(world, ue_list(u, RADIO)) == NONE:
        return 0
    server = world.edge_servers[item(fixed.ues, u).cell]
    if item(fixed.edge_servers, item(fixed.ues, u).cell).varying:
        return varying_wait_ns(world, fixed, u, now_ns)
    virtual = sharing_advance(server.virtual, now_ns - server.radio_ns, server.senders)
    left = ue.finish - virtual + ue.radio_waiting_ns
    return whole_ns(max(0.0, left * server.senders))


@njit(**INNER)
def senders(world: World, fixed: Fixed, es: int, now_ns: int) -> int:
    """UEs of a cell with bits in flight."""
    if fixed.system[0].shared:
        return item(world.edge_servers, es).senders
    count = 0
    for u in range(item(fixed.edge_servers, es).first_ue, item(fixed.edge_servers, es).last_ue):
        count += item(world.ues, u).radio_free_ns > now_ns
    return count


@njit(**INNER)
def sending_ns(world: World, fixed: Fixed, u: int) -> int:
    """How long a UE has been sending in the slot that ends (tasks are posted at its start only)."""
    w, ue = world.status[0], item(world.ues, u)
    if fixed.system[0].shared:
        busy = head(world, ue_list(u, RADIO)) != NONE
        sent = ue.sent_ns + (w.end_ns - w.start_ns if busy else 0)
        ue.sent_ns = 0
        return sent
    return max(0, min(ue.radio_free_ns, w.end_ns) - w.start_ns)
