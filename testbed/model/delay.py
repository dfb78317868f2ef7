"""Durations as integer nanoseconds of emulated time, each rounded half up exactly once."""

import math

NS_PER_S, NS_PER_MS = 1_000_000_000, 1_000_000
S_PER_NS, MS_PER_NS = 1e-9, 1e-6
NEVER = 2**62  # an instant that does not come
FOREVER_NS = 2**60  # 36 years, which neither a duration nor an instant exceeds: sums of a few stay below 2^63
LONGEST_NS = 10 * 366 * 86_400 * NS_PER_S  # of what a scenario may ask for: ten years


def duration_ns(cycles: int, hz: int) -> int:
    """Nanoseconds that ``cycles`` take at ``hz`` cycles/s: ``c/f`` rounded half up, exactly; at most `FOREVER_NS`.

    ``cycles`` below 2^53 and 1 <= ``hz`` < 2^53.
    """
    return nearest_ns(cycles, hz, 1e9 / hz)


def nearest_ns(cycles: int, hz: int, ns_per_cycle: float) -> int:
    """`duration_ns` for who knows ``ns_per_cycle`` = 1e9/``hz`` beforehand, a division less.

    A float is nearly right; what it lacks is an exact integer, also where 64-bit products wrap around.
    """
    near = cycles * ns_per_cycle
    if near >= FOREVER_NS:
        return FOREVER_NS
    ns = int(near + 0.5)
    off = 2 * (cycles * NS_PER_S - ns * hz)
    if -hz <= off < hz:
        return ns
    return ns + (off + hz) // (2 * hz)


def after_ns(at_ns: int, length_ns: int) -> int:
    """The instant ``length_ns`` after ``at_ns``; no later than `FOREVER_NS`, nor earlier than ``at_ns``."""
    end = at_ns + length_ns
    if end > FOREVER_NS:
        end = FOREVER_NS
    return end if end > at_ns else at_ns


def spread(work_ns: int, cores: int) -> int:
    """Work divided evenly over ``cores``, rounded down."""
    return work_ns // cores if cores > 1 else work_ns


def transfer_ns(bits: float, bps: float) -> int:
    """Nanoseconds that ``bits`` take at ``bps`` bit/s, rounded half up; 0 when ``bps`` is infinite.

    At most `FOREVER_NS`.
    """
    return whole_ns(bits * 1e9 / bps)


def whole_ns(ns: float) -> int:
    """A duration of 0 or more, rounded half up to whole nanoseconds; at most `FOREVER_NS`."""
    return int(math.floor(min(ns, float(FOREVER_NS)) + 0.5))


def channel_gain(distance_m: float, path_loss_exponent: float, shadow_db: float) -> float:
    """What part of the power arrives: g = distance^(-α) · 10^(X/10), X being the shadow attenuation in dB."""
    gain: float = distance_m**-path_loss_exponent
    return gain * 10.0 ** (shadow_db / 10.0) if shadow_db != 0.0 else gain


def uplink_rate(bandwidth_hz: float, power_w: float, gain: float, noise_w: float, cap: float) -> float:
    """Shannon's rate in bit/s, ``W·min(cap, log2(1 + p·g/σ²))``, spectral efficiency capped at ``cap`` bit/s/Hz."""
    return bandwidth_hz * min(cap, math.log2(1.0 + power_w * gain / noise_w))


def chain(free_ns: int, ready_ns: int) -> int:
    """Start of the next job of a first-come-first-served server that is free at ``free_ns``."""
    return free_ns if free_ns > ready_ns else ready_ns
