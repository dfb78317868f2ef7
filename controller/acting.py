"""The networks in compiled code: decide for worlds of the twin, and keep what a learner needs (head `sequential`).

Features come from `testbed.twin.observe`; the same functions of the model give them on the live testbed.
"""

import math
from typing import Any

import numpy as np
from numba import njit

from controller import dqn, network
from testbed.model.features import DECISION_FEATURES
from testbed.model.random import EXPLORATION, FIELD_ACTION, FIELD_COIN, FIELD_EPSILON
from testbed.twin import kernels
from testbed.twin.compiled import OPTIONS, stamp, uniform
from testbed.twin.decide import fresh, fresh_cycles
from testbed.twin.kernels import clear_cells, view
from testbed.twin.lists import item
from testbed.twin.observe import observe_cell, observe_decision
from testbed.twin.slot import advance
from testbed.twin.state import NONE

A3C, DQN = 0, 1
OUT, SCRATCH = 2, (3, 64)
A3C_LAYERS = np.array(list(network.ACTOR), dtype=np.int64)
DQN_LAYERS = np.array(list(dqn.NETWORK), dtype=np.int64)


@njit(**OPTIONS)
def forward(flat: Any, layers: Any, x: Any, scratch: Any) -> None:
    """A rectified network of ``layers`` (start, inputs, outputs) on a vector; its outputs end in ``scratch[OUT]``.

    ``scratch`` (3, 64) is the caller's: nothing is allocated here.
    """
    inputs = x
    for n in range(layers.shape[0]):
        start, wide, high = layers[n, 0], layers[n, 1], layers[n, 2]
        outputs = scratch[OUT] if n == layers.shape[0] - 1 else scratch[n % 2]
        bias = start + wide * high
        biases = flat[bias : bias + high]
        for j in range(high):
            outputs[j] = biases[j]
        for i in range(wide):
            xi, weights = inputs[i], flat[start + i * high : start + i * high + high]
            for j in range(high):
                outputs[j] += xi * weights[j]
        if n < layers.shape[0] - 1:
            for j in range(high):
                outputs[j] = max(outputs[j], np.float32(0.0))
            inputs = outputs


@njit(**OPTIONS)
def preference(kind: int, flat: Any, layers: Any, features: Any, dueling: bool, scratch: Any) -> float:
    """The logit of offloading (A3C) or Q(s, 1) − Q(s, 0) (DQN) from one decision's inputs (26,)."""
    out = scratch[OUT]
    forward(flat, layers, features, scratch)
    if kind == A3C:
        return flat[0] * features[0] + out[0]
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
            for n in range(cells.shape[1]):
                features[d, DECISION_FEATURES + n] = cells[c, n]
            preferred = preference(kind, flat, layers, features[d], dueling, scratch)
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

        ``features`` (D, 26), ``actions`` and ``preferences`` (D,), ``where`` (D, 2): slot index t·W + w, and UE;
        ``cells`` (T+1, W, C, 8); ``rewards`` (T, W). D must hold every UE of every slot.
        """
        slots, count = rewards.shape[0], rewards.shape[1]
        d = 0 if key else -1
        for t in range(slots):
            for w in range(count):
                world = view(worlds, w)
                clear_cells(world)
                for c in range(fixed.ess.shape[0]):
                    observe_cell(world, fixed, c, cells[t, w, c])
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
            for c in range(fixed.ess.shape[0]):
                observe_cell(view(worlds, w), fixed, c, cells[slots, w, c])
        return d

    return act


act = _build(stamp(globals(), *(vars(module) for module in kernels.modules())))
