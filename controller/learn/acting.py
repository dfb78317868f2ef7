"""The networks in compiled code: play slots of worlds of the twin, and keep what a learner needs.

Features come from `testbed.twin.observe`; the same functions of the model give them on the live testbed.
"""

from typing import Any, NamedTuple

from numba import njit

from controller.learn import compiled_network, heads
from controller.learn.compiled_network import remember
from controller.learn.heads import JOINT, How, Trace, decide_at_once, decide_in_turn, see_cell
from testbed.twin import kernels
from testbed.twin.compiled import OPTIONS, stamp
from testbed.twin.entry import entry
from testbed.twin.kernels import clear_cells, view
from testbed.twin.lists import item
from testbed.twin.observe import observe_cell
from testbed.twin.slot import advance
from testbed.twin.state import HOLDING


class Recurrent(NamedTuple):
    """A recurrent ``core``'s layers, what cells' memories take in, ``seen`` (T+1, W, C, 8), and ``memory`` (W, C, H).

    Without a core there are no layers and H is 0.
    """

    core: Any
    seen: Any
    memory: Any


@njit(**OPTIONS)
def _decide(
    world: Any,
    fixed: Any,
    how: How,
    params: Any,
    layers: Any,
    trace: Trace,
    cells: Any,
    memory: Any,
    at: int,
    d: int,
    scratch: Any,
) -> int:
    """Every cell decides; keeps each decision from row ``d`` on and returns the next row."""
    for c in range(fixed.edge_servers.shape[0]):
        if how.head < JOINT:
            d = decide_in_turn(
                world,
                fixed,
                c,
                how,
                params=params,
                layers=layers,
                trace=trace,
                cells=cells[c],
                memory=memory[c],
                at=at,
                d=d,
                scratch=scratch,
            )
        else:
            d = decide_at_once(
                world,
                fixed,
                c,
                how,
                params=params,
                layers=layers,
                trace=trace,
                cells=cells[c],
                memory=memory[c],
                at=at,
                d=d,
                scratch=scratch,
            )
    return d


@njit(**OPTIONS)
def _remember(
    world: Any, fixed: Any, how: How, params: Any, recurrent: Recurrent, cells: Any, t: int, w: int, scratch: Any
) -> None:
    """Every cell's memory takes in slot ``t``; the one after the last is only kept: the next call begins with it."""
    if recurrent.core.shape[0] == 0:
        return
    for c in range(fixed.edge_servers.shape[0]):
        see_cell(world, fixed, c, how.paper, cells[c], recurrent.seen[t, w, c])
        if t < recurrent.seen.shape[0] - 1:
            remember(params, recurrent.core, recurrent.seen[t, w, c], recurrent.memory[w, c], scratch)


def _build(key: int) -> Any:
    """Compile `act`; ``key`` becomes a part of its cache's key by being its closure (see `testbed.twin.kernels`)."""

    @entry("the learner's networks", **OPTIONS)
    def act(
        worlds: Any,
        fixed: Any,
        how: How,
        params: Any,
        layers: Any,
        trace: Trace,
        recurrent: Recurrent,
        cells: Any,
        rewards: Any,
        scratch: Any,
    ) -> int:
        """Play ``rewards.shape[0]`` slots of every world and keep everything; returns the number of decisions.

        Of ``trace``: ``features`` (D, inputs), ``actions`` and ``logits`` (D,), ``where`` (D, 2): slot index t·W + w,
        and UE; ``cells`` (T+1, W, C, 8); ``rewards`` (T, W, C). D must hold every UE of every slot. The memories of
        ``recurrent`` go on from slot to slot.
        """
        slots, count = rewards.shape[0], rewards.shape[1]
        d = 0 if key else -1
        for t in range(slots):
            for w in range(count):
                world = view(worlds, w)
                clear_cells(world)
                for c in range(fixed.edge_servers.shape[0]):
                    observe_cell(world, fixed, c, cells[t, w, c])
                _remember(world, fixed, how, params, recurrent=recurrent, cells=cells[t, w], t=t, w=w, scratch=scratch)
                memory = recurrent.memory[w]
                d = _decide(
                    world,
                    fixed,
                    how,
                    params,
                    layers=layers,
                    trace=trace,
                    cells=cells[t, w],
                    memory=memory,
                    at=t * count + w,
                    d=d,
                    scratch=scratch,
                )
                advance(world, fixed)
                for c in range(fixed.edge_servers.shape[0]):
                    cell = item(world.cells, c)
                    rewards[t, w, c] = -cell.cost if fixed.system[0].reward == HOLDING else cell.score
        for w in range(count):
            for c in range(fixed.edge_servers.shape[0]):
                observe_cell(view(worlds, w), fixed, c, cells[slots, w, c])
            _remember(
                world=view(worlds, w),
                fixed=fixed,
                how=how,
                params=params,
                recurrent=recurrent,
                cells=cells[slots, w],
                t=slots,
                w=w,
                scratch=scratch,
            )
        return d

    return act


act = _build(
    stamp(globals(), vars(heads), vars(compiled_network), *(vars(module) for module in (*kernels.modules(), kernels)))
)
