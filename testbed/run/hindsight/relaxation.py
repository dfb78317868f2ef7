"""A true lower bound of the mean overhead that any decisions can reach on a workload; proof in docs/bound.md.

Every task may be cut into pieces, each executed on the UE's own CPU or at any edge server that the strategy could reach,
in any order and at any time after it can be there; no server ever does more than it can. That relaxes every rule of the
model, and its cost counts no task dearer than the model does. Of that problem the Lagrangian dual is climbed: a price
for every server and span of time, each vector of prices giving a valid bound, the best of which is returned.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit

from testbed.model.system import System
from testbed.model.task import Task
from testbed.run.hindsight.ways import Ways, ways

SPANS_PER_SLOT = (4, 16, 64)
STEPS = 1500
PATIENCE, LEAST_SCALE = 100, 1e-3
DRAIN = 0.25
CELLS = 4_000_000
FLOAT_ERROR = 1e-9
Watch = Callable[[float], bool]


def lower_bound(
    system: System, tasks: tuple[Task, ...], second_offload: bool, target: float, watch: Watch, steps: int = STEPS
) -> float:
    """The best lower bound found in ``steps`` for each length of span, from long ones to short, prices handed down.

    ``target``, a mean overhead that was reached, sets the steps' size; ``watch`` hears the bound as it rises and may
    end the climb by returning True. Raises `ScenarioError` for what has no bound.
    """
    data = ways(system, tasks, second_offload)
    slots = system.slots + max(8, int(DRAIN * system.slots))
    best, prices = -np.inf, np.zeros((len(data.cores), 1))
    for per_slot in SPANS_PER_SLOT:
        span = max(1, system.slot_ns // per_slot)
        count = slots * system.slot_ns // span + 1
        if count * len(data.cores) > CELLS and np.isfinite(best):
            break
        prices = np.repeat(prices, -(-count // prices.shape[1]), axis=1)[:, :count]
        climb = Climb(data, span, prices)
        ended = climb.run(target * len(tasks), steps, lambda found: watch(max(best, found) / len(tasks)))
        best, prices = max(best, climb.best), climb.prices
        if ended or span == 1:
            break
    return float(best - FLOAT_ERROR * abs(best)) / len(tasks)


class Climb:
    """Ascent of the dual from ``prices`` (S, J) for J spans of ``span_ns``, the last of which never ends.

    ``best`` bounds the sum of overheads, at ``prices``.
    """

    def __init__(self, data: Ways, span_ns: int, prices: Any) -> None:
        self._data = (data.server, data.ready_ns, data.busy_ns, data.cost, data.slope)
        self._span = float(span_ns)
        self._capacity = data.cores * float(span_ns)
        self.prices = np.ascontiguousarray(prices)
        self.prices[:, -1] = 0.0
        self.best = -np.inf

    def run(self, target: float, steps: int, watch: Watch) -> bool:
        """Polyak's steps towards ``target``; returns whether ``watch`` ended them."""
        prices, used = self.prices.copy(), np.zeros_like(self.prices)
        scale, stale = 1.0, 0
        for step in range(steps):
            value = dual(*self._data, self._span, self._capacity, prices, used)
            stale += 1
            if value > self.best:
                self.best, stale = value, 0
                self.prices[:] = prices
            elif stale >= PATIENCE:
                scale, stale = scale / 2.0, 0
                prices[:] = self.prices
                value = dual(*self._data, self._span, self._capacity, prices, used)
            if scale < LEAST_SCALE or not move(prices, used, self._capacity, scale * max(0.0, target - value)):
                return False
            if step % 20 == 0 and watch(self.best):
                return True
        return False


@njit(cache=True)
def dual(
    server: Any, ready_ns: Any, busy_ns: Any, cost: Any, slope: Any, span_ns: float, capacity: Any, prices: Any,
    used: Any,
) -> float:  # fmt: skip
    """The dual's value at ``prices`` (S, J) a ns; sets ``used`` (S, J) to the ns that the cheapest choices would take.

    A piece executed in a span is charged from the span's begin on, or from when the task can be there, and lasts half
    of its task's execution longer on average.
    """
    used[:, :] = 0.0
    last = prices.shape[1] - 1
    value = 0.0
    for task in range(server.shape[0]):
        best, where, when = np.inf, 0, 0
        for way in range(server.shape[1]):
            s, busy = server[task, way], busy_ns[task, way]
            ready, least = ready_ns[task, way], cost[task, way] - slope[task, way] * busy / 2.0
            j = min(last, int(ready / span_ns))
            while j <= last:
                plain = least + slope[task, way] * (max(j * span_ns, ready) - ready)
                if plain >= best:
                    break
                dear = plain + prices[s, j] * busy
                if dear < best:
                    best, where, when = dear, way, j
                j += 1
        value += best
        used[server[task, where], when] += busy_ns[task, where]
    for s in range(prices.shape[0]):
        for j in range(last):
            value -= prices[s, j] * capacity[s]
    return value


@njit(cache=True)
def move(prices: Any, used: Any, capacity: Any, gap: float) -> bool:
    """Move ``prices`` by Polyak's step along the supergradient; False when no price wants to move."""
    norm = 0.0
    for s in range(prices.shape[0]):
        for j in range(prices.shape[1] - 1):
            excess = used[s, j] - capacity[s]
            if excess > 0.0 or prices[s, j] > 0.0:
                norm += excess * excess
    if norm == 0.0 or gap == 0.0:
        return False
    for s in range(prices.shape[0]):
        for j in range(prices.shape[1] - 1):
            prices[s, j] = max(0.0, prices[s, j] + gap / norm * (used[s, j] - capacity[s]))
    return True
