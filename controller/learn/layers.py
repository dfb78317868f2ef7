"""Layers of a flat parameter vector in torch, to learn: the counterpart of `testbed.policy.network.forward`."""

from collections.abc import Sequence

import torch
from torch import Tensor

from testbed.policy.network import Layer


def dense(params: Tensor, layer: Layer, x: Tensor) -> Tensor:
    """One linear layer: (B, inputs) → (B, outputs)."""
    weights = params[layer.start : layer.bias].view(layer.inputs, layer.outputs)
    return torch.addmm(params[layer.bias : layer.end], x, weights)


def forward(params: Tensor, layers: Sequence[Layer], x: Tensor) -> Tensor:
    """A rectified network, its last layer linear: (B, inputs) → (B, outputs)."""
    for layer in layers[:-1]:
        x = torch.relu(dense(params, layer, x))
    return dense(params, layers[-1], x)
