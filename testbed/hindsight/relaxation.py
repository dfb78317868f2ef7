"""A true lower bound of the mean overhead that any decisions can reach on a workload.

The proof is in docs/explanation/lower-bound.md.

Every task may be executed on the UE's own CPU or at any edge server that it could get to, at any time after it can be
there; no server ever does more than it can. That relaxes every rule of the model, and its cost counts no task dearer
than the model does. Of that problem the Lagrangian dual is climbed: a price for every server and span of time, each
vector of prices giving a valid bound, the best of which is returned.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numba import njit

from testbed.hindsight.placements import Placements, placements
from testbed.model.system import System
from testbed.model.task import Task
from testbed.twin.entry import entry

SPANS_PER_SLOT = (4, 16, 64)
_STEPS, LEAST_STEPS, _MOST_TASKS = 1500, 100, 1_500_000
_PATIENCE, LEAST_SCALE = 100, 1e-3
_DRAIN = 0.25
CELLS = 4_000_000
FLOAT_ERROR = 1e-9
Watch = Callable[[float, float], bool]


def lower_bound(
    system: System, tasks: Sequence[Task], *, second_offload: bool, target: float, watch: Watch, steps: int = _STEPS
) -> float:
    """The best lower bound of the mean overhead found in ``steps`` (fewer for very many tasks) for each length of span.

    Lengths go from long ones to short, prices handed down.
    ``target``, a mean overhead that was reached, sets the steps' size; ``watch`` hears the bound as it rises and the
    share of the steps done, and may end the climb by returning True. Raises `ScenarioError` for what has no bound.
    """
    data = placements(system, tasks, second_offload=second_offload)
    steps = min(steps, max(LEAST_STEPS, _MOST_TASKS // len(tasks)))
    slots = system.slots + max(8, int(_DRAIN * system.slots))
    best, prices = -np.inf, np.zeros((len(data.cores), 1))
    for level, per_slot in enumerate(SPANS_PER_SLOT):
        span = max(1, system.slot_ns // per_slot)
        count = slots * system.slot_ns // span + 1
        if count * len(data.cores) > CELLS and level > 0:
            break
        prices = np.repeat(prices, -(-count // prices.shape[1]), axis=1)[:, :count]
        climb = Climb(data, span, prices)
        ended = climb.run(target * len(tasks), steps, _told(watch, best, level, len(tasks)))
        best, prices = max(best, climb.best), climb.prices
        if ended or span == 1:
            break
    return float(best - FLOAT_ERROR * abs(best)) / len(tasks)


def _told(watch: Watch, best: float, level: int, tasks: int) -> Watch:
    """``watch``, hearing means of the best of all levels."""

    def tell(bound: float, share: float) -> bool:
        return watch(max(best, bound) / tasks, (level + share) / len(SPANS_PER_SLOT))

    return tell


class Climb:
    """Ascent of the dual from ``prices`` (S, J) for J spans of ``span_ns``, the last of which never ends.

    ``best`` bounds the sum of overheads, at ``prices``.
    """

    def __init__(self, data: Placements, span_ns: int, prices: Any) -> None:
        self._data = (data.server, data.ready_ns, data.busy_ns, data.cost, data.slope)
        self._span = float(span_ns)
        self._capacity = data.cores * float(span_ns)
        self.prices = np.ascontiguousarray(prices)
        self.prices[:, -1] = 0.0
        self.best = -np.inf

    def run(self, target: float, steps: int, watch: Watch) -> bool:
        """Polyak's steps towards ``target``; returns whether ``watch`` ended them."""
        prices, sums, used = self.prices.copy(), np.zeros_like(self.prices), np.zeros_like(self.prices)
        scale, stale = 1.0, 0
        for step in range(steps):
            value = dual(*self._data, self._span, self._capacity, prices, sums, used)
            stale += 1
            if value > self.best:
                self.best, stale = value, 0
                self.prices[:] = prices
            elif stale >= _PATIENCE:
                scale, stale = scale / 2.0, 0
                prices[:] = self.prices
                value = dual(*self._data, self._span, self._capacity, prices, sums, used)
            if scale < LEAST_SCALE or not move(prices, used, self._capacity, scale * max(0.0, target - value)):
                return False
            if step % 20 == 0 and watch(self.best, step / steps):
                return True
        return False


