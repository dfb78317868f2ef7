"""Learning from a running testbed: stretches of experience are used again and again while they are fresh.

A testbed gives 20 slots a second at speed 20 where the twin gives many thousands. Each stretch therefore takes part in
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
    """How to learn live: updates for each new stretch of ``slots`` slots, each of ``batch`` stretches of the last
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
        self, system: System, params: Array, square_avg: Array, lessons: OnlineConfig | None = None, seed: int = 1
    ) -> None:
        self.params, self.square_avg = params.copy(), square_avg.copy()
        self.lessons = lessons or OnlineConfig()
        self._assembler = Assembler(system, self.lessons.slots)
        self._kept: list[TrajectorySegment] = []
        self._due = 0
        self._rng = np.random.default_rng(seed)

    @property
    def busy(self) -> bool:
        """Whether there is an update to make."""
        return self._due > 0

    def take(self, message: object) -> None:
        """Note what the testbed tells; see `Assembler.take`."""
        self._assembler.take(message)
        for stretch in self._assembler.ready():
            self._kept = [*self._kept, stretch][-self.lessons.keep :]
            self._due = self.lessons.updates

    def update(self, version: int) -> Done:
        """One update at published version ``version``: the newest stretch, and others drawn from those kept."""
        older = np.arange(len(self._kept) - 1)
        drawn = self._rng.choice(older, min(len(older), self.lessons.batch - 1), replace=False)
        chosen = [self._kept[-1], *(self._kept[n] for n in drawn)]
        rollout = together(chosen)
        grad, losses = a3c.gradient(self.params, rollout, self.lessons.settings)
        a3c.rmsprop(self.params, self.square_avg, grad, self.lessons.rate)
        self._due -= 1
        versions = np.concatenate([stretch.version for stretch in chosen])
        lag = version - float(versions.mean()) if len(versions) else 0.0
        return Done(losses.policy + losses.value, losses.entropy, float(rollout.rewards.mean()), lag)


def together(stretches: list[TrajectorySegment]) -> Rollout:
    """Stretches of equal length as the worlds of one rollout."""
    worlds = len(stretches)
    return Rollout(
        features=np.concatenate([stretch.features for stretch in stretches]),
        actions=np.concatenate([stretch.actions for stretch in stretches]),
        log_probability=np.concatenate([stretch.log_probability for stretch in stretches]),
        slot=np.concatenate([stretch.slot * worlds + world for world, stretch in enumerate(stretches)]),
        weight=np.concatenate([stretch.weight for stretch in stretches]),
        cells=np.concatenate([stretch.cells for stretch in stretches], axis=1),
        rewards=np.concatenate([stretch.rewards for stretch in stretches], axis=1),
    )
