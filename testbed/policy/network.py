"""The actor and critic as one flat float32 vector, evaluated in numpy to act and in torch to learn.

The actor sees blocks of 22 features, one a UE, then its cell's 8. Heads ``sequential`` and ``factored`` decide for one
UE: a block → 64 → 64 → a logit, rectified; weights are shared by UEs and cells, so any number of either fits.
``regional`` is ``sequential`` over the UEs of all cells and sees 22 numbers more: the mean over cells of their 8, and
14 of the region as it is decided so far (`testbed.policy.region_features`).
``any`` and ``regional-any`` choose the target of second offload: a network as that of ``sequential`` gives each ES a
logit, from a block of its own (`testbed.policy.target_features`); that of local is 0.
``joint`` has a logit for each of the 2^N vectors of a cell's decisions (Zou et al. 2021), ``continuous`` a proto-action
in R^N whose nearest vector is taken (after Dulac-Arnold et al. 2015). Every logit begins with ``gain·(C_l − C_o)``, for
``joint`` summed over those who offload: with all other weights at zero each head is a soft greedy.
Critic: the region's value is the sum over cells of an MLP on (the cell's features, their mean over cells).
A recurrent core, if there is one, is a gated recurrent unit (Cho et al. 2014) for each cell, weights shared: once a
slot it takes in what the cell's agent sees of its cell, and what it remembers is a further input of actor and critic.
"""

import math
from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from testbed.model.errors import UsageError
from testbed.policy.features import CELL_FEATURES, DECISION_FEATURES
from testbed.policy.region_features import REGION_FEATURES

HIDDEN = 64
GAIN, GAIN_AT = 6.0, 0
SPREAD = 1.0
SEQUENTIAL, _FACTORED, JOINT, CONTINUOUS = "sequential", "factored", "joint", "continuous"
REGIONAL = "regional"
CELL_ANY, REGIONAL_ANY = "any", "regional-any"
HEADS = (SEQUENTIAL, _FACTORED, JOINT, CONTINUOUS, REGIONAL, CELL_ANY, REGIONAL_ANY)
CHOOSING = {SEQUENTIAL: CELL_ANY, REGIONAL: REGIONAL_ANY}  # what those heads are where agents choose targets
REGIONAL_INPUTS = CELL_FEATURES + REGION_FEATURES
MOST_JOINT, MOST_GRU_UNITS = 12, 32
MOST_EXPONENT = 700.0  # of which the exponential is still finite
Array = NDArray[np.float32]


class Layer(NamedTuple):
    """A dense layer's place in the parameter vector: weights (inputs × outputs, row major) then biases."""

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
    """Dense layers of the given sizes, one after another in the parameter vector from ``start`` on."""
    layers = []
    for inputs, outputs in pairwise(sizes):
        layers.append(Layer(start, inputs, outputs))
        start = layers[-1].end
    return tuple(layers)


class Layout(NamedTuple):
    """Where everything is in the parameter vector of a ``head`` that decides for ``ues`` UEs at once.

    ``core``: two gates side by side, then the candidate, or nothing.
    """

    head: str
    ues: int
    actor: tuple[Layer, ...]
    critic: tuple[Layer, ...]
    core: tuple[Layer, ...] = ()

    @property
    def size(self) -> int:
        """The vector's length."""
        return (self.core or self.critic)[-1].end

    @property
    def gru_units(self) -> int:
        """How many numbers a cell remembers."""
        return self.core[-1].outputs if self.core else 0

    @property
    def inputs(self) -> int:
        """How many numbers the actor sees."""
        return self.actor[0].inputs


@cache
def layout(head: str = SEQUENTIAL, ues: int = 1, gru_units: int = 0) -> Layout:
    """The layout of a head; ``ues``, a cell's UEs, matters to ``joint`` and ``continuous``; ``gru_units`` of
    the recurrent core, 0 for none. Raises `UsageError`."""
    if head not in HEADS:
        raise UsageError(f'unknown head "{head}"', f"known: {', '.join(HEADS)}")
    if head == JOINT and ues > MOST_JOINT:
        raise UsageError(f"{ues} UEs in a cell are 2^{ues} joint actions", "use the head sequential")
    if not 0 <= gru_units <= MOST_GRU_UNITS:
        raise UsageError(f"a memory of {gru_units}", f"0 (none) to {MOST_GRU_UNITS} units are possible")
    if head in (REGIONAL, *CHOOSING.values()) and gru_units:
        raise UsageError(f"a memory of {gru_units} with the head {head}", "leave one of them out")
    width = ues if head in (JOINT, CONTINUOUS) else 1
    outputs = 2**ues if head == JOINT else width
    context = CELL_FEATURES + gru_units + (REGIONAL_INPUTS if head == REGIONAL else 0)
    actor = stack(GAIN_AT + 1, width * DECISION_FEATURES + context, HIDDEN, HIDDEN, outputs)
    critic = stack(actor[-1].end, 2 * CELL_FEATURES + gru_units, HIDDEN, HIDDEN, 1)
    if not gru_units:
        return Layout(head, width, actor, critic)
    (gates,) = stack(critic[-1].end, CELL_FEATURES + gru_units, 2 * gru_units)
    return Layout(head, width, actor, critic, (gates, *stack(gates.end, CELL_FEATURES + gru_units, gru_units)))


