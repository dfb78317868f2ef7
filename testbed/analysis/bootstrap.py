"""Bootstrap intervals of 95 % of what was drawn twice at random, as seeds of training and workloads are (pure).

Where only workloads are drawn, `testbed.analysis.intervals` gives Student's t, which needs no resampling. All draws are
made with one seed: the same numbers give the same interval.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from testbed.analysis.intervals import Estimate

RESAMPLES, BAND_RESAMPLES, _SEED = 4000, 2000, 0
BOUNDS = (2.5, 97.5)
Floats = NDArray[np.float64]


def ratio_of_means(a: ArrayLike, b: ArrayLike) -> Estimate:
    """mean(a)/mean(b) and its interval; both are (seeds, workloads) or (workloads,), paired by workload.

    Seeds of each and workloads (the same for both) are resampled with replacement.
    """
    above, below = (np.atleast_2d(np.asarray(values, float)) for values in (a, b))
    rng = np.random.default_rng(_SEED)
    ratios = np.empty(RESAMPLES)
    for n in range(RESAMPLES):
        workloads = rng.integers(0, above.shape[1], above.shape[1])
        means = [x[rng.integers(0, len(x), len(x))][:, workloads].mean() for x in (above, below)]
        ratios[n] = means[0] / means[1]
    low, high = np.percentile(ratios, BOUNDS)
    return Estimate(float(above.mean() / below.mean()), float(low), float(high))


def interquartile_mean(values: ArrayLike) -> Floats:
    """The mean of the middle half over the first axis (Agarwal et al., NeurIPS 2021)."""
    ranked = np.sort(np.asarray(values, float), axis=0)
    cut = len(ranked) // 4
    return np.asarray(ranked[cut : len(ranked) - cut].mean(axis=0))


def band(curves: ArrayLike) -> tuple[Floats, Floats, Floats]:
    """The interquartile mean of ``curves``, (seeds, points), and the bounds of its interval, (points,) each."""
    every, rng = np.asarray(curves, float), np.random.default_rng(_SEED)
    drawn = [interquartile_mean(every[rng.integers(0, len(every), len(every))]) for _ in range(BAND_RESAMPLES)]
    low, high = np.percentile(drawn, BOUNDS, axis=0)
    return interquartile_mean(every), low, high
