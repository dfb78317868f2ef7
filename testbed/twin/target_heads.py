"""How networks that choose targets decide, in compiled code: `testbed.policy.targets_learned`, and sampling from it."""

import math
from typing import Any, NamedTuple

import numpy as np
from numba import njit

from testbed.model.random import EXPLORATION, FIELD_ACTION
from testbed.policy import target_features
from testbed.policy.features import CELL_FEATURES, DECISION_FEATURES, NOBODY_NS
from testbed.policy.network import INPUTS
from testbed.twin.compiled import FEATURES, OPTIONS, compile_functions, duration_ns, target_of, transfer_ns, uniform
from testbed.twin.compiled_network import OUT, forward
from testbed.twin.costs import local_cost, offload_cost, undecided_cycles, undecided_task
from testbed.twin.heads import REGIONAL_ANY_CODE, CompiledNetwork, DecisionRule, Trace
from testbed.twin.lists import item, speed_of
from testbed.twin.observe import work_ns
from testbed.twin.radio import radio_wait_ns, senders
from testbed.twin.state import NONE

_FEATURES = compile_functions(target_features, seconds=FEATURES.seconds, clip=FEATURES.clip)
place = _FEATURES.place


class TargetLedger(NamedTuple):
    """What is known of the M ESs while a slot is decided: cycles ``sent`` there and to be decided ``later``, the
    ``work`` in ns that awaits a UE's tasks, their expected ``costs`` there, and ``logits``; (M,) all."""

    sent: Any
    later: Any
    work: Any
    costs: Any
    logits: Any


class TargetSlot(NamedTuple):
    """A slot to decide: its index ``at`` (t·W + w), ``cells`` (C, 8) as the critic sees them, and what is ``known``."""

    at: int
    cells: Any
    known: TargetLedger


def ledger(servers: int) -> TargetLedger:
    """Room for so many ESs."""
    sent, later, work = (np.zeros(servers, np.int64) for _ in range(3))
    return TargetLedger(
        sent=sent, later=later, work=work, costs=np.zeros(servers), logits=np.zeros(servers, np.float32)
    )


@njit(**OPTIONS)
def _open(world: Any, fixed: Any, known: TargetLedger, first: int, last: int) -> int:
    """Nothing is sent yet, and the cells from ``first`` up to ``last`` are to be decided; returns their cycles."""
    left = 0
    for es in range(known.sent.shape[0]):
        known.sent[es], known.later[es] = 0, 0
    for c in range(first, last):
        for u in range(item(fixed.edge_servers, c).first_ue, item(fixed.edge_servers, c).last_ue):
            cycles = undecided_cycles(world, u)
            known.later[c] += cycles
            left += cycles
    return left


@njit(**OPTIONS)
def _estimate(world: Any, fixed: Any, known: TargetLedger, u: int) -> int:
    """Fill in what awaits the UE's tasks at each ES and what they would cost there; returns the speed of all ESs."""
    now, cell, speed = world.status[0].start_ns, item(fixed.ues, u).cell, 0
    sending = senders(world, fixed, cell, now) if fixed.system[0].shared else 1
    for es in range(known.sent.shape[0]):
        constants, sent = item(fixed.edge_servers, es), known.sent[es]
        hz = constants.cpu_hz * constants.cores
        air = work_ns(item(world.edge_servers, es).air_cycles, hz)
        known.work[es] = item(world.announced_ns, es) + air + work_ns(sent, hz)
        known.costs[es] = offload_cost(world, fixed, u, es, sent, sending, now)
        speed += hz
    return speed


