"""The recurrent core in torch: run again over a rollout, from the memory that began it, for one backward pass."""

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from controller.learn.layers import dense
from testbed.policy.network import Array, Layout


class Remembered(msgspec.Struct):
    """What a rollout of T slots needs to run the core again: ``memory`` (W, C, H) before its first slot, what it took
    in, ``seen`` (T+1, W, C, 8), and the ``cell`` of each decision (D,)."""

    memory: Array
    seen: Array
    cell: NDArray[np.int64]


def unroll(params: Tensor, shape: Layout, past: Remembered) -> Tensor:
    """`testbed.policy.network.remember` in torch, slot after slot: the memory at each decision (T+1, W, C, H)."""
    gates, candidate = shape.core
    seen = torch.from_numpy(past.seen).flatten(1, 2)
    memory = torch.from_numpy(past.memory).flatten(0, 1)
    memories = []
    for now in seen:
        keep, use = torch.sigmoid(dense(params, gates, torch.cat([now, memory], dim=1))).chunk(2, dim=1)
        new = torch.tanh(dense(params, candidate, torch.cat([now, use * memory], dim=1)))
        memory = keep * memory + (1.0 - keep) * new
        memories.append(memory)
    return torch.stack(memories).view(*past.seen.shape[:3], -1)


def beside(features: Tensor, shape: Layout, memory: Tensor, slot: Tensor, past: Remembered) -> Tensor:
    """The inputs (D, …) of decisions with their cell's ``memory`` in its place, through which gradients flow."""
    count = past.memory.shape[1]
    own_memory = memory.flatten(0, 2)[slot * count + torch.from_numpy(past.cell)]
    first = shape.inputs - shape.gru_units
    return torch.cat([features[:, :first], own_memory, features[:, shape.inputs :]], dim=1)
