"""Keyed randomness: every draw is a pure function of (seed, stream, a, b, field), never of how many came before.

The mixer is the finaliser of splitmix64 (Steele, Lea and Flood, OOPSLA 2014). All values are unsigned 64-bit; the
functions compile unchanged with numba when they are given ``uint64`` arguments.
"""

import math

GOLDEN = 0x9E3779B97F4A7C15
MULTIPLIER_1 = 0xBF58476D1CE4E5B9
MULTIPLIER_2 = 0x94D049BB133111EB
MASK = 0xFFFFFFFFFFFFFFFF
UNIT = 2.0**-53

HARDWARE, ARRIVALS, VALUES, LINK, POLICY, FAULTS, EXPLORATION, LEARNING, NETWORK = 1, 2, 3, 4, 5, 6, 7, 8, 9
FIELD_BITS, FIELD_CYCLES, FIELD_DEADLINE, FIELD_CLASS = 0, 1, 2, 3
FIELD_ACTION, FIELD_EPSILON, FIELD_COIN = 2, 3, 4
FIELD_JITTER, FIELD_JITTER_2, FIELD_FADING, FIELD_LOSS, FIELD_LOSS_BACK = 0, 1, 2, 16, 2048


def mix(x: int) -> int:
    """splitmix64's finaliser of ``x`` plus the golden increment: 64 bits in, 64 bits out."""
    z = (x + GOLDEN) & MASK
    z = ((z ^ (z >> 30)) * MULTIPLIER_1) & MASK
    z = ((z ^ (z >> 27)) * MULTIPLIER_2) & MASK
    return z ^ (z >> 31)


def hash_key(seed: int, stream: int, a: int, b: int, field: int) -> int:
    """The 64-bit hash of one draw's key; every part is a non-negative integer."""
    return mix(subject_hash(seed, stream, a, b) ^ field)


def subject_hash(seed: int, stream: int, a: int, b: int) -> int:
    """What all fields of one subject have in common: the hash of a key without its field."""
    h = mix(seed)
    h = mix(h ^ stream)
    h = mix(h ^ a)
    return mix(h ^ b)


def subjects_hash(seed: int, stream: int, a: int) -> int:
    """What all subjects of ``a`` have in common: ``mix(subjects_hash(…) ^ b)`` is `subject_hash`."""
    return mix(mix(mix(seed) ^ stream) ^ a)


def unit(h: int) -> float:
    """The draw in [0, 1) that a hash stands for: its upper 53 bits."""
    return (h >> 11) * UNIT


def uniform(seed: int, stream: int, a: int, b: int, field: int) -> float:
    """A uniform draw in [0, 1) with 53 random bits."""
    return unit(hash_key(seed, stream, a, b, field))


def exponential(u: float) -> float:
    """The unit-mean exponential quantile of ``u`` in [0, 1)."""
    return -math.log(1.0 - u)


def normal(u1: float, u2: float) -> float:
    """A standard normal from two uniforms in [0, 1) (Box and Muller, 1958)."""
    return math.sqrt(-2.0 * math.log(1.0 - u1)) * math.cos(2.0 * math.pi * u2)
