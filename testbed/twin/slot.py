"""One slot of one world, from the decisions at its start to the tasks generated at its end (compiled).

The order is the model's: decisions start, arrivals and executions happen up to and including the slot's end, servers
announce, tasks are generated. What the next decisions may see is then complete.
"""

import numpy as np
from numba import njit

from testbed.model.task import LOCAL as LOCAL_CHOICE
from testbed.twin.compiled import (
    INNER,
    after_ns,
    chain,
    compute_energy_j,
    holding_cost,
    local_overhead,
    target_of,
    transmit_energy_j,
)
from testbed.twin.generate import generate
from testbed.twin.lists import (
    append,
    finish,
    head,
    item,
    release,
    row_of,
    take,
    take_from,
    ue_list,
    ue_of,
    unmark,
)
from testbed.twin.radio import depart, post, sending_ns
from testbed.twin.server import announce, arrive
from testbed.twin.state import FRESH, HOLDING_REWARD, LOCAL_LIST, NONE, REJECTED, RETURNING, Fixed, World


@njit(**INNER)
def _execute(world: World, fixed: Fixed, task: int, u: int, entered_ns: int) -> None:
    """A task enters its UE's local queue."""
    ue, t = item(world.ues, u), item(world.tasks, task)
    start = chain(ue.local_free_ns, entered_ns)
    t.at_ns = after_ns(start, t.local_ns)
    ue.local_free_ns = t.at_ns
    append(world, ue_list(u, LOCAL_LIST), task)
    if fixed.system[0].recording:
        outcome = world.outcomes[row_of(world, fixed, task)]
        outcome.start_ns, outcome.end_ns = start, t.at_ns


@njit(**INNER)
def _compare(world: World, fixed: Fixed, task: int, u: int, free_ns: int) -> int:
    """Remember what running an offloaded task locally would have cost; returns when that would have ended."""
    constants, t = item(fixed.ues, u), item(world.tasks, task)
    world.local_cost[task] = local_overhead(
        constants.weight_delay, constants.kappa, constants.cpu_hz, t.cycles, free_ns - t.generated_ns, t.local_ns
    )
    return free_ns + t.local_ns


@njit(**INNER)
def _act(world: World, fixed: Fixed, u: int, choice: int) -> None:
    """A UE follows its decision ``choice`` for every undecided task, once it has been thought of."""
    w, ue = world.status[0], item(world.ues, u)
    cell = world.cells[item(fixed.ues, u).cell]
    ready = w.start_ns + ue.think_ns
    free = chain(ue.local_free_ns, ready)
    ue.last_choice = choice
    while head(world, ue_list(u, FRESH)) != NONE:
        task = take(world, ue_list(u, FRESH))
        cell.decided += 1
        cell.offloaded += choice != LOCAL_CHOICE
        if fixed.system[0].recording:
            outcome = world.outcomes[row_of(world, fixed, task)]
            outcome.slot, outcome.choice, outcome.ready_ns = w.slot, choice, ready
        if fixed.system[0].reward != HOLDING_REWARD:
            world.local_cost[task] = -1.0
            if choice:
                free = _compare(world, fixed, task, u, free)
        if choice:
            if fixed.system[0].chosen:
                target = target_of(choice, item(fixed.ues, u).cell)
                item(world.tasks, task).to = fixed.edge_servers.shape[0] + target
            post(world, fixed, task, ready)
        else:
            item(world.tasks, task).airtime_ns = 0
            _execute(world, fixed, task, u, ready)


@njit(**INNER)
def _act_all(world: World, fixed: Fixed) -> None:
    """All UEs follow their decisions, those that offload first: sorted without branches that would be guessed wrong."""
    w, last = world.status[0], world.due.shape[0] - 1
    offload, local = 0, 0
    for i in range(w.asking):
        u = item(world.asking, i)
        offloads = int(item(world.ues, u).choice != LOCAL_CHOICE)
        world.due[np.uint64(offload)] = u
        world.due[np.uint64(last - local)] = u
        offload += offloads
        local += 1 - offloads
    for i in range(offload):
        u = item(world.due, i)
        _act(world, fixed, u, item(world.ues, u).choice)
    for i in range(local):
        _act(world, fixed, item(world.due, last - i), LOCAL_CHOICE)


