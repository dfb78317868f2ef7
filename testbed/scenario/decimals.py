"""Columns of decimal numbers out of text and into it (pure): many cells at once, where all are written plainly.

Plain is a sign or none, digits, a point at most; up to 15 digits, which a float holds exactly, so that one division
rounds as the language's own conversion does. Whoever finds other text than that reads it cell by cell.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Reals = NDArray[np.float64]
Letters = NDArray[np.uint8]
PLAIN_DIGITS = 15
MINUS, POINT, DIGIT_ZERO = ord("-"), ord("."), ord("0")
_POWERS: Ints = 10 ** np.arange(19, dtype=np.int64)


class Decimals(NamedTuple):
    """Numbers as ``digits``, whole numbers with the sign, over 10 to the power of ``places``."""

    digits: Ints
    places: Ints

    def reals(self) -> Reals:
        """The nearest floats, as `float` makes them of the text."""
        return self.digits / _POWERS[self.places]


def parsed(letters: Letters, begin: Ints, end: Ints, most: int = PLAIN_DIGITS) -> Decimals | None:
    """The numbers in ``letters`` from ``begin`` to ``end``, places of each cell; None if any is not written plainly.

    ``most``: how many digits are plain where no float is made of them, up to 19; beyond 64 bits the sign is wrong.
    """
    count = len(begin)
    value, places = np.zeros(count, np.int64), np.zeros(count, np.int64)
    if not count:
        return Decimals(value, places)
    negative = letters[np.minimum(begin, len(letters) - 1)] == MINUS
    at = begin + negative
    length = end - at
    longest, shortest = int(length.max()), int(length.min())
    if longest > most + 1 or shortest < 1:
        return None
    point = np.full(count, -1)
    for step in range(longest):
        place = at + step
        if step < shortest:
            letter = letters[place]
        else:
            inside = place < end
            letter = np.where(inside, letters[np.minimum(place, len(letters) - 1)], 0)
        digit = letter - np.uint8(DIGIT_ZERO)  # other letters become large ones
        is_digit = digit < 10
        if is_digit.all():
            value *= 10
            value += digit
            continue
        here = letter == POINT
        value = np.where(is_digit, value * 10 + digit, value)
        odd = ~(is_digit | here)
        if step >= shortest:
            odd &= inside
        if odd.any() or (here & (point >= 0)).any():
            return None
        point[here] = step
    pointed = point >= 0
    if pointed.any():
        places = np.where(pointed, length - point - 1, 0)
        if (length[pointed] < 2).any():
            return None
    if (length - pointed > most).any():
        return None
    return Decimals(np.where(negative, -value, value) if negative.any() else value, places)


def written(value: Ints, room: int, *, filled: bool = False) -> Letters:
    """``value`` (n,), none below 0, as digits (n, ``room``), to the right; before them letters 0, or digits 0 if
    ``filled``."""
    found = np.empty((room, len(value)), np.uint8)
    rest = value.astype(np.int64)
    for place in range(room - 1, -1, -1):
        above = rest // 10
        found[place] = rest - above * 10 + DIGIT_ZERO
        if not filled and place < room - 1:
            found[place][rest == 0] = 0
        rest = above
    return found.T


def room_of(value: Ints) -> int:
    """How many digits the largest ``value`` has."""
    return len(str(int(value.max(initial=0))))
