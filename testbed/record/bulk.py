"""The record of a run that is over before it is written: all of its tables laid down in one go, as SQLite's own pages.

SQLite takes six microseconds for a task's row, whoever hands it over; that is most of what a run on the twin would
take. So tables of a new file are written as pages in the order of their rows, and SQLite, which builds the index, only
sees the file when it is whole. sqlite.org/fileformat2.html is the format.
"""

import contextlib
import itertools
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self, cast

import msgspec
import numpy as np
from numpy.typing import NDArray

from testbed.model.errors import StartError
from testbed.protocol.rows import EventRow
from testbed.protocol.table import ColumnTable, Labels
from testbed.record import cells, writer
from testbed.record.files import replacing

INTERIOR, INTERIOR_HEADER = 5, 12
CHILD = 2 + 4 + 9  # bytes of an interior page, at most: pointer, number of the page, last row
SIZE_AT, CHANGES_AT, COUNT_AT, VALID_AT = 16, 24, 28, 92
LOCK_BYTE = 1 << 30
LAID_AT_ONCE = 1 << 11
LONGEST_VALUE, LONGEST_KIND, LONGEST_HEAD = 8, 2, 20
TYPES = {int: cells.INTEGER, bool: cells.INTEGER, float: cells.REAL_CELL, str: cells.TEXT}


