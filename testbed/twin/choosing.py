"""What the heuristics of `testbed.policy.choosing` choose: any place for a UE's undecided tasks (compiled).

The cycles that a cell's agent sends to each ES are counted in the first row of ``drawn``, in which tasks are drawn at
other times.
"""

import numpy as np
from numba import njit

from testbed.model.random import POLICY
from testbed.policy.choosing import DRAW_ONE, DRAW_OTHER
from testbed.twin.compiled import INNER, duration_ns, spread, target_of, uniform
from testbed.twin.costs import charge, local_cost, offload_cost, undecided_cycles
from testbed.twin.lists import item, speed_of
from testbed.twin.state import Fixed, World


@njit(**INNER)
def forget_sent(world: World, fixed: Fixed) -> None:
    """Another cell's agent begins to decide, where agents choose."""
    if fixed.system[0].chosen:
        for es in range(fixed.edge_servers.shape[0]):
            world.drawn[0, np.uint64(es)] = 0


@njit(**INNER)
def _sent(world: World, es: int) -> int:
    return int(world.drawn[0, np.uint64(es)])


@njit(**INNER)
def _note(world: World, fixed: Fixed, u: int, action: int) -> int:
    """Count what the UE sends by ``action``, which is returned."""
    if action:
        world.drawn[0, np.uint64(target_of(action, item(fixed.ues, u).cell))] += undecided_cycles(world, u)
    return action


@njit(**INNER)
def cheapest(world: World, fixed: Fixed, u: int, sending: int) -> int:
    """`testbed.policy.choosing.PricedAny`, ``sending`` UEs being on the air."""
    w, cell = world.status[0], item(fixed.ues, u).cell
    best, choice = local_cost(world, fixed, u, w.start_ns), 0
    for action in range(1, fixed.edge_servers.shape[0] + 1):
        es = target_of(action, cell)
        sent = _sent(world, es)
        cost = offload_cost(world, fixed, u, es, sent, sending, w.start_ns) + charge(world, fixed, u, es, sent)
        if es != cell:
            cost += w.probability
        if cost < best:
            best, choice = cost, action
    return _note(world, fixed, u, choice)


@njit(**INNER)
def _queue_ns(world: World, fixed: Fixed, u: int, action: int) -> int:
    """When a UE's tasks would be done in the queue of ``action``, from now on."""
    cycles = undecided_cycles(world, u)
    if action == 0:
        wait = max(0, item(world.ues, u).local_free_ns - world.status[0].start_ns)
        return wait + duration_ns(cycles, speed_of(item(fixed.ues, u)))
    es = target_of(action, item(fixed.ues, u).cell)
    constants = item(fixed.edge_servers, es)
    sent = spread(duration_ns(_sent(world, es), speed_of(constants)), constants.cores)
    return item(world.announced_ns, es) + sent + duration_ns(cycles, speed_of(constants))


@njit(**INNER)
def shortest(world: World, fixed: Fixed, u: int) -> int:
    """`testbed.policy.choosing.Shortest`, which draws two queues if the world's ``probability`` is not 0."""
    w, actions = world.status[0], fixed.edge_servers.shape[0] + 1
    one, other = -1, -1
    if w.probability != 0.0:
        one = int(uniform(w.seed, POLICY, u, w.slot, DRAW_ONE) * actions)
        other = int(uniform(w.seed, POLICY, u, w.slot, DRAW_OTHER) * (actions - 1))
        other += other >= one
    best, choice = -1, 0
    for action in range(actions):
        if one < 0 or action in (one, other):
            queue = _queue_ns(world, fixed, u, action)
            if best < 0 or queue < best:
                best, choice = queue, action
    return _note(world, fixed, u, choice)