@njit(**INNER)
def _happen(world: World, fixed: Fixed, task: int) -> None:
    """A task's next event: arrival at an ES, its result at the UE, or the news that it was rejected."""
    t = item(world.tasks, task)
    if t.to == RETURNING:
        finish(world, fixed, task, t.at_ns, 0.0)
    elif t.to == REJECTED:
        u = ue_of(world, task)
        world.cells[item(fixed.ues, u).cell].rejected += 1
        if fixed.system[0].recording:
            outcome = world.outcomes[row_of(world, fixed, task)]
            outcome.rejected, outcome.reentry_ns = 1, t.at_ns
        _execute(world, fixed, task, u, t.at_ns)
    else:
        arrive(world, fixed, task)


@njit(**INNER)
def _finish_local(world: World, fixed: Fixed, u: int) -> float:
    """End local executions up to the slot's end; returns the energy that executions spent in the slot."""
    w, ue, constants = world.status[0], item(world.ues, u), item(fixed.ues, u)
    spent = 0.0
    while True:
        task = head(world, ue_list(u, LOCAL_LIST))
        if task == NONE:
            return spent
        t = item(world.tasks, task)
        energy = compute_energy_j(constants.kappa, constants.cpu_hz, t.cycles)
        if t.at_ns > w.end_ns:
            break
        spent += energy - ue.spent_j
        ue.spent_j = 0.0
        take(world, ue_list(u, LOCAL_LIST))
        finish(world, fixed, task, t.at_ns, energy)
    length = t.local_ns
    worked = w.end_ns - (t.at_ns - length)
    if worked > 0:
        so_far = energy * worked / length
        spent += so_far - ue.spent_j
        ue.spent_j = so_far
    return spent


@njit(**INNER)
def _close(world: World, fixed: Fixed) -> None:
    """Settle the slot for every UE, and begin the next one."""
    w, length = world.status[0], fixed.system[0].slot_ns
    for u in range(fixed.ues.shape[0]):
        ue = item(world.ues, u)
        ue.energy_j = _finish_local(world, fixed, u)
        ue.stay_ns += ue.present * length
    w.slot += 1
    generate(world, fixed, w.end_ns)
    for es in range(fixed.edge_servers.shape[0]):
        cell = item(world.cells, es)
        cost, spent_j = cell.cost, cell.spent_j
        for u in range(item(fixed.edge_servers, es).first_ue, item(fixed.edge_servers, es).last_ue):
            ue, constants = item(world.ues, u), item(fixed.ues, u)
            spent = ue.energy_j + transmit_energy_j(constants.tx_power_w, sending_ns(world, fixed, u))
            cost += holding_cost(constants.weight_delay, ue.stay_ns, spent)
            spent_j += spent
            ue.stay_ns = 0
        cell.cost, cell.spent_j = cost, spent_j
    w.start_ns = w.end_ns
    w.end_ns += length


@njit(**INNER)
def advance(world: World, fixed: Fixed) -> None:
    """Carry out the choices of the UEs with undecided tasks, and everything until the next decisions are due."""
    w = world.status[0]
    release(world, fixed)
    _act_all(world, fixed)
    if fixed.system[0].shared:
        for es in range(fixed.edge_servers.shape[0]):
            depart(world, fixed, es, w.end_ns)
    for word in range(world.marks.shape[0]):
        while item(world.marks, word) != 0:
            ends = item(world.buckets, unmark(world, word))
            while ends.head != NONE:
                _happen(world, fixed, take_from(world, ends))
    announce(world, fixed, w.end_ns)
    _close(world, fixed)
