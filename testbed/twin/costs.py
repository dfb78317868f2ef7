"""The model's expected costs of a UE's undecided tasks, which heuristics compare and agents see (compiled)."""

from numba import njit

from testbed.twin.compiled import (
    INNER,
    compute_energy_j,
    duration_ns,
    es_wait_ns,
    occupied_ns,
    overhead,
    price,
    transfer_ns,
    transmit_energy_j,
)
from testbed.twin.lists import head, item, speed_of, ue_list
from testbed.twin.radio import radio_wait_ns
from testbed.twin.state import FRESH, NONE, Fixed, World


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
def offload_cost(world: World, fixed: Fixed, u: int, target: int, sent_cycles: int, sending: int, now_ns: int) -> float:
    """`testbed.policy.heuristics.offload_cost` to ES ``target``, to which ``sent_cycles`` are under way.

    ``sending`` UEs are on the air.
    """
    constants, system = item(fixed.ues, u), fixed.system[0]
    es = item(fixed.edge_servers, target)
    backlog = item(world.announced_ns, target)
    free = now_ns + radio_wait_ns(world, fixed, u, now_ns)
    task, cost, sent = undecided_task(world, u), 0.0, sent_cycles
    while task != NONE:
        t = item(world.tasks, task)
        airtime = t.airtime_ns
        if system.shared and sending > 1:
            airtime *= sending
        free += airtime
        arrival, execution = free + system.latency_ns, t.at_ns
        if target != constants.cell:
            arrival += transfer_ns(t.input_bits, system.backhaul_bps) + system.backhaul_latency_ns
            execution = duration_ns(t.cycles, speed_of(es))
        wait = es_wait_ns(backlog, sent, speed_of(es), es.cores, arrival - now_ns)
        finished = arrival + wait + execution + system.return_latency_ns
        energy = transmit_energy_j(constants.tx_power_w, airtime)
        cost += overhead(constants.weight_delay, finished - t.generated_ns, energy)
        sent += t.cycles
        task = t.next
    return cost


@njit(**INNER)
def charge(world: World, fixed: Fixed, u: int, target: int, sent_cycles: int) -> float:
    """What `priced` adds to the cost of offloading to ES ``target``."""
    w, es = world.status[0], item(fixed.edge_servers, target)
    if w.beta == 0.0 and w.beta0 == 0.0:
        return 0.0
    server = item(world.edge_servers, target)
    air = server.air_cycles + sent_cycles
    occupied = occupied_ns(item(world.announced_ns, target), server.forwarded_cycles, air, speed_of(es), es.cores)
    return price(w.beta, w.beta0, occupied, duration_ns(undecided_cycles(world, u), speed_of(es)))
