"""Learning from a running testbed: segments of experience are used again and again while they are fresh.

A testbed gives 20 slots a second at speed 20 where the twin gives many thousands. Each segment therefore takes part in
several updates, together with others drawn from the latest; V-trace corrects that older policies made them.
"""

import msgspec
import numpy as np

from controller.learn import a3c
from controller.learn.a3c import Rollout
from controller.online.trajectory import SEGMENT_SLOTS, Assembler, TrajectorySegment
from testbed.model.system import System
from testbed.policy.network import Array


class OnlineConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How to learn live: updates for each new segment of ``slots`` slots, each of ``batch`` segments of the last
    ``keep``, at learning rate ``rate``."""

    slots: int = SEGMENT_SLOTS
    updates: int = 16
    batch: int = 8
    keep: int = 40
    rate: float = 1e-4
    settings: a3c.A3cSettings = a3c.A3cSettings(vtrace=True)


class Done(msgspec.Struct, frozen=True):
    """One update: loss, mean entropy in nats, mean reward per slot, mean policy lag of its decisions in versions."""

    loss: float
    entropy: float
    reward: float
    lag: float


class OnlineLearner:
    """Improves ``params`` in place by what it is told of a run."""

    def __init__(
        self, system: System, params: Array, square_avg: Array, config: OnlineConfig | None = None, seed: int = 1
    ) -> None:
        self.params, self.square_avg = params.copy(), square_avg.copy()
        self.config = config or OnlineConfig()
        self._assembler = Assembler(system, self.config.slots)
        self._buffer: list[TrajectorySegment] = []
        self._due = 0
        self._rng = np.random.default_rng(seed)

    @property
    def busy(self) -> bool:
        """Whether there is an update to make."""
        return self._due > 0

    def take(self, message: object) -> None:
        """Note what the testbed tells; see `Assembler.take`."""
        self._assembler.take(message)
        for segment in self._assembler.ready():
            self._buffer = [*self._buffer, segment][-self.config.keep :]
            self._due = self.config.updates

    def update(self, version: int) -> Done:
        """One update at published version ``version``: the newest segment, and others drawn from those kept."""
        older = np.arange(len(self._buffer) - 1)
        drawn = self._rng.choice(older, min(len(older), self.config.batch - 1), replace=False)
        chosen = [self._buffer[-1], *(self._buffer[n] for n in drawn)]
        rollout = together(chosen)
        grad, losses = a3c.gradient(self.params, rollout, self.config.settings)
        a3c.rmsprop(self.params, self.square_avg, grad, self.config.rate)
        self._due -= 1
        versions = np.concatenate([segment.version for segment in chosen])
        lag = version - float(versions.mean()) if len(versions) else 0.0
        return Done(losses.policy + losses.value, losses.entropy, float(rollout.rewards.mean()), lag)


def together(segments: list[TrajectorySegment]) -> Rollout:
    """Segments of equal length as the worlds of one rollout."""
    worlds = len(segments)
    return Rollout(
        features=np.concatenate([segment.features for segment in segments]),
        actions=np.concatenate([segment.actions for segment in segments]),
        log_probability=np.concatenate([segment.log_probability for segment in segments]),
        slot=np.concatenate([segment.slot * worlds + world for world, segment in enumerate(segments)]),
        weight=np.concatenate([segment.weight for segment in segments]),
        cells=np.concatenate([segment.cells for segment in segments], axis=1),
        rewards=np.concatenate([segment.rewards for segment in segments], axis=1),
    )
