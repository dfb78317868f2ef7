"""A network of `testbed.policy.network`, evaluated in compiled code on one vector of inputs."""

import math
from typing import Any

import numpy as np
from numba import njit

from testbed.policy.network import HIDDEN, MOST_EXPONENT, MOST_GRU_UNITS
from testbed.twin.compiled import OPTIONS

OUT = 2


def scratch(outputs: int) -> Any:
    """Room for hidden layers, a core's gates and the last layer's ``outputs``; `forward` itself allocates nothing."""
    return np.zeros((OUT + 1, max(HIDDEN, 2 * MOST_GRU_UNITS, outputs)), np.float32)


@njit(**OPTIONS)
def _dense(params: Any, layers: Any, n: int, x: Any, outputs: Any) -> None:
    """Layer ``n`` of ``layers`` (start, inputs, outputs): linear, in the order of `testbed.policy.network.dense`."""
    start, wide, high = layers[n, 0], layers[n, 1], layers[n, 2]
    bias = start + wide * high
    biases = params[bias : bias + high]
    for j in range(high):
        outputs[j] = biases[j]
    for i in range(wide):
        xi, weights = x[i], params[start + i * high : start + i * high + high]
        for j in range(high):
            outputs[j] += xi * weights[j]


@njit(**OPTIONS)
def forward(params: Any, layers: Any, x: Any, scratch: Any) -> None:
    """Rectified ``layers``, the last one linear; its outputs end in ``scratch[OUT]``."""
    inputs = x
    for n in range(layers.shape[0]):
        outputs = scratch[OUT] if n == layers.shape[0] - 1 else scratch[n % 2]
        _dense(params, layers, n, inputs, outputs)
        if n < layers.shape[0] - 1:
            for j in range(layers[n, 2]):
                outputs[j] = max(outputs[j], np.float32(0.0))
            inputs = outputs


@njit(**OPTIONS)
def remember(params: Any, core: Any, seen: Any, memory: Any, scratch: Any) -> None:
    """`testbed.policy.network.remember` in place: ``memory`` (H,) takes in ``seen`` (8,)."""
    width, size = seen.shape[0], memory.shape[0]
    x, gates, new = scratch[0], scratch[1], scratch[OUT]
    for n in range(width):
        x[n] = seen[n]
    for n in range(size):
        x[width + n] = memory[n]
    _dense(params, core, 0, x, gates)
    for n in range(2 * size):
        gates[n] = np.float32(1.0 / (1.0 + math.exp(min(-np.float64(gates[n]), MOST_EXPONENT))))
    for n in range(size):
        x[width + n] = gates[size + n] * memory[n]
    _dense(params, core, 1, x, new)
    for n in range(size):
        memory[n] = gates[n] * memory[n] + (np.float32(1.0) - gates[n]) * np.float32(math.tanh(np.float64(new[n])))
