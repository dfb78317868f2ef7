"""Sums of floats that come in parts, rounded once at the end (pure): the same whatever the parts and their order."""

import numpy as np
from numpy.typing import NDArray

_MANTISSA_BITS, _LOW_BITS = 53, 26
_LEAST_EXPONENT = -1200  # below that of any float's last bit


class ExactSums:
    """A sum for each of ``count`` groups, exact until it is asked for, then rounded as `math.fsum` rounds it."""

    def __init__(self, count: int = 1) -> None:
        self._totals = [0] * count  # in units of 2 to the power of the least exponent
        self.terms = np.zeros(count, np.int64)

    def add(self, values: NDArray[np.float64], group: NDArray[np.integer] | None = None) -> None:
        """Add finite ``values`` (n,), fewer than 2^26, to the sums of their ``group`` (n,), or to the only one."""
        if not len(values):
            return
        count = len(self._totals)
        mantissa, exponent = np.frexp(values)
        whole = (mantissa * 2.0**_MANTISSA_BITS).astype(np.int64)
        least = int(exponent.min())
        width = int(exponent.max()) - least + 1
        place = (exponent - least).astype(np.int64)
        if group is not None:
            place += group.astype(np.int64) * width
        high = np.bincount(place, whole >> _LOW_BITS, count * width)
        low = np.bincount(place, whole & ((1 << _LOW_BITS) - 1), count * width)
        self.terms += len(values) if group is None else np.bincount(group, minlength=count)
        for at in np.flatnonzero((high != 0) | (low != 0)).tolist():
            part = (int(high[at]) << _LOW_BITS) + int(low[at])
            self._totals[at // width] += part << (least + at % width - _MANTISSA_BITS - _LEAST_EXPONENT)

    def sums(self) -> list[float]:
        """The sum of each group."""
        return [total / (1 << -_LEAST_EXPONENT) for total in self._totals]

    def total(self) -> float:
        """The sum of the only group."""
        return self.sums()[0]

    def means(self) -> list[float]:
        """The mean of each group; NaN of one without values."""
        pairs = zip(self.sums(), self.terms.tolist(), strict=True)
        return [total / count if count else float("nan") for total, count in pairs]

    def mean(self) -> float:
        """The mean of the only group."""
        return self.means()[0]
