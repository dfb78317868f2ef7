"""What the heuristics of `testbed.policy.heuristics` choose, from the model's costs, compiled."""

from typing import Any

from numba import njit

from testbed.twin.compiled import (
    INNER,
    compute_energy_j,
    duration_ns,
    es_wait_ns,
    flip,
    occupied_ns,
    overhead,
    price,
    transmit_energy_j,
)
from testbed.twin.lists import head, item, speed_of, ue_list
from testbed.twin.radio import radio_wait_ns, senders
from testbed.twin.state import COIN, FRESH, GIVEN, NONE, OFFLOAD_CODE, PRICED, Fixed, World


@njit(**INNER)
def undecided_task(world: World, u: int) -> int:
    """The first undecided task of a UE, or NONE."""
    return head(world, ue_list(u, FRESH))


@njit(**INNER)
def undecided_cycles(world: World, u: int) -> int:
    """Cycles of a UE's undecided tasks."""
    task, cycles = undecided_task(world, u), 0
    while task != NONE:
        cycles += item(world.tasks, task).cycles
        task = item(world.tasks, task).next
    return cycles


@njit(**INNER)
def local_cost(world: World, fixed: Fixed, u: int, now_ns: int) -> float:
    """`testbed.policy.heuristics.local_cost` of a UE's undecided tasks."""
    constants = item(fixed.ues, u)
    free = now_ns + max(0, item(world.ues, u).local_free_ns - now_ns)
    task, cost = undecided_task(world, u), 0.0
    while task != NONE:
        t = item(world.tasks, task)
        free += t.local_ns
        energy = compute_energy_j(constants.kappa, constants.cpu_hz, t.cycles)
        cost += overhead(constants.weight_delay, free - t.generated_ns, energy)
        task = t.next
    return cost


@njit(**INNER)
def offload_cost(world: World, fixed: Fixed, u: int, sent_cycles: int, sending: int, now_ns: int) -> float:
    """`testbed.policy.heuristics.offload_cost`, ``sent_cycles`` being under way and ``sending`` UEs on the air."""
    constants, system = item(fixed.ues, u), fixed.system[0]
    es = item(fixed.edge_servers, constants.cell)
    backlog = item(world.announced_ns, constants.cell)
    free = now_ns + radio_wait_ns(world, fixed, u, now_ns)
    task, cost, sent = undecided_task(world, u), 0.0, sent_cycles
    while task != NONE:
        t = item(world.tasks, task)
        airtime = t.airtime_ns
        if system.shared and sending > 1:
            airtime *= sending
        free += airtime
        arrival = free + system.latency_ns
        wait = es_wait_ns(backlog, sent, speed_of(es), es.cores, arrival - now_ns)
        finished = arrival + wait + t.at_ns + system.return_latency_ns
        energy = transmit_energy_j(constants.tx_power_w, airtime)
        cost += overhead(constants.weight_delay, finished - t.generated_ns, energy)
        sent += t.cycles
        task = t.next
    return cost


@njit(**INNER)
def _charge(world: World, fixed: Fixed, u: int, sent_cycles: int) -> float:
    """What `priced` adds to the cost of offloading."""
    w, es = world.status[0], fixed.edge_servers[item(fixed.ues, u).cell]
    if w.beta == 0.0 and w.beta0 == 0.0:
        return 0.0
    cell = item(fixed.ues, u).cell
    server = item(world.edge_servers, cell)
    air = server.air_cycles + sent_cycles
    occupied = occupied_ns(item(world.announced_ns, cell), server.forwarded_cycles, air, speed_of(es), es.cores)
    return price(w.beta, w.beta0, occupied, duration_ns(undecided_cycles(world, u), speed_of(es)))


@njit(**INNER)
def decide(world: World, fixed: Fixed, given: Any) -> None:
    """Set ``choice`` of every UE with undecided tasks, by the world's own policy, or as ``given`` (N,) says."""
    w = world.status[0]
    cell, sent, sending = NONE, 0, 1
    for i in range(w.asking):
        u = item(world.asking, i)
        sent = sent if item(fixed.ues, u).cell == cell else 0
        cell = item(fixed.ues, u).cell
        if w.policy == PRICED and fixed.system[0].shared:
            sending = senders(world, fixed, cell, w.start_ns)
        choice = 0
        if w.policy == PRICED:
            cost = offload_cost(world, fixed, u, sent, sending, w.start_ns) + _charge(world, fixed, u, sent)
            choice = int(cost < local_cost(world, fixed, u, w.start_ns))
            sent += choice * undecided_cycles(world, u)  # no branch where it would be guessed wrong often
        elif w.policy == GIVEN:
            choice = given[u]
        elif w.policy == COIN:
            choice = flip(w.seed, u, w.slot, w.probability)
        elif w.policy == OFFLOAD_CODE:
            choice = 1
        item(world.ues, u).choice = choice