PER_UE = layout()
ACTOR, CRITIC, SIZE, INPUTS = PER_UE.actor, PER_UE.critic, PER_UE.size, PER_UE.inputs


def initial(seed: int, shape: Layout = PER_UE) -> Array:
    """Fresh parameters: scaled normals, last layers near zero, the gain at 6."""
    rng = np.random.default_rng(seed)
    params = np.zeros(shape.size, dtype=np.float32)
    params[GAIN_AT] = GAIN
    for layers, last_scale in ((shape.actor, 0.01), (shape.critic, 0.1), (shape.core, 1.0)):
        draw(rng, params, layers, last_scale)
    return params


def draw(rng: np.random.Generator, params: Array, layers: Sequence[Layer], last_scale: float) -> None:
    """Draw the weights of ``layers`` in ``params``: normals scaled by 1/√inputs, the last by ``last_scale`` too."""
    for layer in layers:
        scale = last_scale if layer is layers[-1] else 1.0
        weights = rng.standard_normal((layer.inputs, layer.outputs)) * scale / np.sqrt(layer.inputs)
        params[layer.start : layer.bias] = weights.ravel()


def dense(params: Array, layer: Layer, x: Array) -> Array:
    """A linear layer, (..., inputs) → (..., outputs): to the bias, products are added input after input.

    `testbed.twin.compiled_network` adds in the same order, so that both give the same to the last bit. A library's
    product of matrices has an order of its own, which depends on the processor.
    """
    weights = params[layer.start : layer.bias].reshape(layer.inputs, layer.outputs)
    terms = np.empty((*x.shape[:-1], layer.inputs + 1, layer.outputs), np.float32)
    terms[..., 0, :] = params[layer.bias : layer.end]
    np.multiply(x[..., :, None], weights, out=terms[..., 1:, :])
    if layer.outputs == 1:  # a single column is contiguous, and would be summed by halves
        column: Array = np.add.accumulate(terms, axis=-2)[..., -1, :]
        return column
    total: Array = np.add.reduce(terms, axis=-2)
    return total


def forward(params: Array, layers: Sequence[Layer], x: Array) -> Array:
    """A rectified network, its last layer linear: (..., inputs) → (..., outputs)."""
    for layer in layers:
        x = dense(params, layer, x)
        if layer is not layers[-1]:
            x = np.maximum(x, 0.0)
    return x


@cache
def vectors(ues: int) -> Array:
    """All decisions of ``ues`` UEs, (2^N, N): bit n of the row's number is UE n's."""
    return (np.arange(2**ues)[:, None] >> np.arange(ues) & 1).astype(np.float32)


def actor(params: Array, shape: Layout, x: Array) -> Array:
    """What the head says, (..., outputs): a logit, 2^N logits, or a proto-action, from inputs (..., 22·N + 8 + H)."""
    gained = params[GAIN_AT] * x[..., : shape.ues * DECISION_FEATURES : DECISION_FEATURES]
    logits = forward(params, shape.actor, x)
    if shape.head != JOINT:
        added: Array = gained + logits
        return added
    for ue in range(shape.ues):  # in this order, as compiled code does
        logits += gained[..., ue, None] * vectors(shape.ues)[:, ue]
    return logits


def logit(params: Array, features: Array) -> Array:
    """Logits of offloading, shape (...,), from inputs of shape (..., 30)."""
    logits: Array = actor(params, PER_UE, features)[..., 0]
    return logits


def sigmoid(logit: float) -> float:
    """1/(1 + e^−logit) in double precision; the C library's exponential, which compiled code calls too."""
    return 1.0 / (1.0 + math.exp(min(-logit, MOST_EXPONENT)))


def remember(params: Array, shape: Layout, seen: Array, memory: Array) -> Array:
    """The memory (H,) of a cell after it has ``seen`` (8,): keep·memory + (1 − keep)·candidate."""
    gates, candidate = shape.core
    logits = dense(params, gates, np.concatenate([seen, memory])).tolist()
    keep, use = np.split(np.array([sigmoid(logit) for logit in logits], np.float32), 2)
    new = dense(params, candidate, np.concatenate([seen, use * memory])).tolist()
    return keep * memory + (np.float32(1.0) - keep) * np.array([math.tanh(value) for value in new], np.float32)


def value(params: Array, cells: Array, shape: Layout = PER_UE) -> Array:
    """The region's value, shape (...,), from cell features of shape (..., cells, 8)."""
    mean = np.broadcast_to(cells.mean(axis=-2, keepdims=True), cells.shape)
    values: Array = forward(params, shape.critic, np.concatenate([cells, mean], axis=-1))[..., 0].sum(axis=-1)
    return values
