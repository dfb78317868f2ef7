"""What the head `regional` decides in worlds of the twin that wait for it, in compiled code; no time passes."""

from typing import Any

from controller.learn import region
from controller.learn.region import RegionSlot, decide_region
from testbed.twin import kernels
from testbed.twin.compiled import OPTIONS, stamp
from testbed.twin.entry import entry
from testbed.twin.heads import CompiledNetwork, DecisionRule, Trace
from testbed.twin.kernels import view
from testbed.twin.lists import item
from testbed.twin.observe import observe_cell


def _build(key: int) -> Any:
    """Compile `look`; ``key`` becomes a part of its cache's key by being its closure (see `testbed.twin.kernels`)."""

    @entry("the learner's lessons", **OPTIONS)
    def look(
        worlds: Any,
        fixed: Any,
        rule: DecisionRule,
        net: CompiledNetwork,
        trace: Trace,
        ledger: Any,
        cells: Any,
        orders: Any,
        decisions: Any,
    ) -> int:
        """Decide the present slot of every world by the network, or as ``orders`` (W, N) if it has any columns.

        ``decisions`` (W, N) is set to those of UEs with tasks, ``trace`` is filled as by `controller.learn.acting`;
        ``ledger`` and ``cells`` (C, 8) are room to work in. Returns the number of decisions.
        """
        d = 0 if key else -1
        for w in range(decisions.shape[0]):
            world = view(worlds, w)
            for c in range(fixed.edge_servers.shape[0]):
                observe_cell(world, fixed, c, cells[c])
            d = decide_region(world, fixed, rule, net, trace, RegionSlot(w, cells, ledger, orders[w]), d)
            for i in range(world.status[0].asking):
                u = item(world.asking, i)
                decisions[w, u] = item(world.ues, u).choice
        return d

    return look


_modules = (region, *kernels.modules(), kernels)
look = _build(stamp(globals(), *(vars(module) for module in _modules)))
