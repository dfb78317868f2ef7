"""The leaf pages of a table of the record, filled row after row from columns."""

from array import array
from collections.abc import Callable, Iterator, Sequence
from typing import Any, cast

import msgspec
import numpy as np
from numpy.typing import NDArray

from testbed.protocol.table import ColumnTable, Labels
from testbed.record import cells

LAID_AT_ONCE = 1 << 11
LONGEST_VALUE, LONGEST_KIND, LONGEST_HEAD = 8, 2, 20
TYPES = {int: cells.INTEGER, bool: cells.INTEGER, float: cells.REAL_CELL, str: cells.TEXT}


class Leaves:
    """The leaf pages of a table, row after row; ``keep`` takes those that are full."""

    def __init__(self, kind: type[msgspec.Struct], size: int, keep: Callable[[NDArray[np.uint8]], None]) -> None:
        self._fields = msgspec.structs.fields(kind)
        self._types = np.array([TYPES[field.type] for field in self._fields], np.int64)
        self._page = cells.Page(np.zeros(size, np.uint8), np.array([0, size], np.int64))
        self._size, self._keep = size, keep
        self.rows, self.last = 0, array("q")

    def add(self, table: ColumnTable[Any]) -> None:
        """Append the rows of ``table``."""
        fields = self._fields
        texts, shifts = _texts([table.labels(field.name) for field in fields if field.type is str])
        longest = len(fields) * (LONGEST_VALUE + LONGEST_KIND) + LONGEST_HEAD + _longest(table, fields)
        room = LAID_AT_ONCE // ((self._size - cells.LEAF_HEADER) // longest) + 2
        full, last = np.zeros((room, self._size), np.uint8), np.zeros(room, np.int64)
        for first, rows in _parts(table, shifts):
            done = cells.fill(rows, self._types, texts, self.rows + first, self._page, full, last)
            self._keep(full[:done])
            self.last.frombytes(last[:done].tobytes())
        self.rows += len(table)

    def last_page(self) -> NDArray[np.uint8]:
        """The page that is not full; nothing may be added after that."""
        cells.finish(self._page)
        return cast("NDArray[np.uint8]", self._page.data)


def _texts(columns: Sequence[Labels]) -> tuple[cells.Texts, list[int]]:
    """The texts of all columns, and where those of each begin among them."""
    encoded, shifts = [b""], []
    for column in columns:
        shifts.append(len(encoded))
        encoded += [name.encode() for name in column.names]
    length = np.array([len(text) for text in encoded], np.int64)
    data = np.frombuffer(b"".join(encoded) + b"\0", np.uint8)
    return cells.Texts(data, np.cumsum(length) - length, length), shifts


def _longest(table: ColumnTable[Any], fields: Sequence[msgspec.structs.FieldInfo]) -> int:
    """The most bytes of text that a row can have."""
    columns = (table.labels(field.name) for field in fields if field.type is str)
    return sum(max((len(name.encode()) for name in column.names), default=0) for column in columns)


def _parts(table: ColumnTable[Any], shifts: Sequence[int]) -> Iterator[tuple[int, NDArray[np.int64]]]:
    """The rows of ``table`` as matrices of 64-bit numbers, each with the number of its first row; the next matrix takes
    the place of the one before."""
    room = np.empty((LAID_AT_ONCE, len(table.names)), np.int64)
    for first in range(0, len(table), LAID_AT_ONCE):
        part = slice(first, min(first + LAID_AT_ONCE, len(table)))
        rows, shift = room[: part.stop - first], iter(shifts)
        for at, name in enumerate(table.names):
            column = table.column(name)
            if isinstance(column, Labels):
                rows[:, at] = column.codes[part] + next(shift)
            elif column.dtype == np.float64:
                rows[:, at] = np.ascontiguousarray(column[part]).view(np.int64)
            else:
                rows[:, at] = cast("NDArray[np.int64]", column)[part]
        yield first + 1, rows
