"""The networks in compiled code: decide for worlds of the twin, and keep what a learner needs (head `sequential`).

One function of the model gives the features here and on the live testbed; this file only gathers its arguments.
"""

import math
from typing import Any

import numpy as np
from numba import njit

from controller import dqn, network
from testbed.model.features import CELL_FEATURES, DECISION_FEATURES
from testbed.model.random import EXPLORATION
from testbed.twin import kernels
from testbed.twin.compiled import FEATURES, OPTIONS, duration_ns, stamp, transfer_ns, uniform
from testbed.twin.decide import fresh, fresh_cycles, local_cost, offload_cost
from testbed.twin.kernels import clear_cells, view
from testbed.twin.lists import item
from testbed.twin.radio import radio_wait_ns, senders
from testbed.twin.slot import advance
from testbed.twin.state import NONE

A3C, DQN = 0, 1
OUT, STATE, SCRATCH = 2, 3, (4, 64)
A3C_LAYERS = np.array(list(network.ACTOR), dtype=np.int64)
DQN_LAYERS = np.array(list(dqn.NETWORK), dtype=np.int64)
FIELD_ACTION, FIELD_EPSILON, FIELD_COIN = 2, 3, 4
decision_features, cell_features_of = FEATURES.decision, FEATURES.cell


@njit(**OPTIONS)
def forward(flat: Any, layers: Any, x: Any, scratch: Any) -> None:
    """A tanh network of ``layers`` (start, inputs, outputs) on one vector; the linear last one writes ``scratch[OUT]``.

    ``scratch`` (4, 64) is the caller's: nothing is allocated here.
    """
    inputs = x
    for n in range(layers.shape[0]):
        start, wide, high = layers[n, 0], layers[n, 1], layers[n, 2]
        outputs = scratch[OUT] if n == layers.shape[0] - 1 else scratch[n % 2]
        bias = start + wide * high
        for j in range(high):
            outputs[j] = flat[bias + j]
        for i in range(wide):
            xi, row = inputs[i], start + i * high
            for j in range(high):
                outputs[j] += xi * flat[row + j]
        if n < layers.shape[0] - 1:
            for j in range(high):
                outputs[j] = math.tanh(outputs[j])
            inputs = outputs


@njit(**OPTIONS)
def observe_decision(world: Any, fixed: Any, u: int, sent: int, later: int, out: Any) -> None:
    """The features (18,) of UE ``u``'s decision; see `controller.learned.decision_features`."""
    constants, system, now = item(fixed.ues, u), fixed.system[0], world.status[0].start_ns
    c = constants.cell
    es, server = item(fixed.ess, c), item(world.ess, c)
    sending = senders(world, fixed, c, now) if system.shared else 1
    task, airtime, tasks, deadline = fresh(world, u), 0, 0, 0
    while task != NONE:
        t = item(world.tasks, task)
        airtime += transfer_ns(t.input_bits, constants.rate_bps)
        if tasks == 0 or t.deadline_ns < deadline:
            deadline = t.deadline_ns
        tasks += 1
        task = t.next
    least, total, others = 0, 0, 0
    for j in range(fixed.ess.shape[0]):
        if j != c:
            total += world.announced_ns[j]
            if others == 0 or world.announced_ns[j] < least:
                least = world.announced_ns[j]
            others += 1
    seen = decision_features(
        local_cost(world, fixed, u, now), offload_cost(world, fixed, u, sent, sending, now),
        max(0, item(world.ues, u).local_free_ns - now), radio_wait_ns(world, fixed, u, now), airtime,
        fresh_cycles(world, u), constants.cpu_hz, es.cpu_hz * es.cores,
        world.announced_ns[c], server.own_cycles, server.forwarded_cycles,
        server.air_cycles, sent, later, least, total // max(1, others), system.threshold_ns, deadline, tasks,
        1 if system.double and others > 0 else 0,
    )  # fmt: skip
    for n in range(DECISION_FEATURES):
        out[n] = seen[n]


@njit(**OPTIONS)
def observe_cells(world: Any, fixed: Any, out: Any) -> None:
    """The features (C, 8) of every cell at the world's next decisions."""
    now = world.status[0].start_ns
    for c in range(fixed.ess.shape[0]):
        es, server = item(fixed.ess, c), item(world.ess, c)
        queues, local, undecided = 0, 0, 0
        for u in range(es.first_ue, es.last_ue):
            cycles = fresh_cycles(world, u)
            queues += max(0, item(world.ues, u).local_free_ns - now)
            undecided += cycles
            local += duration_ns(cycles, item(fixed.ues, u).cpu_hz)
        seen = cell_features_of(
            world.announced_ns[c], server.own_cycles, server.forwarded_cycles, server.air_cycles, es.cpu_hz * es.cores,
            queues, es.last_ue - es.first_ue, local, undecided,
        )  # fmt: skip
        for n in range(CELL_FEATURES):
            out[c, n] = seen[n]


