"""What the heuristics of `testbed.policy.heuristics` and `testbed.policy.choosing` choose, compiled."""

from typing import Any

from numba import njit

from testbed.twin.choosing import cheapest, forget_sent, shortest
from testbed.twin.compiled import INNER, flip
from testbed.twin.costs import charge, local_cost, offload_cost, undecided_cycles
from testbed.twin.lists import item
from testbed.twin.radio import senders
from testbed.twin.state import COIN, GIVEN, NONE, OFFLOAD_CODE, PRICED, PRICED_ANY, SHORTEST, Fixed, World


@njit(**INNER)
def decide(world: World, fixed: Fixed, given: Any) -> None:
    """Set ``choice`` of every UE with undecided tasks, by the world's own policy, or as ``given`` (N,) says."""
    w = world.status[0]
    cell, sent, sending = NONE, 0, 1
    for i in range(w.asking):
        u = item(world.asking, i)
        if item(fixed.ues, u).cell != cell:
            cell, sent = item(fixed.ues, u).cell, 0
            forget_sent(world, fixed)
        if w.policy in (PRICED, PRICED_ANY) and fixed.system[0].shared:
            sending = senders(world, fixed, cell, w.start_ns)
        choice = 0
        if w.policy == PRICED:
            cost = offload_cost(world, fixed, u, cell, sent, sending, w.start_ns) + charge(world, fixed, u, cell, sent)
            choice = int(cost < local_cost(world, fixed, u, w.start_ns))
            sent += choice * undecided_cycles(world, u)  # no branch where it would be guessed wrong often
        elif w.policy == GIVEN:
            choice = given[u]
        elif w.policy == COIN:
            choice = flip(w.seed, u, w.slot, w.probability)
        elif w.policy == OFFLOAD_CODE:
            choice = 1
        elif w.policy == PRICED_ANY:
            choice = cheapest(world, fixed, u, sending)
        elif w.policy == SHORTEST:
            choice = shortest(world, fixed, u)
        item(world.ues, u).choice = choice
