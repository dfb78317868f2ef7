"""Instants of many rows at once: numbers in any unit, and dates that are written plainly.

Plain is ``2023-11-16 18:15:46.68``, with nine decimals at most.
"""

import numpy as np
from numpy.typing import NDArray

from testbed.model.delay import NS_PER_S
from testbed.scenario import decimals
from testbed.scenario.decimals import Ints, Letters, Reals
from testbed.trace.job import LATEST_S

FIRST_YEAR, LAST_YEAR = 1700, 2200  # whose nanoseconds since 1970 are 64-bit numbers
_DAY, _SECONDS, _POINT = 10, 17, 19
_LETTERS = {4: "-", 7: "-", _DAY: " T", 13: ":", 16: ":", _POINT: "."}
_PLACES, NS_PER_US = 9, 1_000
_NEAR_LATEST_S = LATEST_S - 1.0  # beyond it whoever reads row by row decides


def dates_ns(letters: Letters, begin: Ints, end: Ints) -> Ints | None:
    """Nanoseconds from 1970 to the dates from ``begin`` to ``end``, which tell no zone; None if any is not plain."""
    length = end - begin
    if not len(begin):
        return begin
    if ((length != _POINT) & (length < _POINT + 2)).any():
        return None
    for step, allowed in _LETTERS.items():
        letter = letters[np.minimum(begin + step, end - 1)]
        good = np.isin(letter, np.frombuffer(allowed.encode(), np.uint8))
        if not (good | (length <= step)).all():
            return None
    parts = [_number(letters, begin + first, begin + last) for first, last in ((0, 4), (5, 7), (8, 10), (11, 13))]
    seconds = decimals.parsed(letters, begin + _SECONDS, end)
    numbers = [number for number in (*parts, _number(letters, begin + 14, begin + 16)) if number is not None]
    if seconds is None or len(numbers) <= len(parts) or (seconds.places > _PLACES).any():
        return None
    year, month, day, hour, minute = numbers
    whole_ns = seconds.digits * 10 ** (_PLACES - seconds.places)
    good = (year >= FIRST_YEAR) & (year <= LAST_YEAR) & (month >= 1) & (month <= 12)
    good &= (hour < 24) & (minute < 60) & (whole_ns >= 0) & (whole_ns < 60 * NS_PER_S)
    good &= letters[begin + _SECONDS] != decimals.MINUS
    if not good.all():
        return None
    months = ((year - 1970) * 12 + month - 1).astype("datetime64[M]")
    first, after = (some.astype("datetime64[D]").astype(np.int64) for some in (months, months + 1))
    days = first + day - 1
    if not ((day >= 1) & (days < after)).all():
        return None
    at_ns: Ints = ((days * 24 + hour) * 60 + minute) * 60 * NS_PER_S + whole_ns
    return at_ns


def _number(letters: Letters, begin: Ints, end: Ints) -> Ints | None:
    """Digits alone as numbers; None if there is anything else."""
    found = decimals.parsed(letters, begin, end)
    if found is None or found.places.any() or (letters[begin] == decimals.MINUS).any():
        return None
    return None if (letters[end - 1] == decimals.POINT).any() else found.digits


def in_ns(reals: Reals, wholes: Ints, is_whole: NDArray[np.bool_], size: float) -> Ints | None:
    """Instants in units of ``size`` ns, exactly those that are ``wholes``; None if any may be out of range."""
    seconds = reals * size / NS_PER_S
    if (abs(seconds) >= _NEAR_LATEST_S).any():
        return None
    at_ns: Ints = np.rint(seconds * NS_PER_S).astype(np.int64)
    return np.where(is_whole, wholes * int(size), at_ns) if size == int(size) else at_ns


def of_dates(letters: Letters, begin: Ints, end: Ints) -> Ints | None:
    """As `dates_ns`, to the microsecond; None also if any may be out of range."""
    at_ns = dates_ns(letters, begin, end)
    if at_ns is None or (abs(at_ns) >= _NEAR_LATEST_S * NS_PER_S).any():
        return None
    return at_ns // NS_PER_US * NS_PER_US