def write(
    path: Path, meta: Mapping[str, object], tables: Sequence[ColumnTable[Any]], events: Sequence[EventRow]
) -> None:
    """Put a record of ``meta``, ``tables`` and ``events`` in the place of ``path``, whole or not at all.

    Others who read what was there before go on reading that. Raises `StartError` when it cannot be written.
    """
    try:
        with replacing(path, through_links=False) as beside:
            roots = _empty(beside, meta)
            with BulkFile(beside) as file:
                for table in tables:
                    file.fill(roots[writer.TABLES[table.kind]], table)
            with _opened(beside) as db:
                db.execute("REINDEX tasks")
                for table in tables:
                    _look_through(db, table)
                writer.insert(db, EventRow, events)
    except sqlite3.Error as error:
        raise StartError(f"{path}: cannot write the record ({error})", writer.WRITE_REMEDY) from None
    except OSError as error:
        raise StartError(f"{path}: cannot write the record ({error.strerror or error})", writer.WRITE_REMEDY) from None


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection to a file that nobody else knows of yet: nothing needs to survive a crash of its writer."""
    db = sqlite3.connect(path, isolation_level=None)
    try:
        db.execute("PRAGMA journal_mode = OFF")
        db.execute("PRAGMA synchronous = OFF")
        db.execute("BEGIN")
        yield db
        db.execute("COMMIT")
    finally:
        db.close()


def _empty(path: Path, meta: Mapping[str, object]) -> dict[str, int]:
    """Make a record without rows; returns the root page of each table."""
    with _opened(path) as db:
        writer.create_tables(db)
        writer.put_meta(db, meta)
    with _opened(path) as db:
        return dict(db.execute("SELECT name, rootpage FROM sqlite_master WHERE type = 'table'").fetchall())


def _look_through(db: sqlite3.Connection, table: ColumnTable[Any]) -> None:
    """Let SQLite visit every page of a table: what it cannot read is found while the columns are still there."""
    name = writer.TABLES[table.kind]
    (count,) = db.execute(f"SELECT count(*) FROM {name}").fetchone()
    if count != len(table):
        raise sqlite3.DatabaseError(f"{len(table)} rows of {name} were laid down, and {count} are found")


class BulkFile:
    """A SQLite file that is open nowhere else and whose tables are filled for the first time. Use it as a context."""

    def __init__(self, path: Path) -> None:
        self._file: BinaryIO = path.open("r+b")
        head = self._file.read(100)
        self._size = int.from_bytes(head[SIZE_AT : SIZE_AT + 2], "big")
        self._count = int.from_bytes(head[COUNT_AT : COUNT_AT + 4], "big")
        self._changes = int.from_bytes(head[CHANGES_AT : CHANGES_AT + 4], "big")
        self._locked = LOCK_BYTE // self._size + 1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        if kind is None:
            changes = (self._changes + 1).to_bytes(4, "big")
            for place, value in (
                (CHANGES_AT, changes),
                (COUNT_AT, self._count.to_bytes(4, "big")),
                (VALID_AT, changes),
            ):
                self._file.seek(place)
                self._file.write(value)
        self._file.close()

    def fill(self, root: int, table: ColumnTable[Any]) -> None:
        """Fill the table whose first page is ``root`` with the rows of ``table``, numbered from 1 on."""
        if not len(table):
            return
        fields = msgspec.structs.fields(table.kind)
        types = np.array([TYPES[field.type] for field in fields], np.int64)
        texts, shifts = _texts([table.labels(field.name) for field in fields if field.type is str])
        page = cells.Page(np.zeros(self._size, np.uint8), np.array([0, self._size], np.int64))
        children: list[tuple[int, int]] = []
        longest = len(types) * (LONGEST_VALUE + LONGEST_KIND) + LONGEST_HEAD + _longest(table, fields)
        room = LAID_AT_ONCE // ((self._size - cells.LEAF_HEADER) // longest) + 2
        full, last = np.zeros((room, self._size), np.uint8), np.zeros(room, np.int64)
        for first, rows in _parts(table, shifts):
            done = cells.fill(rows, types, texts, first, page, full, last)
            children += zip(self._append(full[:done]), last[:done].tolist(), strict=True)
        cells.finish(page)
        if not children:
            self._write(root, page.data)
            return
        children += [(self._append(page.data[None, :])[0], len(table))]
        self._grow(root, children)

    def _grow(self, root: int, children: list[tuple[int, int]]) -> None:
        """Put interior pages above ``children``, (page, its last row) in order, until one is left: the root.

        Children are shared out evenly: a page above a single one is none to SQLite.
        """
        most = (self._size - INTERIOR_HEADER) // CHILD
        while len(children) > most:
            count = -(-len(children) // most)
            edges = [len(children) * n // count for n in range(count + 1)]
            groups = [children[begin:end] for begin, end in itertools.pairwise(edges)]
            pages = np.stack([_interior(group, self._size) for group in groups])
            children = list(zip(self._append(pages), (group[-1][1] for group in groups), strict=True))
        self._write(root, _interior(children, self._size))

    def _append(self, pages: NDArray[np.uint8]) -> list[int]:
        """Write ``pages`` at the end of the file; returns their numbers. The page of SQLite's locks stays empty."""
        before = max(0, min(len(pages), self._locked - 1 - self._count))
        numbers: list[int] = []
        for part in (pages[:before], pages[before:]):
            if len(part):
                self._count += self._count + 1 == self._locked
                self._file.seek(self._count * self._size)
                self._file.write(part.data)
                numbers += range(self._count + 1, self._count + len(part) + 1)
                self._count += len(part)
        return numbers

    def _write(self, number: int, page: NDArray[np.uint8]) -> None:
        self._file.seek((number - 1) * self._size)
        self._file.write(page.data)


def _interior(children: Sequence[tuple[int, int]], size: int) -> NDArray[np.uint8]:
    """The page above ``children``, each with its last row."""
    page, end, pointers = bytearray(size), size, bytearray()
    for number, last in children[:-1]:
        cell = number.to_bytes(4, "big") + varint(last)
        end -= len(cell)
        page[end : end + len(cell)] = cell
        pointers += end.to_bytes(2, "big")
    head = bytes([INTERIOR, 0, 0]) + (len(children) - 1).to_bytes(2, "big") + (end & 65535).to_bytes(2, "big") + b"\0"
    page[:INTERIOR_HEADER] = head + children[-1][0].to_bytes(4, "big")
    page[INTERIOR_HEADER : INTERIOR_HEADER + len(pointers)] = pointers
    return np.frombuffer(page, np.uint8)


def varint(value: int) -> bytes:
    """``value`` as SQLite writes whole numbers of 0 or more: seven bits a byte, the highest first."""
    groups = [value & 127]
    while value := value >> 7:
        groups.append(value & 127 | 128)
    return bytes(reversed(groups))


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
