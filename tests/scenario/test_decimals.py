"""Columns of decimals: the same numbers as the language's own conversion finds in each cell, or none at all."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from testbed.scenario import decimals

PLAIN = st.from_regex(r"\A-?([0-9]{1,9}|[0-9]{1,7}\.[0-9]{1,6}|\.[0-9]{1,9}|[0-9]{1,9}\.)\Z")
ODD = ("", "-", ".", "1.2.3", "1e5", "+1", "nan", "--1", "1-", "12a", "1234567890123456", " 1")


def parsed(cells):
    text = ",".join(cells).encode() + b","
    letters = np.frombuffer(text, np.uint8)
    end = np.flatnonzero(letters == ord(","))
    begin = np.concatenate([[0], end[:-1] + 1]) if len(end) else end
    return decimals.parsed(letters, begin, end)


@given(st.lists(PLAIN, min_size=1, max_size=20))
def test_plain_numbers_are_what_float_makes_of_them(cells):
    assert parsed(cells).reals().tolist() == [float(cell) for cell in cells]


def test_one_cell_that_is_not_plain_spoils_the_column():
    for odd in ODD:
        assert parsed([odd]) is None, odd
        assert parsed(["1", odd, "23.5"]) is None, odd
    assert parsed(["1", "23.5"]) is not None


@given(st.lists(st.integers(0, 10**18), min_size=1, max_size=20))
def test_numbers_are_written_without_zeros_before_them(values):
    column = np.array(values, np.int64)
    rows = decimals.written(column, decimals.room_of(column))
    assert [bytes(row[row != 0]).decode() for row in rows] == [str(value) for value in values]
    filled = decimals.written(column, 19, filled=True)
    assert [bytes(row).decode() for row in filled] == [f"{value:019d}" for value in values]
