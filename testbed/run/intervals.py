"""Confidence intervals of 95 % by Student's t (pure): of a mean, and of the ratio of two paired means."""

import math
from collections.abc import Sequence

import msgspec

from testbed.model.statistics import mean

# 97.5 % quantiles of Student's t for 1 to 20 degrees of freedom
_QUANTILES = (
    12.706205, 4.302653, 3.182446, 2.776445, 2.570582, 2.446912, 2.364624, 2.306004, 2.262157, 2.228139,
    2.200985, 2.178813, 2.160369, 2.144787, 2.131450, 2.119905, 2.109816, 2.100922, 2.093024, 2.085963,
)  # fmt: skip
_NORMAL = 1.959963985


class Estimate(msgspec.Struct, frozen=True):
    """A value with the bounds of its 95 % interval; NaN bounds where one observation tells no spread."""

    value: float
    low: float
    high: float


def t_quantile(freedom: int) -> float:
    """The 97.5 % quantile of Student's t; beyond 20 degrees of freedom by Abramowitz and Stegun's 26.7.5."""
    if freedom <= len(_QUANTILES):
        return _QUANTILES[freedom - 1]
    z = _NORMAL
    first = (z**3 + z) / 4.0
    second = (5.0 * z**5 + 16.0 * z**3 + 3.0 * z) / 96.0
    third = (3.0 * z**7 + 19.0 * z**5 + 17.0 * z**3 - 15.0 * z) / 384.0
    return z + first / freedom + second / freedom**2 + third / freedom**3


def of_mean(values: Sequence[float]) -> Estimate:
    """The mean of ``values`` and its interval."""
    middle = mean(values)
    half = _half_width(values, middle)
    return Estimate(middle, middle - half, middle + half)


def of_ratio(a: Sequence[float], b: Sequence[float]) -> Estimate:
    """``mean(a)/mean(b)`` of paired observations, its interval from the residuals ``a − ratio·b`` (ratio estimator).

    NaN where ``mean(b)`` is 0 or there is nothing to compare.
    """
    below = mean(b)
    if len(a) != len(b):
        raise ValueError(f"{len(a)} and {len(b)} observations are no pairs")
    if not b or below == 0.0:
        return Estimate(math.nan, math.nan, math.nan)
    ratio = mean(a) / below
    residuals = [x - ratio * y for x, y in zip(a, b, strict=True)]
    half = _half_width(residuals, 0.0) / abs(below)
    return Estimate(ratio, ratio - half, ratio + half)


def _half_width(values: Sequence[float], middle: float) -> float:
    n = len(values)
    if n < 2:
        return math.nan
    variance = math.fsum((value - middle) ** 2 for value in values) / (n - 1)
    return t_quantile(n - 1) * math.sqrt(variance / n)
