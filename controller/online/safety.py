"""When learning makes things worse, the last good parameters come back (pure).

The overhead of tasks is averaged over blocks of slots, and `_BLOCKS` blocks are a window of 200 slots. A window is
worse than the last good one if its mean is higher by `_MARGIN` and by `ERRORS` standard errors of the difference.
Then the parameters that stood at the end of the good one are restored. As the load may have changed, what they
achieve from then on is what later windows are compared with.
"""

import math
from collections.abc import Sequence

import msgspec
import numpy as np

from controller.online.trajectory import SETTLING_SLOTS
from testbed.model.energy import overhead
from testbed.model.statistics import mean
from testbed.model.system import System
from testbed.policy.network import Array
from testbed.protocol.messages import Outcome, Seen

BLOCK_SLOTS, _BLOCKS = 20, 10
WINDOW_SLOTS = BLOCK_SLOTS * _BLOCKS
_MARGIN, ERRORS, LEAST_BLOCKS = 0.05, 4.0, 5


class _Good(msgspec.Struct, frozen=True):
    """A window's mean overheads by block, and the parameters at its end."""

    blocks: list[float]
    params: Array
    square_avg: Array


class SafetyStop:
    """Compares windows of a run's measured overhead, and says when to restore what."""

    def __init__(self, system: System) -> None:
        self._ues = {ue.name: ue for ue in system.ues}
        self._overheads: dict[int, list[float]] = {}
        self._newest = -1
        self._window: int | None = None
        self._standing: tuple[Array, Array] | None = None
        self._good: _Good | None = None
        self._skip = 0
        self._anew = True

    def take(self, message: object) -> None:
        """Note a `Seen` or an `Outcome`; others say nothing."""
        match message:
            case Seen():
                self._newest = max(self._newest, message.slot)
                if self._window is None:
                    self._window = message.slot // WINDOW_SLOTS + (message.slot % WINDOW_SLOTS > 0)
            case Outcome():
                weight = self._ues[message.ue].weight_delay
                cost = overhead(weight, message.delay_ns, message.energy_j)
                self._overheads.setdefault(message.slot // BLOCK_SLOTS, []).append(cost)

    def watch(self, params: Array, square_avg: Array) -> float:
        """Look at ``params`` as they are now, and restore the good ones in place if the window that is settled was
        worse; returns by which factor it was, 0 if nothing was restored."""
        if self._window is None or self._newest < (self._window + 1) * WINDOW_SLOTS - 1:
            return 0.0
        if self._standing is None:
            self._standing = params.copy(), square_avg.copy()
        if self._newest < (self._window + 1) * WINDOW_SLOTS + SETTLING_SLOTS:
            return 0.0
        blocks, standing = self._settle(), self._standing
        self._standing = None
        if self._skip:
            self._skip -= 1
            return 0.0
        if len(blocks) < LEAST_BLOCKS:
            return 0.0
        good = self._good
        if good is None or self._anew or not is_worse(good.blocks, blocks):
            self._good, self._anew = _Good(blocks, *standing), False
            return 0.0
        params[:], square_avg[:] = good.params, good.square_avg
        self._skip, self._anew = 1, True
        return mean(blocks) / mean(good.blocks)

    def _settle(self) -> list[float]:
        """The mean overheads of the window's blocks; the next window begins."""
        assert self._window is not None
        first = self._window * _BLOCKS
        self._window += 1
        means = [mean(self._overheads[block]) for block in range(first, first + _BLOCKS) if block in self._overheads]
        self._overheads = {block: costs for block, costs in self._overheads.items() if block >= first + _BLOCKS}
        return means


def is_worse(before: Sequence[float], after: Sequence[float]) -> bool:
    """Whether the mean of ``after`` is higher than that of ``before`` by more than chance and `_MARGIN`."""
    error = math.sqrt(sum(float(np.var(values, ddof=1)) / len(values) for values in (before, after)))
    rise = mean(after) - mean(before)
    return rise > _MARGIN * mean(before) and rise > ERRORS * error
