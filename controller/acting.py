"""The networks in compiled code: play slots of worlds of the twin, and keep what a learner needs.

Features come from `testbed.twin.observe`; the same functions of the model give them on the live testbed.
"""

from typing import Any

from numba import njit

from controller import compiled, heads
from controller.heads import JOINT, How, Kept, decide_at_once, decide_in_turn
from testbed.twin import kernels
from testbed.twin.compiled import OPTIONS, stamp
from testbed.twin.kernels import clear_cells, view
from testbed.twin.lists import item
from testbed.twin.observe import observe_cell
from testbed.twin.slot import advance
from testbed.twin.state import HOLDING


@njit(**OPTIONS)
def _decide(
    world: Any, fixed: Any, how: How, flat: Any, layers: Any, kept: Kept, cells: Any, at: int, d: int, scratch: Any
) -> int:
    """Every cell decides; keeps each decision from row ``d`` on and returns the next row."""
    for c in range(fixed.ess.shape[0]):
        if how.head < JOINT:
            d = decide_in_turn(world, fixed, c, how, flat, layers, kept, cells[c], at, d, scratch)
        else:
            d = decide_at_once(world, fixed, c, how, flat, layers, kept, cells[c], at, d, scratch)
    return d


def _build(key: int) -> Any:
    """Compile `act`; ``key`` becomes a part of its cache's key by being its closure (see `testbed.twin.kernels`)."""

    @njit(cache=True, **OPTIONS)
    def act(
        worlds: Any, fixed: Any, how: How, flat: Any, layers: Any, kept: Kept, cells: Any, rewards: Any, scratch: Any
    ) -> int:
        """Play ``rewards.shape[0]`` slots of every world and keep everything; returns the number of decisions.

        Of ``kept``: ``features`` (D, inputs), ``actions`` and ``said`` (D,), ``where`` (D, 2): slot index t·W + w, and
        UE; ``cells`` (T+1, W, C, 8); ``rewards`` (T, W, C). D must hold every UE of every slot.
        """
        slots, count = rewards.shape[0], rewards.shape[1]
        d = 0 if key else -1
        for t in range(slots):
            for w in range(count):
                world = view(worlds, w)
                clear_cells(world)
                for c in range(fixed.ess.shape[0]):
                    observe_cell(world, fixed, c, cells[t, w, c])
                d = _decide(world, fixed, how, flat, layers, kept, cells[t, w], t * count + w, d, scratch)
                advance(world, fixed)
                for c in range(fixed.ess.shape[0]):
                    cell = item(world.cells, c)
                    rewards[t, w, c] = -cell.cost if fixed.system[0].reward == HOLDING else cell.score
        for w in range(count):
            for c in range(fixed.ess.shape[0]):
                observe_cell(view(worlds, w), fixed, c, cells[slots, w, c])
        return d

    return act


act = _build(stamp(globals(), vars(heads), vars(compiled), *(vars(module) for module in kernels.modules())))
