"""What theory says of links and queues, computed on its own: none of the testbed's equations are used (pure)."""

import math
from collections.abc import Callable, Sequence


def transfer_s(size_bits: float, rate_bps: float, latency_s: float) -> float:
    """Arrival of the last bit: latency plus size over rate."""
    return latency_s + size_bits / rate_bps


def processor_sharing(ready_s: Sequence[float], work_s: Sequence[float]) -> list[float]:
    """Departures of jobs that share one server equally; ``work_s`` is what each needs alone."""
    left = dict(enumerate(work_s))
    order = sorted(left, key=lambda job: ready_s[job])
    departures, now, active, coming = [0.0] * len(left), 0.0, set[int](), 0
    while coming < len(order) or active:
        arrival = ready_s[order[coming]] if coming < len(order) else math.inf
        shortest = min((left[job] for job in active), default=math.inf)
        departure = now + shortest * len(active) if active else math.inf
        until = min(arrival, departure)
        for job in active:
            left[job] -= (until - now) / len(active)
        now = until
        if arrival <= departure:
            active.add(order[coming])
            coming += 1
        else:
            gone = min(active, key=lambda job: left[job])
            active.remove(gone)
            departures[gone] = now
    return departures


def traced_s(
    start_s: float, size_bits: float, edges_s: Sequence[float], bps: Sequence[float], period_s: float
) -> float:
    """When the integral of a periodic, piecewise constant rate from ``start_s`` on reaches ``size_bits``."""
    ends = [*edges_s[1:], period_s]
    round_, at = divmod(start_s, period_s)
    left = size_bits
    while True:
        for end, rate in zip(ends, bps, strict=True):
            if end <= at:
                continue
            if rate > 0 and left <= rate * (end - at):
                return round_ * period_s + at + left / rate
            left -= rate * (end - at)
            at = end
        round_, at = round_ + 1, 0.0


def wait_md1_s(utilisation: float, service_s: float) -> float:
    """Mean wait of M/D/1 (Pollaczek and Khinchine): ρs/(2(1−ρ))."""
    return utilisation * service_s / (2.0 * (1.0 - utilisation))


def wait_mm1_s(utilisation: float, service_s: float) -> float:
    """Mean wait of M/M/1: ρs/(1−ρ)."""
    return utilisation * service_s / (1.0 - utilisation)


def lindley_s(arrivals_s: Sequence[float], services_s: Sequence[float]) -> list[float]:
    """Waits of a single server, first come first served, by Lindley's recursion (1952)."""
    free, waits = 0.0, []
    for arrival, service in zip(arrivals_s, services_s, strict=True):
        waits.append(max(0.0, free - arrival))
        free = max(free, arrival) + service
    return waits


def ks_distance(samples: Sequence[float], distribution: Callable[[float], float]) -> float:
    """Kolmogorov and Smirnov's distance between samples and a distribution function.

    As scipy computes it, which an installation that only verifies does not have.
    """
    ordered, n = sorted(samples), len(samples)
    gaps = ((distribution(x) - i / n, (i + 1) / n - distribution(x)) for i, x in enumerate(ordered))
    return max(max(pair) for pair in gaps)


def ks_limit(n: int, level: float = 0.001) -> float:
    """The distance that ``n`` samples of the distribution itself exceed with probability ``level`` (asymptotic)."""
    return math.sqrt(-math.log(level / 2.0) / (2.0 * n))
