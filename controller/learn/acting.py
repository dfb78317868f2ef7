"""The networks in compiled code: play slots of worlds of the twin, and keep what a learner needs.

Features come from `testbed.twin.observe`; the same functions of the model give them on the live testbed.
"""

from typing import Any, NamedTuple

from testbed.twin import kernels
from testbed.twin.compiled import OPTIONS, stamp
from testbed.twin.compiled_network import remember
from testbed.twin.entry import entry
from testbed.twin.heads import ANY_CODE, REGIONAL_CODE, CompiledNetwork, DecisionRule, Trace, Turn, decide, see_cell
from testbed.twin.kernels import add_cell, clear_cells, view
from testbed.twin.lists import item
from testbed.twin.observe import observe_cell
from testbed.twin.region_head import RegionLedger, RegionSlot, decide_region
from testbed.twin.slot import advance
from testbed.twin.state import HOLDING_REWARD
from testbed.twin.target_heads import TargetLedger, TargetSlot, decide_targets


class Recurrent(NamedTuple):
    """A recurrent ``core``'s layers, what cells' memories take in, ``seen`` (T+1, W, C, 8), and ``memory`` (W, C, H).

    Without a core there are no layers and H is 0.
    """

    core: Any
    seen: Any
    memory: Any


def _build(key: int) -> Any:
    """Compile `act`; ``key`` becomes a part of its cache's key by being its closure (see `testbed.twin.kernels`)."""

    @entry("the learner's networks", **OPTIONS)
    def act(
        worlds: Any,
        fixed: Any,
        rule: DecisionRule,
        net: CompiledNetwork,
        trace: Trace,
        recurrent: Recurrent,
        region: RegionLedger,
        known: TargetLedger,
        cells: Any,
        rewards: Any,
        earned: Any,
    ) -> int:
        """Play ``rewards.shape[0]`` slots of every world and keep everything; returns the number of decisions.

        Of ``trace``: ``features`` (D, inputs), ``actions`` and ``logits`` (D,), ``where`` (D, 2): slot index t·W + w,
        and UE; ``cells`` (T+1, W, C, 8); ``rewards`` (T, W, C). D must hold every UE of every slot. ``earned`` (W, C),
        records of `testbed.twin.state.CELL`, is what each cell earned in all of these slots. The memories of
        ``recurrent`` go on from slot to slot; they take in the slot after the last when the next call begins with it.
        """
        slots, count = rewards.shape[0], rewards.shape[1]
        d = 0 if key else -1
        for t in range(slots):
            for w in range(count):
                world = view(worlds, w)
                clear_cells(world)
                for c in range(fixed.edge_servers.shape[0]):
                    observe_cell(world, fixed, c, cells[t, w, c])
                if rule.head == REGIONAL_CODE:
                    slot = RegionSlot(t * count + w, cells[t, w], region)
                    d = decide_region(world, fixed, rule, net, trace, slot, d)
                elif rule.head >= ANY_CODE:
                    d = decide_targets(world, fixed, rule, net, trace, TargetSlot(t * count + w, cells[t, w], known), d)
                for c in range(fixed.edge_servers.shape[0] if rule.head < REGIONAL_CODE else 0):
                    turn = Turn(c, t * count + w, cells[t, w, c], recurrent.memory[w, c])
                    if recurrent.core.shape[0] > 0:
                        seen = recurrent.seen[t, w, c]
                        see_cell(world, fixed, c, rule, turn.features, seen)
                        remember(net.params, recurrent.core, seen, turn.memory, net.scratch)
                    d = decide(world, fixed, rule, net, trace, turn, d)
                advance(world, fixed)
                for c in range(fixed.edge_servers.shape[0]):
                    cell = item(world.cells, c)
                    rewards[t, w, c] = -cell.cost if fixed.system[0].reward == HOLDING_REWARD else cell.score
                    add_cell(earned[w, c], cell, t)
        for w in range(count):
            world = view(worlds, w)
            for c in range(fixed.edge_servers.shape[0]):
                observe_cell(world, fixed, c, cells[slots, w, c])
                if recurrent.core.shape[0] > 0:
                    see_cell(world, fixed, c, rule, cells[slots, w, c], recurrent.seen[slots, w, c])
        return d

    return act


act = _build(stamp(globals(), *(vars(module) for module in (*kernels.modules(), kernels))))
