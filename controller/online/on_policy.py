"""A3C on a running testbed (Mnih et al., ICML 2016): a worker's cells are decided by its copy of the shared parameters
for t_max slots, and the gradient of that segment at that copy changes the shared ones, once.

A segment is settled when its tasks have ended. The next one begins on time all the same, decided by what the shared
parameters are by then: no decision waits for a gradient.
"""

from collections import deque

import msgspec
import numpy as np

from controller.learn import a3c
from controller.learn.optimiser import rmsprop
from controller.online.online_learner import Done, together
from controller.online.trajectory import Assembler, TrajectorySegment
from testbed.policy.network import Array
from testbed.protocol.messages import Seen

KEPT_COPIES = 8


class OnPolicyConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How to learn on-policy: one update at ``learning_rate`` for each segment."""

    learning_rate: float = 3e-3
    actor_critic: a3c.A3cConfig = a3c.A3cConfig()


class OnPolicyLearner:
    """Learns once from each segment, at the copy of the parameters that decided it.

    Decisions at its beginning that the copy before still made get no policy gradient.
    """

    def __init__(self, assembler: Assembler, config: OnPolicyConfig | None = None) -> None:
        self.config = config or OnPolicyConfig()
        self._assembler = assembler
        self._segments: deque[TrajectorySegment] = deque(maxlen=KEPT_COPIES)
        self._newest = dict.fromkeys(assembler.cells, -1)
        self._copies: dict[int, Array] = {}
        self._version = 0
        self._begins, self._renews = 0, True

    @property
    def busy(self) -> bool:
        """Whether there is an update to make."""
        return bool(self._segments)

    @property
    def renews(self) -> bool:
        """See `OnlineLearner`: whenever another segment begins."""
        return self._renews

    def take(self, message: object) -> None:
        """See `OnlineLearner`."""
        self._assembler.take(message)
        self._segments.extend(self._assembler.ready())
        if isinstance(message, Seen) and message.cell in self._newest:
            self._newest[message.cell] = max(self._newest[message.cell], message.slot)
            newest = set(self._newest.values())
            coming = max(newest) + (len(newest) == 1)
            begins = self._assembler.segment_start(coming)
            self._renews = self._renews or begins != self._begins
            self._begins = begins

    def decide_by(self, params: Array, version: int) -> None:
        """See `OnlineLearner`; the last `KEPT_COPIES` are kept until their segments are settled."""
        self._copies.pop(version, None)
        self._copies[version] = params
        self._version, self._renews = version, False
        while len(self._copies) > KEPT_COPIES:
            del self._copies[next(iter(self._copies))]

    def update(self, params: Array, square_avg: Array, version: int) -> Done:
        """See `OnlineLearner`: by the oldest segment that is settled."""
        segment = self._segments.popleft()
        decided_by = self._mostly(segment)
        segment.weight = (segment.weight * (segment.version == decided_by)).astype(np.float32)
        rollout = together([segment])
        grad, losses = a3c.gradient(self._copies[decided_by], rollout, self.config.actor_critic)
        rmsprop(params, square_avg, grad, self.config.learning_rate)
        loss, reward = losses.policy + losses.value, float(rollout.rewards.mean())
        return Done(loss, losses.entropy, reward, float(version - decided_by))

    def _mostly(self, segment: TrajectorySegment) -> int:
        """The version of the copy that made most of its decisions; the present one's if that is not known here."""
        versions, counts = np.unique(segment.version, return_counts=True)
        version = int(versions[counts.argmax()]) if len(versions) else self._version
        return version if version in self._copies else self._version
