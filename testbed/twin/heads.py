"""How networks decide for a cell, in compiled code: one UE after another, or all at once (`joint`, `continuous`)."""

import math
from typing import Any, NamedTuple

import numpy as np
from numba import njit

from testbed.model.queue import LOCAL_FIRST
from testbed.model.random import EXPLORATION, FIELD_ACTION, FIELD_COIN, FIELD_EPSILON
from testbed.policy import network
from testbed.policy.features import CELL_FEATURES, DECISION_FEATURES
from testbed.policy.network import SPREAD, Layout
from testbed.twin.compiled import FEATURES, OPTIONS, RANDOM, least_loaded, uniform
from testbed.twin.compiled_network import OUT, forward
from testbed.twin.costs import undecided_cycles, undecided_task
from testbed.twin.lists import item
from testbed.twin.observe import observe_decision
from testbed.twin.state import NONE

A3C_CODE, DQN_CODE = 0, 1
_SEQUENTIAL, _FACTORED, _JOINT, _CONTINUOUS, REGIONAL_CODE, ANY_CODE, REGIONAL_ANY_CODE = range(len(network.HEADS))
_QUEUE, TARGETS = 2, CELL_FEATURES - 2
FIELD_NOISE = 8
seconds, burden, normal = FEATURES.seconds, FEATURES.burden, RANDOM.normal


class DecisionRule(NamedTuple):
    """How to decide: ``kind`` A3C or DQN, its ``head``; ``paper``: see only what the paper's agents see; ``double``:
    see second offload.

    ``explore`` 0 takes the likelier action; else A3C samples and DQN is ε-greedy with ε = ``explore``. ``epsilon`` is
    the probability that A3C tosses a fair coin instead. ``dueling`` is DQN's.
    """

    kind: int
    head: int
    paper: bool
    dueling: bool
    double: bool
    explore: float
    epsilon: float


class Trace(NamedTuple):
    """What is kept of D decisions: inputs, actions, logits or (heads of more than two actions) log-probabilities;
    ``where``."""

    features: Any
    actions: Any
    logits: Any
    where: Any


def trace(rows: int, shape: Layout, servers: int) -> Trace:
    """Room for so many decisions of a network of ``shape`` in a region of so many ESs."""
    f32, blocks = np.float32, servers if shape.head in network.CHOOSING.values() else 1
    width = blocks * shape.inputs + (shape.ues if shape.head == network.CONTINUOUS else 0)
    return Trace(np.zeros((rows, width), f32), np.zeros(rows, f32), np.zeros(rows, f32), np.zeros((rows, 2), np.int64))


class CompiledNetwork(NamedTuple):
    """A network and room to evaluate it: flat ``params``, its ``layers`` (L, 3), `compiled_network.scratch`."""

    params: Any
    layers: Any
    scratch: Any


class Turn(NamedTuple):
    """Whose turn it is to decide: a ``cell`` in slot ``at`` (t·W + w), its ``features`` (8,) and ``memory`` (H,)."""

    cell: int
    at: int
    features: Any
    memory: Any


@njit(**OPTIONS)
def see_cell(world: Any, fixed: Any, c: int, rule: DecisionRule, features: Any, out: Any) -> None:
    """Fill ``out`` (8,) with the cell's ``features``; for ``paper`` its ES's backlog, burden signal, target one-hot."""
    for n in range(CELL_FEATURES):
        out[n] = 0.0 if rule.paper else features[n]
    if not rule.paper:
        return
    es, announced = item(fixed.edge_servers, c), item(world.announced_ns, c)
    forwarded, speed = item(world.edge_servers, c).forwarded_cycles, es.cpu_hz * es.cores
    out[0] = seconds(announced)
    out[1] = 1.0 if burden(announced, forwarded, speed, LOCAL_FIRST, fixed.system[0].threshold_ns) else 0.0
    target = least_loaded(world.announced_ns, fixed.alive, c)
    if 0 <= target < TARGETS:
        out[2 + target] = 1.0


@njit(**OPTIONS)
def see_ue(world: Any, fixed: Any, u: int, rule: DecisionRule, sent: int, later: int, out: Any) -> None:
    """Fill ``out`` (22,) for a UE: its decision's features, 0 if there is none; for ``paper`` only its queue."""
    for n in range(DECISION_FEATURES):
        out[n] = 0.0
    if rule.paper:
        out[_QUEUE] = seconds(max(0, item(world.ues, u).local_free_ns - world.status[0].start_ns))
    elif undecided_task(world, u) != NONE:
        observe_decision(world, fixed, u, sent, later, rule.double, out)


@njit(**OPTIONS)
def preference(rule: DecisionRule, out: Any) -> float:
    """What a network with last layer ``out`` prefers offloading by: A3C has one output, DQN (V, δ) or (Q0, Q1)."""
    if rule.kind == A3C_CODE:
        return out[0]
    return out[1] if rule.dueling else out[1] - out[0]


@njit(**OPTIONS)
def choose(world: Any, u: int, rule: DecisionRule, preferred: float) -> int:
    """The action of one UE from its logit (A3C) or Q(s, 1) − Q(s, 0) (DQN)."""
    if rule.explore <= 0.0:
        return 1 if preferred > 0.0 else 0
    seed, slot = world.status[0].seed, world.status[0].slot
    epsilon = rule.epsilon if rule.kind == A3C_CODE else rule.explore
    if epsilon > 0.0 and uniform(seed, EXPLORATION, u, slot, FIELD_EPSILON) < epsilon:
        return 1 if uniform(seed, EXPLORATION, u, slot, FIELD_COIN) < 0.5 else 0
    if rule.kind == A3C_CODE:
        return 1 if uniform(seed, EXPLORATION, u, slot, FIELD_ACTION) < 1.0 / (1.0 + math.exp(-preferred)) else 0
    return 1 if preferred > 0.0 else 0


