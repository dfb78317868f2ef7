"""Learning from a running testbed: segments of experience are used again and again while they are fresh.

A testbed gives 20 slots a second at speed 20 where the twin gives many thousands. Each segment therefore takes part in
several updates, together with others drawn from the latest; V-trace corrects that older policies made them.
"""

from typing import Protocol

import msgspec
import numpy as np

from controller.learn import a3c
from controller.learn.a3c import Rollout
from controller.learn.optimiser import rmsprop
from controller.online.trajectory import Assembler, TrajectorySegment
from testbed.policy.network import Array


class OnlineConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How to learn by replay: updates for each new segment, each of ``batch`` segments of the last ``buffer_size``, at
    ``learning_rate``."""

    updates: int = 16
    batch: int = 8
    buffer_size: int = 40
    learning_rate: float = 1e-4
    actor_critic: a3c.A3cConfig = a3c.A3cConfig(vtrace=True)


class Done(msgspec.Struct, frozen=True):
    """One update: loss, mean entropy in nats, mean reward per slot, mean policy lag of its decisions in versions."""

    loss: float
    entropy: float
    reward: float
    lag: float


class OnlineLearner(Protocol):
    """Improves shared parameters by what it is told of a run.

    A version of the parameters is the number of updates, by all workers, that made them.
    """

    @property
    def busy(self) -> bool:
        """Whether there is an update to make."""

    @property
    def renews(self) -> bool:
        """Whether its cells are to be decided by the shared parameters as they are now."""

    def take(self, message: object) -> None:
        """Note what the testbed tells; see `Assembler.take`."""

    def decide_by(self, params: Array, version: int) -> None:
        """Its cells are decided by the copy ``params`` from now on."""

    def update(self, params: Array, square_avg: Array, version: int) -> Done:
        """One update in place; ``params``, now of ``version``, may be changed by others meanwhile."""


class ReplayLearner:
    """Learns from the newest segment, and from older ones drawn from those kept."""

    def __init__(self, assembler: Assembler, config: OnlineConfig | None = None, seed: int = 1) -> None:
        self.config = config or OnlineConfig()
        self._assembler = assembler
        self._buffer: list[TrajectorySegment] = []
        self._due = 0
        self._rng = np.random.default_rng(seed)
        self._renews = True

    @property
    def busy(self) -> bool:
        """Whether there is an update to make."""
        return self._due > 0

    @property
    def renews(self) -> bool:
        """See `OnlineLearner`: after every update."""
        return self._renews

    def take(self, message: object) -> None:
        """See `OnlineLearner`."""
        self._assembler.take(message)
        for segment in self._assembler.ready():
            self._buffer = [*self._buffer, segment][-self.config.buffer_size :]
            self._due = self.config.updates

    def decide_by(self, params: Array, version: int) -> None:
        """See `OnlineLearner`; whichever copy decided, its decisions tell their version and log-probability."""
        self._renews = False

    def update(self, params: Array, square_avg: Array, version: int) -> Done:
        """See `OnlineLearner`."""
        older = np.arange(len(self._buffer) - 1)
        drawn = self._rng.choice(older, min(len(older), self.config.batch - 1), replace=False)
        chosen = [self._buffer[-1], *(self._buffer[n] for n in drawn)]
        rollout = together(chosen)
        grad, losses = a3c.gradient(params.copy(), rollout, self.config.actor_critic)
        rmsprop(params, square_avg, grad, self.config.learning_rate)
        self._due -= 1
        self._renews = True
        versions = np.concatenate([segment.version for segment in chosen])
        lag = version - float(versions.mean()) if len(versions) else 0.0
        return Done(losses.policy + losses.value, losses.entropy, float(rollout.rewards.mean()), lag)


def together(segments: list[TrajectorySegment]) -> Rollout:
    """Segments of equal length as the worlds of one rollout."""
    each = segments[0].rewards.shape[1]
    worlds = each * len(segments)
    slots = [one.slot // each * worlds + n * each + one.slot % each for n, one in enumerate(segments)]
    return Rollout(
        features=np.concatenate([segment.features for segment in segments]),
        actions=np.concatenate([segment.actions for segment in segments]),
        log_probability=np.concatenate([segment.log_probability for segment in segments]),
        slot=np.concatenate(slots),
        weight=np.concatenate([segment.weight for segment in segments]),
        cells=np.concatenate([segment.cells for segment in segments], axis=1),
        rewards=np.concatenate([segment.rewards for segment in segments], axis=1),
    )
