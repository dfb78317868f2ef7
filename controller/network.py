"""The actor and critic as one flat float32 vector, evaluated in numpy to act and in torch to learn.

Actor (head ``sequential`` or ``factored``): 26 inputs (a decision's 18 features, its cell's 8) → 64 → 64 → 1 logit,
rectified, plus ``gain·(C_l − C_o)``: with all other weights at zero it is a soft greedy. Weights are shared by UEs and
cells: any number of either fits.
Critic: the region's value is the sum over cells of an MLP on (the cell's features, their mean over cells).
"""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from testbed.model.features import CELL_FEATURES, DECISION_FEATURES

HIDDEN = 64
GAIN = 6.0
INPUTS = DECISION_FEATURES + CELL_FEATURES
Array = NDArray[np.float32]


class Layer(NamedTuple):
    """A dense layer's place in the flat vector: weights (inputs × outputs, row major) then biases."""

    start: int
    inputs: int
    outputs: int

    @property
    def bias(self) -> int:
        """Where the biases begin."""
        return self.start + self.inputs * self.outputs

    @property
    def end(self) -> int:
        """One past the last bias."""
        return self.bias + self.outputs


def stack(start: int, *sizes: int) -> tuple[Layer, ...]:
    """Dense layers of the given sizes, one after another in the flat vector from ``start`` on."""
    layers = []
    for inputs, outputs in pairwise(sizes):
        layers.append(Layer(start, inputs, outputs))
        start = layers[-1].end
    return tuple(layers)


GAIN_AT = 0
ACTOR = stack(1, INPUTS, HIDDEN, HIDDEN, 1)
CRITIC = stack(ACTOR[-1].end, 2 * CELL_FEATURES, HIDDEN, HIDDEN, 1)
SIZE = CRITIC[-1].end


def initial(seed: int) -> Array:
    """Fresh parameters: scaled normals, last layers near zero, the gain at 6."""
    rng = np.random.default_rng(seed)
    flat = np.zeros(SIZE, dtype=np.float32)
    flat[GAIN_AT] = GAIN
    for layers, last_scale in ((ACTOR, 0.01), (CRITIC, 0.1)):
        for layer in layers:
            scale = last_scale if layer.outputs == 1 else 1.0
            weights = rng.standard_normal((layer.inputs, layer.outputs)) * scale / np.sqrt(layer.inputs)
            flat[layer.start : layer.bias] = weights.ravel()
    return flat


def _forward(flat: Array, layers: tuple[Layer, ...], x: Array) -> Array:
    for layer in layers:
        weights = flat[layer.start : layer.bias].reshape(layer.inputs, layer.outputs)
        x = x @ weights + flat[layer.bias : layer.end]
        if layer.outputs > 1:
            x = np.maximum(x, 0.0)
    return x[..., 0]


def logit(flat: Array, features: Array) -> Array:
    """Logits of offloading, shape (...,), from inputs of shape (..., 26)."""
    return flat[GAIN_AT] * features[..., 0] + _forward(flat, ACTOR, features)


def value(flat: Array, cells: Array) -> Array:
    """The region's value, shape (...,), from cell features of shape (..., cells, 8)."""
    mean = np.broadcast_to(cells.mean(axis=-2, keepdims=True), cells.shape)
    return _forward(flat, CRITIC, np.concatenate([cells, mean], axis=-1)).sum(axis=-1)
