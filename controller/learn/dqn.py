"""DQN (Mnih et al., Nature 2015) on the same decisions as A3C, as pure functions, with a ring of transitions.

One transition is one UE's decision: its features beside its cell's, the action, the region's discounted reward until
that UE decides again, and what it sees then. Q(s, 1) − Q(s, 0) starts from the margin C_l − C_o, as A3C's logit does.
Options: double (van Hasselt et al. 2016) and dueling (Wang et al. 2016; for two actions V ± δ/2).
"""

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from controller.learn import layers
from controller.learn.hyperparameters import OPTION_NAMES, Count, Positive, Share
from testbed.model.errors import InvalidError
from testbed.policy.arrays import fitting
from testbed.policy.network import GAIN_AT, INPUTS, Array
from testbed.policy.q_network import DENSE

MASK_64 = 2**64 - 1


class DqnConfig(msgspec.Struct, frozen=True, kw_only=True, rename=OPTION_NAMES):
    """Hyper-parameters; ``epsilon`` falls linearly from ``epsilon_first`` over ``epsilon_slots`` world slots."""

    gamma: Share = 0.9
    batch: Count = 256
    capacity: Count = 200_000
    target_every: Count = 250
    learning_rate: Positive = 1e-3
    epsilon_first: Share = 0.5
    epsilon_last: Share = 0.02
    epsilon_slots: Count = 200_000
    double: bool = True
    dueling: bool = True
    clip_norm: Positive = 10.0
    reward_scale: Positive = 0.1


class Transitions(msgspec.Struct):
    """B transitions: ``state`` and ``following`` (B, 30), ``action``, ``reward`` and ``discount`` (B,)."""

    state: Array
    action: Array
    reward: Array
    discount: Array
    following: Array


def q_values(params: Tensor, state: Tensor, *, dueling: bool) -> Tensor:
    """Action values (B, 2) of local and offload from states (B, 30)."""
    out = layers.forward(params, DENSE, state)
    half = 0.5 * params[GAIN_AT] * state[:, 0]
    if dueling:
        half = half + 0.5 * out[:, 1]
        return torch.stack([out[:, 0] - half, out[:, 0] + half], dim=1)
    return torch.stack([out[:, 0] - half, out[:, 1] + half], dim=1)


def gradient(params: Array, target: Array, batch: Transitions, config: DqnConfig) -> tuple[Array, float]:
    """The clipped gradient (P,) of the Huber loss on B transitions at ``params`` (P,), and the loss.

    The ``target`` network (P,) gives the values that decisions lead to.
    """
    parameters = torch.tensor(params, requires_grad=True)
    frozen = torch.from_numpy(target)
    following = torch.from_numpy(batch.following)
    with torch.no_grad():
        values = q_values(frozen, following, dueling=config.dueling)
        chooser = q_values(parameters, following, dueling=config.dueling) if config.double else values
        best = values.gather(1, chooser.argmax(dim=1, keepdim=True))[:, 0]
        reward = torch.from_numpy(batch.reward) * config.reward_scale
        goal = reward + torch.from_numpy(batch.discount) * best
    taken = q_values(parameters, torch.from_numpy(batch.state), dueling=config.dueling)
    chosen = taken.gather(1, torch.from_numpy(batch.action).long()[:, None])[:, 0]
    loss = torch.nn.functional.smooth_l1_loss(chosen, goal)
    (grad,) = torch.autograd.grad(loss, parameters)
    norm = grad.norm().item()
    if norm > config.clip_norm:
        grad = grad * (config.clip_norm / norm)
    return grad.numpy(), loss.item()


class Replay:
    """A ring of the last ``capacity`` transitions, sampled uniformly with a seeded generator."""

    def __init__(self, capacity: int, seed: int) -> None:
        self._state = np.zeros((capacity, INPUTS), np.float32)
        self._following = np.zeros((capacity, INPUTS), np.float32)
        self._scalars = np.zeros((capacity, 3), np.float32)
        self._rng = np.random.default_rng(seed)
        self._next = 0
        self.size = 0

    def add(self, batch: Transitions) -> None:
        """Append transitions, overwriting the oldest."""
        capacity, count = len(self._state), len(batch.state)
        where = (self._next + np.arange(count)) % capacity
        self._state[where], self._following[where] = batch.state, batch.following
        self._scalars[where] = np.stack([batch.action, batch.reward, batch.discount], axis=1)
        self._next = int((self._next + count) % capacity)
        self.size = min(capacity, self.size + count)

    def sample(self, count: int) -> Transitions:
        """``count`` transitions drawn with replacement: B = ``count``, whatever the ring holds."""
        where: NDArray[np.int64] = self._rng.integers(0, self.size, count)
        action, reward, discount = (np.ascontiguousarray(column) for column in self._scalars[where].T)
        return Transitions(self._state[where], action, reward, discount, self._following[where])

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """The ring's filled part, its position and its generator's state, as arrays."""
        state = self._rng.bit_generator.state["state"]
        words = [state["state"] >> 64, state["state"] & MASK_64, state["inc"] >> 64, state["inc"] & MASK_64]
        return {
            "ring_state": self._state[: self.size],
            "ring_following": self._following[: self.size],
            "ring_scalars": self._scalars[: self.size],
            "ring_next": np.array([self._next], np.int64),
            "ring_rng": np.array(words, np.uint64),
        }

    def load(self, arrays: dict[str, NDArray[np.generic]]) -> None:
        """Continue from `arrays` of a ring of the same capacity; `InvalidError` for any other."""
        state = fitting(arrays, "ring_state", self._state, rows=True)
        self.size = len(state)
        self._state[: self.size] = state
        for name, ring in (("ring_following", self._following), ("ring_scalars", self._scalars)):
            ring[: self.size] = fitting(arrays, name, ring[: self.size])
        self._next = int(fitting(arrays, "ring_next", np.zeros(1, np.int64))[0])
        if not 0 <= self._next < len(self._state):
            raise InvalidError(f"ring_next is {self._next}")
        high, low, inc_high, inc_low = (int(word) for word in fitting(arrays, "ring_rng", np.zeros(4, np.uint64)))
        generator = dict(self._rng.bit_generator.state)
        generator["state"] = {"state": (high << 64) | low, "inc": (inc_high << 64) | inc_low}
        self._rng.bit_generator.state = generator
