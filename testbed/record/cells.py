"""Rows as SQLite keeps them on the leaf pages of a table (compiled), after sqlite.org/fileformat2.html.

A leaf page has a header of 8 bytes, then the place of each cell in the order of row numbers; cells fill it from its
end. A cell is the length of its record, the row's number, and the record: a header that tells the length and kind of
each value, then the values, all big-endian.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import njit

from testbed.twin.entry import entry

_OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy"}
INTEGER, REAL_CELL, TEXT = 0, 1, 2
LEAF, LEAF_HEADER, POINTER = 13, 8, 2
ZERO, ONE, FLOAT, FIRST_TEXT = 8, 9, 7, 13


class Texts(NamedTuple):
    """Texts one after another: text ``i`` begins at byte ``start[i]`` and has ``length[i]``."""

    data: Any
    start: Any
    length: Any


class Page(NamedTuple):
    """A page that is being filled: its bytes, and in ``state`` how many cells it has and where the last one begins."""

    data: Any
    state: Any


@njit(**_OPTIONS)
def _varint_length(value: int) -> int:
    length = 1
    while value >= 128:
        value >>= 7
        length += 1
    return length


@njit(**_OPTIONS)
def _put_varint(data: Any, at: int, value: int) -> int:
    """Write ``value``, seven bits a byte, the highest first; returns the place after it."""
    length = _varint_length(value)
    for i in range(length):
        bits = (value >> (7 * (length - 1 - i))) & 127
        data[at + i] = bits | 128 if i < length - 1 else bits
    return at + length


@njit(**_OPTIONS)
def _put(data: Any, at: int, value: int, length: int) -> int:
    """Write the lowest bytes of ``value``, the highest of them first; returns the place after them."""
    for i in range(length):
        data[at + i] = (value >> (8 * (length - 1 - i))) & 255
    return at + length


@njit(**_OPTIONS)
def _integer(value: int) -> int:
    """The kind of a whole number's value: as few bytes as hold it, none for 0 and 1."""
    if value == 0:
        return ZERO
    if value == 1:
        return ONE
    size = value if value >= 0 else ~value
    if size < 1 << 7:
        return 1
    if size < 1 << 15:
        return 2
    if size < 1 << 23:
        return 3
    if size < 1 << 31:
        return 4
    return 5 if size < 1 << 47 else 6


@njit(**_OPTIONS)
def _length(kind: int) -> int:
    """The bytes of a value of ``kind``."""
    if kind >= FIRST_TEXT:
        return (kind - FIRST_TEXT) // 2
    if kind >= ZERO:
        return 0
    if kind <= 4:
        return kind
    return 6 if kind == 5 else 8


@njit(**_OPTIONS)
def _kinds(row: Any, types: Any, texts: Texts, kinds: Any) -> int:
    """Set ``kinds`` to those of the row's values; returns the length of its record."""
    header, body = 0, 0
    for c in range(len(row)):
        value = row[c]
        if types[c] == TEXT:
            kind = FIRST_TEXT + 2 * texts.length[value]
        elif types[c] == REAL_CELL:
            kind = ZERO if value == 0 else FLOAT
        else:
            kind = _integer(value)
        kinds[c] = kind
        header += _varint_length(kind)
        body += _length(kind)
    header += 1 if header < 127 else 2
    return (header << 32) | (header + body)


@njit(**_OPTIONS)
def _put_record(data: Any, at: int, row: Any, types: Any, texts: Texts, kinds: Any, header: int) -> None:
    at = _put_varint(data, at, header)
    for c in range(len(row)):
        at = _put_varint(data, at, kinds[c])
    for c in range(len(row)):
        length = _length(kinds[c])
        if types[c] == TEXT:
            start = texts.start[row[c]]
            for i in range(length):
                data[at + i] = texts.data[start + i]
            at += length
        else:
            at = _put(data, at, row[c], length)


@njit(**_OPTIONS)
def close_page(page: Page) -> None:
    """Write the header of a page that is full."""
    page.data[0] = LEAF
    _put(page.data, 1, 0, 2)
    _put(page.data, 3, page.state[0], 2)
    _put(page.data, 5, page.state[1] & 65535, 2)
    page.data[7] = 0


@entry("the record's pages", **_OPTIONS)
def fill(rows: Any, types: Any, texts: Texts, first: int, page: Page, full: Any, last: Any) -> int:
    """Put ``rows`` (n, C), numbered from ``first`` on, onto ``page`` and, when it is full, further ones.

    Values are 64-bit integers, the bits of reals, or places in ``texts``, as ``types`` (C,) tell. Pages that are full
    go to ``full`` (P, bytes), the number of the last row on each to ``last`` (P,); returns how many do.
    """
    done, size = 0, len(page.data)
    kinds = np.zeros(rows.shape[1], np.int64)
    for i in range(rows.shape[0]):
        row, number = rows[i], first + i
        lengths = _kinds(row, types, texts, kinds)
        header, length = lengths >> 32, lengths & 0xFFFFFFFF
        cell = _varint_length(length) + _varint_length(number) + length
        if LEAF_HEADER + POINTER * (page.state[0] + 1) + cell > page.state[1]:
            close_page(page)
            full[done] = page.data
            last[done] = number - 1
            done += 1
            page.data[:] = 0
            page.state[0], page.state[1] = 0, size
        at = page.state[1] - cell
        _put(page.data, LEAF_HEADER + POINTER * page.state[0], at, 2)
        page.state[0] += 1
        page.state[1] = at
        at = _put_varint(page.data, at, length)
        at = _put_varint(page.data, at, number)
        _put_record(page.data, at, row, types, texts, kinds, header)
    return done


@entry("the record's last pages", **_OPTIONS)
def finish(page: Page) -> int:
    """Write the header of a page that gets no more rows."""
    close_page(page)
    return page.state[0]
