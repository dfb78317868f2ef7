"""What is paid for a slot, and what ``info`` tells of it: the same keys after ``reset`` and after ``step``."""

from types import EllipsisType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from testbed.gym.backend import CELL_COUNTS, Backend
from testbed.gym.config import EnvironmentConfig
from testbed.gym.spaces import told_mask

Info = dict[str, Any]
_COST, SCORE = 9, 11  # of `testbed.gym.backend.Totals`
SUMS = (*CELL_COUNTS, "energy_j", "overhead", "delay_s")


def paid(earned: NDArray[Any], config: EnvironmentConfig) -> NDArray[np.float64]:
    """What is paid for a slot, in the shape of ``earned``, records of `testbed.twin.state.CELL`."""
    amount: NDArray[np.float64] = earned["score"] if config.reward != "holding" else -earned["cost"]
    return amount * config.reward_scale


def payment(config: EnvironmentConfig) -> tuple[int, float]:
    """Which of a region's `testbed.gym.backend.Totals` is paid for a slot, and its factor; as `paid`."""
    return (_COST, -config.reward_scale) if config.reward == "holding" else (SCORE, config.reward_scale)


def summed(earned: NDArray[Any]) -> dict[str, Any]:
    """The numbers of `SUMS`: counts, and sums over the tasks finished in the slot; in the shape of ``earned``."""
    sums: dict[str, Any] = {name: earned[name].copy() for name in (*CELL_COUNTS, "energy_j", "overhead")}
    sums["delay_s"] = earned["delay_ns"] * 1e-9
    return sums


class RunningMean:
    """The mean overhead of the tasks that have finished in an episode: a number, or an array of them."""

    def __init__(self, shape: tuple[int, ...] = ()) -> None:
        self._overhead, self._finished = np.zeros(shape), np.zeros(shape, np.int64)

    def begin(self, chosen: NDArray[np.bool_] | EllipsisType = ...) -> None:
        """Begin the means of all worlds anew, or of the ``chosen``."""
        self._overhead[chosen], self._finished[chosen] = 0.0, 0

    def add(self, overhead: NDArray[np.float64], finished: NDArray[np.int64]) -> NDArray[np.float64]:
        """The means with what finished in a slot; 0 where nothing has finished yet."""
        self._overhead += overhead
        self._finished += finished
        return self._overhead / np.maximum(1, self._finished)


class RegionInfo:
    """``info`` of the region as one agent; plain numbers, because a step is to take microseconds."""

    def __init__(self) -> None:
        self._seed, self._overhead, self._finished = 0, 0.0, 0

    def begin(self, seed: int) -> None:
        """An episode of workload ``seed`` begins."""
        self._seed, self._overhead, self._finished = seed, 0.0, 0

    def info(self, backend: Backend) -> Info:
        """What the region did in the slot just played; see docs/reference/environments.md."""
        decided, offloaded, forwarded, rejected, finished, hits, delay_ns, energy, overhead, *_ = backend.totals
        fallback, lag_s = backend.measured
        self._overhead += overhead
        self._finished += finished
        return {
            "seed": self._seed,
            "slot": backend.slot,
            "decided": decided,
            "offloaded": offloaded,
            "forwarded": forwarded,
            "rejected": rejected,
            "finished": finished,
            "hits": hits,
            "energy_j": energy,
            "overhead": overhead,
            "delay_s": delay_ns * 1e-9,
            "mean_overhead": self._overhead / self._finished if self._finished else 0.0,
            "inside": backend.inside,
            "fallback": fallback,
            "lag_s": lag_s,
            "missed": backend.missed,
            "action_mask": told_mask(backend.can_offload, backend.actions),
        }