@njit(**OPTIONS)
def q_input(features: Any, cells: Any, c: int, out: Any) -> None:
    """DQN's state (26,): a decision's features and its cell's."""
    n = features.shape[0]
    for k in range(n):
        out[k] = features[k]
    for k in range(cells.shape[1]):
        out[n + k] = cells[c, k]


@njit(**OPTIONS)
def preference(
    kind: int, flat: Any, layers: Any, features: Any, cells: Any, c: int, dueling: bool, scratch: Any
) -> float:
    """The logit of offloading (A3C) or Q(s, 1) − Q(s, 0) (DQN)."""
    out = scratch[OUT]
    if kind == A3C:
        forward(flat, layers, features, scratch)
        return flat[0] * features[0] + out[0]
    q_input(features, cells, c, scratch[STATE])
    forward(flat, layers, scratch[STATE], scratch)
    return flat[0] * features[0] + (out[1] if dueling else out[1] - out[0])


@njit(**OPTIONS)
def choose(world: Any, u: int, kind: int, preferred: float, explore: float) -> int:
    """Sample an action: A3C from its policy (``explore`` > 0), DQN ε-greedily; without exploration the better one."""
    if explore <= 0.0:
        return 1 if preferred > 0.0 else 0
    seed, slot = world.status[0].seed, world.status[0].slot
    if kind == A3C:
        return 1 if uniform(seed, EXPLORATION, u, slot, FIELD_ACTION) < 1.0 / (1.0 + math.exp(-preferred)) else 0
    if uniform(seed, EXPLORATION, u, slot, FIELD_EPSILON) < explore:
        return 1 if uniform(seed, EXPLORATION, u, slot, FIELD_COIN) < 0.5 else 0
    return 1 if preferred > 0.0 else 0


@njit(**OPTIONS)
def _decide(
    world: Any, fixed: Any, kind: int, flat: Any, layers: Any, dueling: bool, sequential: bool, explore: float,
    features: Any, actions: Any, preferences: Any, where: Any, cells: Any, at: int, d: int, scratch: Any,
) -> int:  # fmt: skip
    """Every cell's UEs decide in turn; keeps each decision from row ``d`` on and returns the next row."""
    for c in range(fixed.ess.shape[0]):
        first, last = item(fixed.ess, c).first_ue, item(fixed.ess, c).last_ue
        sent, later = 0, 0
        for u in range(first, last):
            later += fresh_cycles(world, u)
        for u in range(first, last):
            if fresh(world, u) == NONE:
                continue
            cycles = fresh_cycles(world, u)
            later -= cycles
            observe_decision(world, fixed, u, sent if sequential else 0, later if sequential else 0, features[d])
            preferred = preference(kind, flat, layers, features[d], cells, c, dueling, scratch)
            choice = choose(world, u, kind, preferred, explore)
            item(world.ues, u).choice = choice
            if choice == 1:
                sent += cycles
            actions[d], preferences[d], where[d, 0], where[d, 1] = choice, preferred, at, u
            d += 1
    return d


def _build(key: int) -> Any:
    """Compile `act`; ``key`` becomes a part of its cache's key by being its closure (see `testbed.twin.kernels`)."""

    @njit(cache=True, **OPTIONS)
    def act(
        worlds: Any, fixed: Any, kind: int, flat: Any, layers: Any, dueling: bool, sequential: bool, explore: float,
        features: Any, actions: Any, preferences: Any, where: Any, cells: Any, rewards: Any, scratch: Any,
    ) -> int:  # fmt: skip
        """Play ``rewards.shape[0]`` slots of every world and keep everything; returns the number of decisions.

        ``features`` (D, 18), ``actions`` and ``preferences`` (D,), ``where`` (D, 2): slot index t·W + w, and UE;
        ``cells`` (T+1, W, C, 8); ``rewards`` (T, W). D must hold every UE of every slot.
        """
        slots, count = rewards.shape[0], rewards.shape[1]
        d = 0 if key else -1
        for t in range(slots):
            for w in range(count):
                world = view(worlds, w)
                clear_cells(world)
                observe_cells(world, fixed, cells[t, w])
                d = _decide(
                    world, fixed, kind, flat, layers, dueling, sequential, explore, features, actions, preferences,
                    where, cells[t, w], t * count + w, d, scratch,
                )  # fmt: skip
                advance(world, fixed)
                cost = 0.0
                for c in range(fixed.ess.shape[0]):
                    cost += item(world.cells, c).cost
                rewards[t, w] = -cost
        for w in range(count):
            observe_cells(view(worlds, w), fixed, cells[slots, w])
        return d

    return act


act = _build(stamp(globals(), *(vars(module) for module in kernels.modules())))
