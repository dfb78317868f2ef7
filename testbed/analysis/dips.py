"""Dips of a learning curve, and whether they come when something else changes (pure).

A dip is a run of points whose value is more than `DEPTH` robust standard deviations below the median of the `BEFORE`
points before it. It has recovered when one of the `BEFORE` points after it reaches that median again.
"""

import math
from collections.abc import Sequence
from statistics import median

import msgspec

BEFORE, DEPTH, ROBUST = 20, 2.0, 1.4826


class Dip(msgspec.Struct, frozen=True):
    """Points ``begin`` to ``end``, the latter excluded; ``recovered`` or not."""

    begin: int
    end: int
    recovered: bool


class Coincidence(msgspec.Struct, frozen=True):
    """By how much another series changes at dips against elsewhere (``ratio`` of mean absolute changes), and how
    probable that is by chance (``p``); NaN of both without dips."""

    ratio: float
    p: float


def dips(values: Sequence[float]) -> list[Dip]:
    """The dips of a curve, in order."""
    low = [_is_low(values, n) for n in range(len(values))]
    spans, begin = [], 0
    while begin < len(values):
        if not low[begin]:
            begin += 1
            continue
        end = begin
        while end < len(values) and low[end]:
            end += 1
        level = median(values[begin - BEFORE : begin])
        spans.append(Dip(begin, end, any(value >= level for value in values[end : end + BEFORE])))
        begin = end
    return spans


def _is_low(values: Sequence[float], n: int) -> bool:
    if n < BEFORE:
        return False
    before = values[n - BEFORE : n]
    level = median(before)
    spread = ROBUST * median(abs(value - level) for value in before)
    return values[n] < level - DEPTH * spread and spread > 0.0


def coincidence(spans: Sequence[Dip], other: Sequence[float]) -> Coincidence:
    """Whether ``other`` changes more at the dips than elsewhere.

    A change is the distance of a point from the median of the `BEFORE` points before it. The test permutes by shifting
    one series against the other in a circle, by every distance there is, which leaves each one's own rhythm as it was:
    ``p`` is the share of shifts, no shift among them, under which changes at dips are at least as large.
    """
    change = [abs(other[n] - median(other[n - BEFORE : n])) for n in range(BEFORE, len(other))]
    points = [n - BEFORE for dip in spans for n in range(dip.begin, dip.end) if n >= BEFORE]
    total = sum(change)
    if not points or len(points) == len(change) or total == 0.0:
        return Coincidence(float("nan"), float("nan"))
    sums = [sum(change[(n + shift) % len(change)] for n in points) for shift in range(len(change))]
    elsewhere = (total - sums[0]) / (len(change) - len(points))
    ratio = sums[0] / len(points) / elsewhere if elsewhere > 0.0 else float("inf")
    return Coincidence(ratio, sum(one >= sums[0] - 1e-12 * total for one in sums) / len(sums))


def fisher(p_values: Sequence[float]) -> float:
    """The p-value of several independent tests of one hypothesis together (Fisher's method); NaN of none."""
    known = [max(p, 1e-300) for p in p_values if p == p]
    if not known:
        return math.nan
    half = -sum(math.log(p) for p in known)
    terms = [
        math.exp(-half + n * math.log(half) - math.lgamma(n + 1)) if half > 0.0 else 0.0 for n in range(len(known))
    ]
    return min(1.0, sum(terms)) if half > 0.0 else 1.0
