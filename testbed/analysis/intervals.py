"""Confidence intervals of 95 % and tests by Student's t (pure): of a mean, and of the ratio of two paired means.

They are for observations that differ by workload alone; for trainings too, see `testbed.analysis.bootstrap`.
"""

import math
from collections.abc import Sequence

import msgspec

from testbed.model.statistics import mean

TAIL = 0.975


class Estimate(msgspec.Struct, frozen=True):
    """A value with the bounds of its 95 % interval; NaN bounds where one observation tells no spread.

    ``p`` is the two-sided p-value of a ratio that is 1 in truth; NaN of anything else.
    """

    value: float
    low: float
    high: float
    p: float = math.nan


def t_quantile(freedom: int) -> float:
    """The 97.5 % quantile of Student's t."""
    from scipy.special import stdtrit

    return float(stdtrit(freedom, TAIL))


def of_mean(values: Sequence[float]) -> Estimate:
    """The mean of ``values`` and its interval."""
    middle = mean(values)
    if len(values) < 2:
        return Estimate(middle, math.nan, math.nan)
    half = t_quantile(len(values) - 1) * _standard_error(values, middle)
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
    if len(b) < 2:
        return Estimate(ratio, math.nan, math.nan)
    error = _standard_error([x - ratio * y for x, y in zip(a, b, strict=True)], 0.0) / abs(below)
    half = t_quantile(len(b) - 1) * error
    return Estimate(ratio, ratio - half, ratio + half, _p_value(ratio - 1.0, error, len(b) - 1))


def holm(p_values: Sequence[float]) -> list[float]:
    """The p-values of several tests, corrected by Holm's step-down method: together they err with the level of one.

    NaN belongs to no test: it stays, and is not counted.
    """
    order = sorted((i for i, p in enumerate(p_values) if not math.isnan(p)), key=lambda i: p_values[i])
    corrected, least = [math.nan] * len(p_values), 0.0
    for place, i in enumerate(order):
        least = max(least, min(1.0, (len(order) - place) * p_values[i]))
        corrected[i] = least
    return corrected


def _p_value(off: float, error: float, freedom: int) -> float:
    """Two-sided: how probable an estimate this far ``off`` is by chance, its standard ``error`` being estimated too."""
    from scipy.special import stdtr

    if error == 0.0:
        return 1.0 if off == 0.0 else 0.0
    return 2.0 * float(stdtr(freedom, -abs(off) / error))


def _standard_error(values: Sequence[float], middle: float) -> float:
    """Of the mean of at least two ``values`` around ``middle``."""
    variance = math.fsum((value - middle) ** 2 for value in values) / (len(values) - 1)
    return math.sqrt(variance / len(values))
