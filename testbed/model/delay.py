"""Durations as integer nanoseconds of emulated time, each rounded half up exactly once."""

import math

NS = 1_000_000_000
_FAST_HZ = 9_000_000_000


def duration_ns(cycles: int, hz: int) -> int:
    """Nanoseconds that ``cycles`` take at ``hz`` cycles/s: ``c/f`` rounded half up, exact in 64-bit integers.

    ``cycles`` below 2^53 and 1 <= ``hz`` < 2^53. Below 9 GHz one product of the remainder fits 64 bits; above it, long
    division goes three decimal digits at a time.
    """
    whole = cycles // hz
    rest = cycles % hz
    if hz < _FAST_HZ:
        return whole * NS + (rest * NS + hz // 2) // hz
    for _ in range(3):
        rest *= 1000
        whole = whole * 1000 + rest // hz
        rest = rest % hz
    if 2 * rest >= hz:
        whole += 1
    return whole


def transfer_ns(bits: int, bps: float) -> int:
    """Nanoseconds that ``bits`` take at ``bps`` bit/s, rounded half up; 0 when ``bps`` is infinite."""
    return int(math.floor(bits * 1e9 / bps + 0.5))


def uplink_rate(bandwidth_hz: float, power_w: float, gain: float, noise_w: float, cap: float) -> float:
    """Shannon's rate in bit/s, ``W·min(cap, log2(1 + p·g/σ²))``, spectral efficiency capped at ``cap`` bit/s/Hz."""
    return bandwidth_hz * min(cap, math.log2(1.0 + power_w * gain / noise_w))


def chain(free_ns: int, ready_ns: int) -> int:
    """Start of the next job of a first-come-first-served server that is free at ``free_ns``."""
    return free_ns if free_ns > ready_ns else ready_ns
