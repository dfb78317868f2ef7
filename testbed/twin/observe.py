"""What an agent sees of a world before it decides, by the features of `testbed.policy.features` (compiled).

One function of the model gives the features here and on the other clocks; this file only gathers its arguments.
"""

from typing import Any

from numba import njit

from testbed.policy.features import CELL_FEATURES, DECISION_FEATURES, NOBODY_NS
from testbed.twin.compiled import FEATURES, INNER, duration_ns, least_loaded, transfer_ns
from testbed.twin.costs import local_cost, offload_cost, undecided_cycles, undecided_task
from testbed.twin.lists import item, speed_of
from testbed.twin.radio import radio_wait_ns, senders
from testbed.twin.state import NONE, Fixed, World

decision_features, cell_features = FEATURES.decision, FEATURES.cell
seconds, burden, work_ns = FEATURES.seconds, FEATURES.burden, FEATURES.duration_ns


@njit(**INNER)
def _others(world: World, fixed: Fixed, es: int) -> tuple[int, int, int]:
    """Of the other ESs: the target of second offload, mean announced backlog, and the least backlog and work in the
    air of all but the target. `NONE`, 0 and `NOBODY_NS` when there are none."""
    target, total, others, following = least_loaded(world.announced_ns, fixed.alive, es), 0, 0, NOBODY_NS
    for other in range(fixed.edge_servers.shape[0]):
        if other != es:
            announced, constants = item(world.announced_ns, other), item(fixed.edge_servers, other)
            others, total = others + 1, total + announced
            if other != target:
                air = work_ns(item(world.edge_servers, other).air_cycles, constants.cpu_hz * constants.cores)
                following = min(following, announced + air)
    return target, total // max(1, others), following


@njit(**INNER)
def observe_decision(world: World, fixed: Fixed, u: int, sent: int, later: int, seen_double: int, out: Any) -> None:
    """Fill ``out`` (22,) for the decision of a UE with undecided tasks; see `testbed.policy.features.decision`.

    ``seen_double``: what it shows of second offload is shown.
    """
    constants, system, now = item(fixed.ues, u), fixed.system[0], world.status[0].start_ns
    cell = constants.cell
    es, server = item(fixed.edge_servers, cell), item(world.edge_servers, cell)
    sending = senders(world, fixed, cell, now) if system.shared else 1
    task, airtime, tasks, deadline = undecided_task(world, u), 0, 0, 0
    while task != NONE:
        t = item(world.tasks, task)
        airtime += transfer_ns(t.input_bits, constants.rate_bps)
        deadline = t.deadline_ns if tasks == 0 else min(deadline, t.deadline_ns)
        tasks += 1
        task = t.next
    target, mean_ns, next_ns = _others(world, fixed, cell)
    double = seen_double and target != NONE
    other = cell if target == NONE else target
    target_es, target_server = item(fixed.edge_servers, other), item(world.edge_servers, other)
    seen = decision_features(
        local_cost=local_cost(world, fixed, u, now),
        offload_cost=offload_cost(world, fixed, u, cell, sent, sending, now),
        queue_ns=max(0, item(world.ues, u).local_free_ns - now),
        radio_wait_ns=radio_wait_ns(world, fixed, u, now),
        airtime_ns=airtime,
        cycles=undecided_cycles(world, u),
        ue_hz=constants.cpu_hz,
        es_hz=es.cpu_hz * es.cores,
        backlog_ns=item(world.announced_ns, cell),
        own_cycles=server.own_cycles,
        forwarded_cycles=server.forwarded_cycles,
        air_cycles=server.air_cycles,
        sent_cycles=sent,
        later_cycles=later,
        mean_ns=mean_ns,
        target_hz=target_es.cpu_hz * target_es.cores,
        target_ns=item(world.announced_ns, other),
        target_forwarded_cycles=target_server.forwarded_cycles,
        target_air_cycles=target_server.air_cycles,
        next_ns=next_ns,
        threshold_ns=system.threshold_ns,
        deadline_ns=deadline,
        tasks=tasks,
        double=double,
    )
    for n in range(DECISION_FEATURES):
        out[n] = seen[n]


@njit(**INNER)
def observe_cell(world: World, fixed: Fixed, es: int, out: Any) -> None:
    """Fill ``out`` (8,) for a cell; see `testbed.policy.features.cell`."""
    constants, server, now = item(fixed.edge_servers, es), item(world.edge_servers, es), world.status[0].start_ns
    queues, local, undecided = 0, 0, 0
    for u in range(constants.first_ue, constants.last_ue):
        cycles = undecided_cycles(world, u)
        queues += max(0, item(world.ues, u).local_free_ns - now)
        undecided += cycles
        local += duration_ns(cycles, speed_of(item(fixed.ues, u)))
    seen = cell_features(
        backlog_ns=item(world.announced_ns, es),
        own_cycles=server.own_cycles,
        forwarded_cycles=server.forwarded_cycles,
        air_cycles=server.air_cycles,
        es_hz=constants.cpu_hz * constants.cores,
        queues_ns=queues,
        ues=max(1, constants.last_ue - constants.first_ue),
        local_ns=local,
        undecided_cycles=undecided,
    )
    for n in range(CELL_FEATURES):
        out[n] = seen[n]


@njit(**INNER)
def observe_full(world: World, fixed: Fixed, out: Any) -> None:
    """Fill ``out``: 8 features a cell, then 22 a UE (all 0 without undecided tasks) that no other decision enters."""
    at = 0
    for es in range(fixed.edge_servers.shape[0]):
        observe_cell(world, fixed, es, out[at : at + CELL_FEATURES])
        at += CELL_FEATURES
    out[at:] = 0.0
    for i in range(world.status[0].asking):
        u = item(world.asking, i)
        place = at + u * DECISION_FEATURES
        observe_decision(world, fixed, u, 0, 0, fixed.system[0].double, out[place : place + DECISION_FEATURES])


@njit(**INNER)
def observe_paper(world: World, fixed: Fixed, out: Any) -> None:
    """Fill ``out`` with what the paper's agents see, a cell after another.

    Its UEs' queues and its ES's in s, whether an arriving task would wait longer than W_max (0 or 1), and which other
    ES has announced the least backlog (one-hot, M wide).
    """
    at, count, now = 0, fixed.edge_servers.shape[0], world.status[0].start_ns
    for es in range(count):
        constants, announced = item(fixed.edge_servers, es), item(world.announced_ns, es)
        forwarded, speed = item(world.edge_servers, es).forwarded_cycles, constants.cpu_hz * constants.cores
        for u in range(constants.first_ue, constants.last_ue):
            out[at] = seconds(max(0, item(world.ues, u).local_free_ns - now))
            at += 1
        out[at] = seconds(announced)
        out[at + 1] = burden(announced, forwarded, speed, constants.discipline, fixed.system[0].threshold_ns)
        at += 2
        out[at : at + count] = 0.0
        target = least_loaded(world.announced_ns, fixed.alive, es)
        if target != NONE:
            out[at + target] = 1.0
        at += count


def sizes(ues: int, edge_servers: int) -> dict[str, int]:
    """How many numbers each observation of a whole region has."""
    return {
        "full": edge_servers * CELL_FEATURES + ues * DECISION_FEATURES,
        "paper": ues + edge_servers * (2 + edge_servers),
    }
