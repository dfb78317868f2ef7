"""How the head `regional` decides, in compiled code: the UEs of all cells one after another, cell by cell."""

from typing import Any, NamedTuple

import numpy as np
from numba import njit

from testbed.model.task import OFFLOAD
from testbed.policy import region_features
from testbed.policy.features import CELL_FEATURES, DECISION_FEATURES
from testbed.policy.region_features import ANNOUNCED, LATER, REGION_FEATURES, SENT, WORK
from testbed.twin.compiled import FEATURES, OPTIONS, compile_functions, least_loaded
from testbed.twin.compiled_network import OUT, forward
from testbed.twin.costs import undecided_cycles, undecided_task
from testbed.twin.heads import CompiledNetwork, DecisionRule, Trace, choose
from testbed.twin.lists import item
from testbed.twin.observe import observe_decision, work_ns
from testbed.twin.state import NONE

_CELL_AT = DECISION_FEATURES
_MEAN_AT = _CELL_AT + CELL_FEATURES
_REGION_AT = _MEAN_AT + CELL_FEATURES
_FEATURES = compile_functions(region_features, seconds=FEATURES.seconds, clip=FEATURES.clip)
region = _FEATURES.region


class RegionLedger(NamedTuple):
    """What is known of a region of C cells while a slot is decided: ``servers`` (4, C), see
    `testbed.policy.region_features.region`, and the ``mean`` (8,) of its cells' features."""

    servers: Any
    mean: Any


class RegionSlot(NamedTuple):
    """A slot to decide: its index ``at`` (t·W + w), ``cells`` (C, 8) as the critic sees them, and what is ``known``."""

    at: int
    cells: Any
    known: RegionLedger


def ledger(cells: int) -> RegionLedger:
    """Room for so many cells."""
    return RegionLedger(np.zeros((len(region_features.LEDGER), cells), np.int64), np.zeros(CELL_FEATURES, np.float32))


@njit(**OPTIONS)
def _mean_cell(fixed: Any, cells: Any, n: int) -> float:
    """The mean of feature ``n`` over the cells that have UEs."""
    total, count = 0.0, 0
    for c in range(cells.shape[0]):
        if item(fixed.edge_servers, c).first_ue < item(fixed.edge_servers, c).last_ue:
            total += cells[c, n]
            count += 1
    return total / max(1, count)


@njit(**OPTIONS)
def _open(world: Any, fixed: Any, slot: RegionSlot) -> None:
    """Enter what is known of all servers and cells before anybody decides."""
    ledger = slot.known.servers
    for n in range(CELL_FEATURES):
        slot.known.mean[n] = _mean_cell(fixed, slot.cells, n)
    for es in range(fixed.edge_servers.shape[0]):
        constants = item(fixed.edge_servers, es)
        undecided = 0
        for u in range(constants.first_ue, constants.last_ue):
            undecided += undecided_cycles(world, u)
        announced, speed = item(world.announced_ns, es), constants.cpu_hz * constants.cores
        ledger[ANNOUNCED, es], ledger[SENT, es] = announced, 0
        ledger[WORK, es] = announced + work_ns(item(world.edge_servers, es).air_cycles, speed)
        ledger[LATER, es] = work_ns(undecided, speed)


@njit(**OPTIONS)
def decide_region(
    world: Any, fixed: Any, rule: DecisionRule, net: CompiledNetwork, trace: Trace, slot: RegionSlot, d: int
) -> int:
    """All UEs decide in turn, a row each of ``trace`` from ``d`` on; returns the next one."""
    ledger, mean = slot.known.servers, slot.known.mean
    _open(world, fixed, slot)
    for c in range(fixed.edge_servers.shape[0]):
        constants = item(fixed.edge_servers, c)
        speed, target = constants.cpu_hz * constants.cores, least_loaded(world.announced_ns, fixed.alive, c)
        sent, later = 0, 0
        for u in range(constants.first_ue, constants.last_ue):
            later += undecided_cycles(world, u)
        for u in range(constants.first_ue, constants.last_ue):
            if undecided_task(world, u) == NONE:
                continue
            cycles = undecided_cycles(world, u)
            later -= cycles
            ledger[LATER, c] = work_ns(later, speed)
            x = trace.features[d]
            observe_decision(world, fixed, u, sent, later, rule.double, x[:_CELL_AT])
            for n in range(CELL_FEATURES):
                x[_CELL_AT + n] = slot.cells[c, n]
                x[_MEAN_AT + n] = mean[n]
            seen = region(ledger, c, target, fixed.system[0].threshold_ns)
            for n in range(REGION_FEATURES):
                x[_REGION_AT + n] = seen[n]
            forward(net.params, net.layers, x, net.scratch)
            preferred = net.params[0] * x[0] + net.scratch[OUT, 0]
            choice = choose(world, u, rule, preferred)
            item(world.ues, u).choice = choice
            if choice == OFFLOAD:
                sent += cycles
                ledger[WORK, c] += work_ns(sent, speed) - ledger[SENT, c]
                ledger[SENT, c] = work_ns(sent, speed)
            trace.actions[d], trace.logits[d], trace.where[d, 0], trace.where[d, 1] = choice, preferred, slot.at, u
            d += 1
    return d