@njit
def charge(sums: Any, prices: Any, s: int, span_ns: float, at_ns: float) -> float:
    """What server ``s`` would charge from 0 to ``at_ns``: the integral of its prices, which ``sums`` (S, J) begins."""
    last = prices.shape[1] - 1
    j = min(last, int(at_ns / span_ns))
    return sums[s, j] + prices[s, j] * (at_ns - j * span_ns)


@njit
def cheapest(
    sums: Any,
    prices: Any,
    s: int,
    span_ns: float,
    ready_ns: float,
    busy_ns: float,
    cost: float,
    slope: float,
    limit: float,
) -> Any:
    """(least cost with charges, start) of an execution of ``busy_ns`` from ``ready_ns`` on, if it is below ``limit``.

    Cost and charge are linear between the starts at which the execution begins or ends with a span, so these are tried.
    """
    last = prices.shape[1] - 1
    until = charge(sums, prices, s, span_ns, ready_ns + busy_ns)
    best, start = cost + until - charge(sums, prices, s, span_ns, ready_ns), ready_ns
    for shift in (0.0, busy_ns):
        for j in range(int((ready_ns + shift) / span_ns) + 1, last + 1):
            at = j * span_ns - shift
            plain = cost + slope * (at - ready_ns)
            if plain >= min(best, limit):
                break
            if shift == 0.0:
                dear = plain + charge(sums, prices, s, span_ns, at + busy_ns) - sums[s, j]
            else:
                dear = plain + sums[s, j] - charge(sums, prices, s, span_ns, at)
            if dear < best:
                best, start = dear, at
    return best, start


@njit
def occupy(used: Any, s: int, span_ns: float, start_ns: float, busy_ns: float) -> None:
    """Add an execution to what is ``used`` (S, J) of server ``s``."""
    last, end = used.shape[1] - 1, start_ns + busy_ns
    j = min(last, int(start_ns / span_ns))
    while j < last and j * span_ns < end:
        used[s, j] += min(end, (j + 1) * span_ns) - max(start_ns, j * span_ns)
        j += 1


@entry("the lower bound")
def dual(
    server: Any,
    ready_ns: Any,
    busy_ns: Any,
    cost: Any,
    slope: Any,
    span_ns: float,
    capacity: Any,
    prices: Any,
    sums: Any,
    used: Any,
) -> float:
    """The dual's value at ``prices`` (S, J) a ns; sets ``used`` (S, J) to the ns that the cheapest choices would take.

    Every task goes, alone, where and when it is cheapest with what servers charge; what they could earn is taken off.
    ``sums`` (S, J) is room to work in.
    """
    used[:, :] = 0.0
    last = prices.shape[1] - 1
    value = 0.0
    for s in range(prices.shape[0]):
        sums[s, 0] = 0.0
        for j in range(last):
            sums[s, j + 1] = sums[s, j] + prices[s, j] * span_ns
            value -= prices[s, j] * capacity[s]
    for task in range(server.shape[0]):
        best, where, when = np.inf, 0, 0.0
        for way in range(server.shape[1]):
            if cost[task, way] >= best:
                continue
            total, start = cheapest(
                sums,
                prices,
                s=server[task, way],
                span_ns=span_ns,
                ready_ns=ready_ns[task, way],
                busy_ns=busy_ns[task, way],
                cost=cost[task, way],
                slope=slope[task, way],
                limit=best,
            )
            if total < best:
                best, where, when = total, way, start
        value += best
        occupy(used, server[task, where], span_ns, when, busy_ns[task, where])
    return value


@entry("the bound's prices")
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
