"""A trained network as a world's own policy, in compiled code: it decides as it does when it is asked.

Features are the model's, sums have one order (`testbed.policy.network.dense`), exponentials are the C library's. So the
decisions are the same, which tests compare.
"""

import sys
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
from numba import njit

from testbed.model.system import System
from testbed.policy import network, q_network
from testbed.policy.features import CELL_FEATURES
from testbed.policy.heuristics import Policy
from testbed.policy.joint import AtOnce
from testbed.policy.learned import Learned
from testbed.policy.regional import RegionalNetwork
from testbed.policy.targets_learned import TargetNetwork
from testbed.twin import compiled_network, decide, heads, region_head, target_heads
from testbed.twin.compiled import INNER
from testbed.twin.compiled_network import remember
from testbed.twin.costs import undecided_task
from testbed.twin.heads import REGIONAL_CODE, CompiledNetwork, DecisionRule, Trace, Turn, see_cell
from testbed.twin.lists import item
from testbed.twin.observe import observe_cell
from testbed.twin.region_head import RegionLedger, RegionSlot, decide_region
from testbed.twin.state import NETWORK_CODE, NONE, Fixed, World
from testbed.twin.target_heads import TargetLedger, TargetSlot, decide_targets

by_heuristics, by_head = decide.decide, heads.decide
Network = Learned | AtOnce | RegionalNetwork | TargetNetwork


class Deciding(NamedTuple):
    """A network that decides: its ``rule``, the ``net``, a recurrent ``core``'s layers (none without one), ``memory``
    (W, C, H) of every world, and room to work in: ``cells`` (C, 8), ``seen`` (8,), ``trace`` for one cell, or for all
    where they decide together or choose targets, with what they know meanwhile: of the ``region``, of targets."""

    rule: DecisionRule
    net: CompiledNetwork
    core: Any
    memory: Any
    cells: Any
    seen: Any
    trace: Trace
    region: RegionLedger
    known: TargetLedger


def is_network(policy: Policy | None, system: System) -> bool:
    """Whether ``policy`` is a network that decides every cell of ``system`` here; one that explores does not."""
    if type(policy) is Learned:
        return not policy.explore
    if isinstance(policy, RegionalNetwork | TargetNetwork):
        return system.chosen_target == isinstance(policy, TargetNetwork)
    return type(policy) is AtOnce and {len(ues) for ues in system.ues_by_cell() if ues} == {policy.shape.ues}


def deciding(policy: Network, system: System, worlds: int) -> Deciding:
    """The network of ``policy``, ready for so many ``worlds`` of ``system``."""
    values = isinstance(policy, Learned) and policy.values
    shape, cells, f32 = policy.shape, len(system.edge_servers), np.float32
    layers = q_network.DENSE if values else shape.actor
    rule = DecisionRule(
        kind=heads.DQN_CODE if values else heads.A3C_CODE,
        head=network.HEADS.index(shape.head),
        paper=policy.paper,
        dueling=isinstance(policy, Learned) and policy.dueling,
        double=policy.double,
        explore=0.0,
        epsilon=0.0,
    )
    together = isinstance(policy, RegionalNetwork | TargetNetwork)
    rows = len(system.ues) if together else max(1, *(len(ues) for ues in system.ues_by_cell()))
    return Deciding(
        rule=rule,
        net=CompiledNetwork(
            np.ascontiguousarray(policy.params, f32),
            np.array(list(layers), np.int64),
            compiled_network.scratch(layers[-1].outputs),
        ),
        core=np.array(list(shape.core), np.int64).reshape(-1, 3),
        memory=np.zeros((worlds, cells, shape.gru_units), f32),
        cells=np.zeros((cells, CELL_FEATURES), f32),
        seen=np.zeros(CELL_FEATURES, f32),
        trace=heads.trace(rows, shape, cells),
        region=region_head.ledger(cells),
        known=target_heads.ledger(cells),
    )


def modules() -> list[ModuleType]:
    """The modules of compiled functions that networks decide by, for the cache's key."""
    return [compiled_network, heads, region_head, target_heads, sys.modules[__name__]]


@njit(**INNER)
def _asks(world: World, first: int, last: int) -> bool:
    """Whether one of the UEs from ``first`` up to ``last`` has undecided tasks."""
    for u in range(first, last):  # noqa: SIM110 - compiled code has no generators
        if undecided_task(world, u) != NONE:
            return True
    return False


@njit(**INNER)
def decide_together(world: World, fixed: Fixed, by: Deciding) -> None:
    """All cells decide, by a network that sees more than one of them or chooses among their ESs."""
    for c in range(fixed.edge_servers.shape[0]):
        observe_cell(world, fixed, c, by.cells[c])
    if by.rule.head == REGIONAL_CODE:
        decide_region(world, fixed, by.rule, by.net, by.trace, RegionSlot(0, by.cells, by.region), 0)
    else:
        decide_targets(world, fixed, by.rule, by.net, by.trace, TargetSlot(0, by.cells, by.known), 0)


@njit(**INNER)
def decide_by(world: World, fixed: Fixed, given: Any, w: int, by: Deciding) -> None:
    """As `testbed.twin.decide.decide`, for world number ``w``; where the policy is NETWORK_CODE, ``by`` a network."""
    if world.status[0].policy != NETWORK_CODE:
        by_heuristics(world, fixed, given)
        return
    if by.rule.head >= REGIONAL_CODE:
        if world.status[0].asking > 0:
            decide_together(world, fixed, by)
        return
    for c in range(fixed.edge_servers.shape[0]):
        es = item(fixed.edge_servers, c)
        asks = _asks(world, es.first_ue, es.last_ue)
        if not asks and (by.core.shape[0] == 0 or es.first_ue == es.last_ue):
            continue
        observe_cell(world, fixed, c, by.cells[c])
        turn = Turn(c, 0, by.cells[c], by.memory[w, c])
        if by.core.shape[0] > 0:
            see_cell(world, fixed, c, by.rule, turn.features, by.seen)
            remember(by.net.params, by.core, by.seen, turn.memory, by.net.scratch)
        if asks:
            by_head(world, fixed, by.rule, by.net, by.trace, turn, 0)
