"""What decisions cost in sampled futures: the present world played on by a base policy (compiled)."""

from typing import Any, NamedTuple

import numpy as np
from numba import njit

from testbed.model.random import ARRIVALS, VALUES
from testbed.planning import corrections
from testbed.planning.corrections import Heard
from testbed.twin import kernels
from testbed.twin.compiled import INNER, OPTIONS, stamp, subjects_hash
from testbed.twin.entry import entry
from testbed.twin.generate import schedule
from testbed.twin.kernels import clear_cells, play, view
from testbed.twin.lists import item
from testbed.twin.state import GIVEN, NONE, POISSON, Fixed, World, Worlds

LOOK = 8  # after so many futures a change that has not paid yet is given up
BASE_POLICY = np.dtype([("policy", np.int64), ("beta", np.float64), ("beta0", np.float64), ("probability", np.float64)])


class Futures(NamedTuple):
    """Futures by their ``seeds`` (F,), after the first slot decided by the ``base`` (1,) policy.

    ``slots`` (2,): in the first so many there are decisions to take; a future ends after the second number, or before
    that when nothing is left in it. ``load`` (1,) is what the density has brought before them. ``costs`` (2, F): what
    the present decisions cost in each, and room to work in.
    """

    seeds: Any
    slots: Any
    base: Any
    load: Any
    costs: Any


@njit(**INNER)
def _copy(source: World, target: World) -> None:
    """Make ``target`` what ``source`` is, but for what each is working with."""
    target.status[0] = source.status[0]
    for i in range(source.status[0].used):
        target.tasks[i] = source.tasks[i]
    for i in range(source.lists.shape[0]):
        target.lists[i] = source.lists[i]
    for i in range(source.ues.shape[0]):
        target.ues[i] = source.ues[i]
    for i in range(source.edge_servers.shape[0]):
        target.edge_servers[i] = source.edge_servers[i]
        target.announced_ns[i] = source.announced_ns[i]
        for c in range(source.cores.shape[1]):
            target.cores[i, c] = source.cores[i, c]
    for i in range(source.asking.shape[0]):
        target.asking[i] = source.asking[i]


@njit(**INNER)
def _expect(world: World, fixed: Fixed, seed: Any, load: float) -> None:
    """From now on tasks are those of the future ``seed``; ``load`` is what the density has brought so far."""
    world.status[0].seed = seed
    for u in range(fixed.ues.shape[0]):
        ue = item(world.ues, u)
        ue.arrivals_hash, ue.values_hash = subjects_hash(seed, ARRIVALS, u), subjects_hash(seed, VALUES, u)
    if fixed.system[0].arrivals == POISSON:
        for u in range(fixed.ues.shape[0]):
            item(world.ues, u).arrival = load
            schedule(world, fixed, u)


@njit(**INNER)
def _change(given: Any, move: Any, actions: int, sign: int) -> None:
    """Make a move of `testbed.planning.search` (``sign`` 1), or take it back (-1); NONE stands for nobody."""
    for i in range(0, move.shape[0], 2):
        if move[i] != NONE:
            given[0, move[i]] = (given[0, move[i]] + sign * move[i + 1]) % actions


def _build(key: int) -> tuple[Any, Any]:
    """Compile the entry points; ``key`` becomes a part of their cache's key by being their closure."""

    @entry("the planner's futures", **OPTIONS)
    def attempt(
        present: Worlds, room: Worlds, fixed: Fixed, futures: Futures, given: Any, moves: Any, change: Any, by: Any
    ) -> int:
        """Make those of ``moves`` (K, 4) that pay in ``given`` (1, N); returns how many futures were played.

        ``change`` (K,) is set to the mean change that each move would have made, as far as it was looked into: after
        some futures in which it did not pay it is dropped. The costs of ``given`` are kept up. ``by`` is the network
        of a base policy that is one, else None.
        """
        source, world, count = view(present, 0), view(room, 0), futures.seeds.shape[0]
        now, tried, base = futures.costs[0], futures.costs[1], futures.base[0]
        actions = fixed.edge_servers.shape[0] + 1 if fixed.system[0].chosen else 2
        played = 0 if key else 1
        for m in range(moves.shape[0]):
            _change(given, moves[m], actions, 1)
            total, f = 0.0, 0
            while f < count:
                _copy(source, world)
                clear_cells(world)
                _expect(world, fixed, futures.seeds[f], futures.load[0])
                w = world.status[0]
                w.policy = GIVEN
                for k in range(futures.slots[1]):
                    if w.full or (k >= futures.slots[0] and w.inside == 0):
                        break
                    play(world, fixed, given, 0, by)
                    w.policy, w.probability = base.policy, base.probability
                    w.beta, w.beta0 = base.beta, base.beta0
                tried[f] = 0.0
                for cell in range(world.cells.shape[0]):
                    tried[f] += item(world.cells, cell).cost
                total += tried[f] - now[f]
                f += 1
                if f % LOOK == 0 and total >= 0.0:
                    break
            played += f
            change[m] = total / f
            if total < 0.0:
                for k in range(count):
                    now[k] = tried[k]
            else:
                _change(given, moves[m], actions, -1)
        return played

    @entry("the planner's corrections", **OPTIONS)
    def tell(present: Worlds, fixed: Fixed, told: Heard) -> int:
        """Let world 0 learn what agents were ``told`` at the boundary that it is at; 0 if it has no room for that."""
        world = view(present, 0)
        corrections.take_in(world, fixed, told)
        return 0 if world.status[0].full else key

    return attempt, tell


attempt, tell = _build(stamp(*(vars(module) for module in (*kernels.modules(), kernels, corrections)), globals()))
