"""Where hand-made curves cross."""

import math

import pytest

from testbed.analysis.crossover import crossing


@pytest.mark.parametrize(
    ("gain", "where"),
    [
        ((-1.0, 1.0, 2.0), 0.45),
        ((-1.0, 1.0, -0.5, 0.5), 0.75 + 0.075),
        ((1.0, 2.0, 3.0), -math.inf),
        ((1.0, 2.0, -3.0), math.inf),
        ((-1.0, 0.0, 3.0), 0.6),
        ((), math.inf),
    ],
)
def test_the_last_crossing_from_below_counts(gain, where):
    x = (0.3, 0.6, 0.9) if len(gain) < 4 else (0.3, 0.6, 0.75, 0.9)
    assert crossing(x[: len(gain)], gain) == pytest.approx(where)
