"""A mergeable histogram of durations: logarithmic bins of 5 %, exact maximum."""

import math
from collections.abc import Iterable, Mapping

_RATIO = math.log(1.05)


class Histogram:
    """Counts of non-negative durations in ns; a quantile is right within 2.5 %."""

    def __init__(self) -> None:
        self.bins: dict[int, int] = {}
        self.count = 0
        self.maximum = 0

    def add(self, value_ns: int) -> None:
        """Count one duration."""
        index = int(math.log(value_ns) / _RATIO) if value_ns > 1 else 0
        self.bins[index] = self.bins.get(index, 0) + 1
        self.count += 1
        if value_ns > self.maximum:
            self.maximum = value_ns

    def quantile_ns(self, q: float) -> float:
        """The ``q`` quantile in ns, 0 when nothing was counted."""
        rank, seen = q * self.count, 0
        for index in sorted(self.bins):
            seen += self.bins[index]
            if seen >= rank:
                return min(float(self.maximum), math.exp((index + 0.5) * _RATIO)) if index else 0.0
        return float(self.maximum)

    def to_json(self) -> dict[str, object]:
        """A plain form that `merge` takes back."""
        return {"bins": {str(k): v for k, v in self.bins.items()}, "max": self.maximum}


def merge(plain: Iterable[Mapping[str, object]]) -> Histogram:
    """One histogram of several `Histogram.to_json` forms."""
    merged = Histogram()
    for one in plain:
        bins = one["bins"]
        assert isinstance(bins, dict)
        for key, count in bins.items():
            merged.bins[int(key)] = merged.bins.get(int(key), 0) + int(count)
            merged.count += int(count)
        merged.maximum = max(merged.maximum, int(str(one["max"])))
    return merged