@njit(**OPTIONS)
def _see(world: Any, fixed: Any, known: TargetLedger, u: int, left: int, context: Any, x: Any) -> None:
    """Fill ``x`` (30·M,) with what the UE's decision is made from: a block for each ES, in the order of actions."""
    constants, system, now = item(fixed.ues, u), fixed.system[0], world.status[0].start_ns
    count, cell, cycles = known.sent.shape[0], constants.cell, undecided_cycles(world, u)
    speed = _estimate(world, fixed, known, u)
    task, airtime, tasks, deadline, bits = undecided_task(world, u), 0, 0, 0, 0
    while task != NONE:
        t = item(world.tasks, task)
        airtime += transfer_ns(t.input_bits, constants.rate_bps)
        deadline = t.deadline_ns if tasks == 0 else min(deadline, t.deadline_ns)
        tasks, bits = tasks + 1, bits + t.input_bits
        task = t.next
    for action in range(1, count + 1):
        es = target_of(action, cell)
        total, least, other_cost = 0, NOBODY_NS, math.inf
        for other in range(count):
            if other != es:
                total += known.work[other]
                least, other_cost = min(least, known.work[other]), min(other_cost, known.costs[other])
        server, hz = (
            item(world.edge_servers, es),
            item(fixed.edge_servers, es).cpu_hz * item(fixed.edge_servers, es).cores,
        )
        backhaul = transfer_ns(bits, system.backhaul_bps) + system.backhaul_latency_ns if es != cell else 0
        seen = place(
            local_cost=local_cost(world, fixed, u, now),
            cost=known.costs[es],
            own_cost=known.costs[cell],
            other_cost=other_cost,
            queue_ns=max(0, item(world.ues, u).local_free_ns - now),
            radio_wait_ns=radio_wait_ns(world, fixed, u, now),
            airtime_ns=airtime,
            local_ns=duration_ns(cycles, speed_of(constants)),
            execution_ns=work_ns(cycles, hz),
            backlog_ns=item(world.announced_ns, es),
            own_ns=work_ns(server.own_cycles, hz),
            forwarded_ns=work_ns(server.forwarded_cycles, hz),
            air_ns=work_ns(server.air_cycles, hz),
            sent_ns=work_ns(known.sent[es], hz),
            later_ns=work_ns(known.later[es], hz),
            left_ns=work_ns(left, speed),
            backhaul_ns=backhaul,
            away=int(es != cell),
            mean_ns=total // max(1, count - 1),
            least_ns=least,
            deadline_ns=deadline,
            tasks=tasks,
        )
        at = (action - 1) * INPUTS
        for n in range(DECISION_FEATURES):
            x[at + n] = seen[n]
        for n in range(CELL_FEATURES):
            x[at + DECISION_FEATURES + n] = context[n]


@njit(**OPTIONS)
def _choose(world: Any, u: int, explore: float, logits: Any) -> tuple[int, float]:
    """The likeliest action, or to ``explore`` one that is drawn, and its log-probability; local's logit is 0."""
    best, highest = 0, 0.0
    for n in range(logits.shape[0]):
        if logits[n] > highest:
            best, highest = n + 1, logits[n]
    if explore <= 0.0:
        return best, 0.0
    total = math.exp(-highest)
    for n in range(logits.shape[0]):
        total += math.exp(logits[n] - highest)
    left = uniform(world.status[0].seed, EXPLORATION, u, world.status[0].slot, FIELD_ACTION) * total
    choice, left = 0, left - math.exp(-highest)
    while left >= 0.0 and choice < logits.shape[0]:
        choice += 1
        left -= math.exp(logits[choice - 1] - highest)
    logit = logits[choice - 1] if choice > 0 else 0.0
    return choice, logit - highest - math.log(total)


@njit(**OPTIONS)
def decide_targets(
    world: Any,
    fixed: Any,
    rule: DecisionRule,
    net: CompiledNetwork,
    trace: Trace,
    slot: TargetSlot,
    d: int,
) -> int:
    """All UEs decide in turn.

    A row each of ``trace`` is filled from ``d`` on, with log-probabilities for logits; returns the next one. Of
    what cells before its own sent a UE knows with the head `regional-any` alone.
    """
    known, count, left = slot.known, slot.known.sent.shape[0], 0
    for c in range(count):
        if rule.head != REGIONAL_ANY_CODE:
            left = _open(world, fixed, known, c, c + 1)
        elif c == 0:
            left = _open(world, fixed, known, 0, count)
        for u in range(item(fixed.edge_servers, c).first_ue, item(fixed.edge_servers, c).last_ue):
            if undecided_task(world, u) == NONE:
                continue
            cycles = undecided_cycles(world, u)
            left, known.later[c] = left - cycles, known.later[c] - cycles
            rows = trace.features[d]
            _see(world, fixed, known, u, left, slot.cells[c], rows)
            for n in range(count):
                x = rows[n * INPUTS : (n + 1) * INPUTS]
                forward(net.params, net.layers, x, net.scratch)
                known.logits[n] = net.params[0] * x[0] + net.scratch[OUT, 0]
            choice, log_probability = _choose(world, u, rule.explore, known.logits)
            item(world.ues, u).choice = choice
            if choice > 0:
                known.sent[target_of(choice, c)] += cycles
            trace.actions[d], trace.logits[d], trace.where[d, 0], trace.where[d, 1] = (
                choice,
                log_probability,
                slot.at,
                u,
            )
            d += 1
    return d
