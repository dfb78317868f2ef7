"""Cells of many lines at once: where each begins and ends, or nothing where a line is written otherwise."""

import pytest

from testbed.trace import cells


def found(cells):
    assert cells is not None
    return cells


def texts(some):
    letters, begin, end = found(some)
    data = letters.tobytes()
    return [
        [data[b:e].decode() for b, e in zip(row_begin, row_end, strict=True)]
        for row_begin, row_end in zip(begin.T.tolist(), end.T.tolist(), strict=True)
    ]


@pytest.mark.parametrize("block", [b" 1  22 -3\n4 5\t6 \n", b"1 22 -3\n4 5 6", b"1 22 -3   \n   4 5 6\n"])
def test_words_apart_by_blanks(block):
    assert texts(cells.words(block, 3)) == [["1", "22", "-3"], ["4", "5", "6"]]


@pytest.mark.parametrize("block", [b"1 2 3\n4 5\n", b"1 2\n3 4 5 6\n", b"1 2 3\n\n4 5 6\n", b"; 1 2 3\n1 2 3\n", b"\n"])
def test_lines_of_other_numbers_of_words_are_not_taken(block):
    assert cells.words(block, 3) is None


def test_cells_apart_by_commas():
    assert texts(cells.separated(b"a,,c\n1,2,3", 3)) == [["a", "", "c"], ["1", "2", "3"]]
    assert cells.separated(b"a,b\n1,2,3,4\n", 3) is None
    assert cells.separated(b'a,"b,c"\n', 3) is None
    letters, begin, end = found(cells.separated(b"Failed,1\nTerminated,2\nTerm,3\n", 2))
    assert cells.are(letters, begin[0], end[0], b"Terminated").tolist() == [False, True, False]