@njit(**OPTIONS)
def _see_context(world: Any, fixed: Any, rule: DecisionRule, turn: Turn, out: Any) -> None:
    """Fill ``out`` (at least 8 + H) with what all decisions of a cell see: the cell itself, and its memory."""
    see_cell(world, fixed, turn.cell, rule, turn.features, out)
    for n in range(turn.memory.shape[0]):
        out[CELL_FEATURES + n] = turn.memory[n]


@njit(**OPTIONS)
def decide(world: Any, fixed: Any, rule: DecisionRule, net: CompiledNetwork, trace: Trace, turn: Turn, d: int) -> int:
    """The UEs of a cell decide; rows of ``trace`` from ``d`` on are filled, the next one is returned."""
    if rule.head < _JOINT:
        return _decide_in_turn(world, fixed, rule, net, trace, turn, d)
    return _decide_at_once(world, fixed, rule, net, trace, turn, d)


@njit(**OPTIONS)
def _decide_in_turn(
    world: Any, fixed: Any, rule: DecisionRule, net: CompiledNetwork, trace: Trace, turn: Turn, d: int
) -> int:
    """The UEs of a cell decide one after another, a row each."""
    es = item(fixed.edge_servers, turn.cell)
    sent, later = 0, 0
    if rule.head == _SEQUENTIAL:
        for u in range(es.first_ue, es.last_ue):
            later += undecided_cycles(world, u)
    for u in range(es.first_ue, es.last_ue):
        if undecided_task(world, u) == NONE:
            continue
        cycles = undecided_cycles(world, u) if rule.head == _SEQUENTIAL else 0
        later -= cycles
        x = trace.features[d]
        see_ue(world, fixed, u, rule, sent, later, x[:DECISION_FEATURES])
        _see_context(world, fixed, rule, turn, x[DECISION_FEATURES:])
        forward(net.params, net.layers, x, net.scratch)
        preferred = net.params[0] * x[0] + preference(rule, net.scratch[OUT])
        choice = choose(world, u, rule, preferred)
        item(world.ues, u).choice = choice
        if choice == 1:
            sent += cycles
        trace.actions[d], trace.logits[d], trace.where[d, 0], trace.where[d, 1] = choice, preferred, turn.at, u
        d += 1
    return d


@njit(**OPTIONS)
def _decide_at_once(
    world: Any, fixed: Any, rule: DecisionRule, net: CompiledNetwork, trace: Trace, turn: Turn, d: int
) -> int:
    """One action for all UEs of a cell, in one row."""
    es = item(fixed.edge_servers, turn.cell)
    first, last = es.first_ue, es.last_ue
    width, x = (last - first) * DECISION_FEATURES, trace.features[d]
    for u in range(first, last):
        begin = (u - first) * DECISION_FEATURES
        see_ue(world, fixed, u, rule, 0, 0, x[begin : begin + DECISION_FEATURES])
    _see_context(world, fixed, rule, turn, x[width:])
    forward(net.params, net.layers, x, net.scratch)
    trace.where[d, 0], trace.where[d, 1] = turn.at, first
    if rule.head == _JOINT:
        vector, trace.logits[d] = _draw(world, first, rule, net.params, x, last - first, net.scratch[OUT])
        trace.actions[d] = vector
        for u in range(first, last):
            item(world.ues, u).choice = (vector >> (u - first)) & 1
    else:
        trace.logits[d] = _nearest(world, first, last, rule, net.params, x, net.scratch[OUT])
    return d + 1


@njit(**OPTIONS)
def _draw(world: Any, first: int, rule: DecisionRule, params: Any, x: Any, ues: int, out: Any) -> Any:
    """A vector's number drawn from the softmax of its 2^N logits (or the likeliest), and its log-probability."""
    best = 0
    for vector in range(1 << ues):
        for n in range(ues):
            if (vector >> n) & 1:
                out[vector] += params[0] * x[n * DECISION_FEATURES]
        if out[vector] > out[best]:
            best = vector
    total = 0.0
    for vector in range(1 << ues):
        total += math.exp(out[vector] - out[best])
    chosen = best
    if rule.explore > 0.0:
        seed, slot = world.status[0].seed, world.status[0].slot
        left = uniform(seed, EXPLORATION, first, slot, FIELD_ACTION) * total
        for vector in range(1 << ues):
            left -= math.exp(out[vector] - out[best])
            if left < 0.0:
                chosen = vector
                break
    return chosen, out[chosen] - out[best] - math.log(total)


@njit(**OPTIONS)
def _nearest(world: Any, first: int, last: int, rule: DecisionRule, params: Any, x: Any, out: Any) -> float:
    """Choices nearest to a proto-action around the network's, kept behind the inputs; its log-probability."""
    seed, slot = world.status[0].seed, world.status[0].slot
    behind, log_probability = x.shape[0] - (last - first), 0.0
    for u in range(first, last):
        n = u - first
        proto = params[0] * x[n * DECISION_FEATURES] + out[n]
        if undecided_task(world, u) == NONE:
            x[behind + n] = math.nan
            continue
        if rule.explore > 0.0:
            first_draw = uniform(seed, EXPLORATION, u, slot, FIELD_NOISE)
            noise = normal(first_draw, uniform(seed, EXPLORATION, u, slot, FIELD_NOISE + 1))
            proto += SPREAD * noise
            log_probability -= 0.5 * noise * noise
        x[behind + n] = proto
        item(world.ues, u).choice = 1 if proto > 0.0 else 0
    return log_probability
