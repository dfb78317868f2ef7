"""A network of `controller.network`, evaluated in compiled code on one vector of inputs."""

from typing import Any

import numpy as np
from numba import njit

from testbed.twin.compiled import OPTIONS

OUT = 2


def scratch(outputs: int) -> Any:
    """Room for a network's hidden layers and its last layer's ``outputs``; `forward` itself allocates nothing."""
    return np.zeros((OUT + 1, max(64, outputs)), np.float32)


@njit(**OPTIONS)
def forward(flat: Any, layers: Any, x: Any, scratch: Any) -> None:
    """Rectified ``layers`` (start, inputs, outputs), the last one linear; its outputs end in ``scratch[OUT]``."""
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
