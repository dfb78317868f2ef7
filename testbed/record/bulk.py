"""The record of a run that is over before it is written: all of its tables laid down in one go, as SQLite's own pages.

SQLite takes six microseconds for a task's row, whoever hands it over; that is most of what a run on the twin would
take. So tables of a new file are written as pages in the order of their rows, and SQLite, which builds the index, only
sees the file when it is whole. sqlite.org/fileformat2.html is the format.
"""

import contextlib
import itertools
import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any, BinaryIO, Self

import msgspec
import numpy as np
from numpy.typing import NDArray

from testbed.model.errors import StartError
from testbed.protocol.rows import EventRow, TaskRow
from testbed.protocol.table import ColumnTable
from testbed.record import writer
from testbed.record.files import replacing
from testbed.record.leaves import LAID_AT_ONCE, Leaves

INTERIOR, INTERIOR_HEADER = 5, 12
CHILD = 2 + 4 + 9  # bytes of an interior page, at most: pointer, number of the page, last row
SIZE_AT, CHANGES_AT, COUNT_AT, VALID_AT = 16, 24, 28, 92
LOCK_BYTE = 1 << 30


def write(
    path: Path, meta: Mapping[str, object], tables: Sequence[ColumnTable[Any]], events: Sequence[EventRow]
) -> None:
    """Put a record of ``meta``, ``tables`` and ``events`` in the place of ``path``, whole or not at all.

    Others who read what was there before go on reading that. Raises `StartError` when it cannot be written.
    """
    with writing(path, meta) as record:
        for table in tables:
            record.add(table)
        record.events += events


@contextlib.contextmanager
def writing(path: Path, meta: Mapping[str, object]) -> Iterator["BulkRecord"]:
    """As `write`, of tables that come in parts: the record that is ``path`` when the block has ended well.

    How the rows are cut into parts leaves no trace in the file.
    """
    try:
        with replacing(path, through_links=False) as beside:
            roots = _empty(beside, meta)
            with contextlib.ExitStack() as spools, BulkFile(beside) as file:
                record = BulkRecord(file, lambda: spools.enter_context(tempfile.TemporaryFile(dir=path.parent)))
                yield record
                record.lay_down(roots)
            with _opened(beside) as db:
                db.execute("REINDEX tasks")
                for kind, count in record.counts().items():
                    _look_through(db, kind, count)
                writer.insert(db, EventRow, record.events)
                writer.put_meta(db, record.meta)
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


def _look_through(db: sqlite3.Connection, kind: type[msgspec.Struct], rows: int) -> None:
    """Let SQLite visit every page of a table: what it cannot read is found before the record is one."""
    name = writer.TABLES[kind]
    (count,) = db.execute(f"SELECT count(*) FROM {name}").fetchone()
    if count != rows:
        raise sqlite3.DatabaseError(f"{rows} rows of {name} were laid down, and {count} are found")


class BulkRecord:
    """A record that is being written, in memory no more than pages that are not full; ``events``, of which there are
    few, and what is to be added to ``meta`` are written at the end.

    Pages of tasks, most of all, go into the file at once; those of other tables wait in temporary files.
    """

    def __init__(self, file: "BulkFile", spool: Callable[[], IO[bytes]]) -> None:
        self.events: list[EventRow] = []
        self.meta: dict[str, object] = {}
        self._file, self._spool = file, spool
        self._leaves: dict[type[msgspec.Struct], Leaves] = {}
        self._waiting: dict[type[msgspec.Struct], IO[bytes]] = {}

    def add(self, table: ColumnTable[Any]) -> None:
        """Append the rows of ``table`` to those of its kind."""
        if not len(table):
            return
        leaves = self._leaves.get(table.kind)
        if leaves is None:
            leaves = self._leaves[table.kind] = Leaves(table.kind, self._file.size, self._sink(table.kind))
        leaves.add(table)

    def _sink(self, kind: type[msgspec.Struct]) -> Callable[[NDArray[np.uint8]], None]:
        if kind is TaskRow:
            return self._file.append
        waiting = self._waiting[kind] = self._spool()
        return lambda pages: _write_all(waiting, pages)

    def counts(self) -> dict[type[msgspec.Struct], int]:
        """How many rows of each kind there are."""
        return {kind: leaves.rows for kind, leaves in self._leaves.items()}

    def lay_down(self, roots: Mapping[str, int]) -> None:
        """Put all tables together below their ``roots``."""
        for kind, name in writer.TABLES.items():
            leaves = self._leaves.get(kind)
            if leaves is None:
                continue
            waiting, begin = self._waiting.get(kind), self._file.count + 1
            if waiting is None:
                begin = self._file.first_appended
            else:
                self._file.append_from(waiting)
            self._file.root(roots[name], begin, leaves)


def _write_all(file: IO[bytes], pages: NDArray[np.uint8]) -> None:
    file.write(pages.data)


class BulkFile:
    """A SQLite file that is open nowhere else and whose tables are filled for the first time. Use it as a context."""

    def __init__(self, path: Path) -> None:
        self._file: BinaryIO = path.open("r+b")
        head = self._file.read(100)
        self.size = int.from_bytes(head[SIZE_AT : SIZE_AT + 2], "big")
        self.count = int.from_bytes(head[COUNT_AT : COUNT_AT + 4], "big")
        self.first_appended = self.count + 1
        self._changes = int.from_bytes(head[CHANGES_AT : CHANGES_AT + 4], "big")
        self._locked = LOCK_BYTE // self.size + 1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        if kind is None:
            changes = (self._changes + 1).to_bytes(4, "big")
            for place, value in (
                (CHANGES_AT, changes),
                (COUNT_AT, self.count.to_bytes(4, "big")),
                (VALID_AT, changes),
            ):
                self._file.seek(place)
                self._file.write(value)
        self._file.close()

    def root(self, number: int, begin: int, leaves: Leaves) -> None:
        """Make page ``number`` the root above ``leaves``, whose full pages were appended from page ``begin`` on."""
        page, count = leaves.last_page(), len(leaves.last)
        if not count:
            self._write(number, page)
            return
        self.append(page[None, :])
        last = np.append(np.frombuffer(leaves.last, np.int64), leaves.rows)
        self._grow(number, self.numbers(begin, count + 1), last)

    def _grow(self, root: int, numbers: NDArray[np.int64], last: NDArray[np.int64]) -> None:
        """Put interior pages above those of these ``numbers`` in order, each with its ``last`` row, until one is left:
        the root.

        Children are shared out evenly: a page above a single one is none to SQLite.
        """
        most = (self.size - INTERIOR_HEADER) // CHILD
        while len(numbers) > most:
            count = -(-len(numbers) // most)
            edges = [len(numbers) * n // count for n in range(count + 1)]
            begin = self.count + 1
            for first, end in itertools.pairwise(edges):
                self.append(_interior(numbers[first:end], last[first:end], self.size)[None, :])
            numbers, last = self.numbers(begin, count), last[np.array(edges[1:]) - 1]
        self._write(root, _interior(numbers, last, self.size))

    def numbers(self, begin: int, count: int) -> NDArray[np.int64]:
        """The numbers of ``count`` pages that were appended one after another from ``begin`` on, which is the first
        free one: the page of SQLite's locks is none of them."""
        pages = np.arange(begin, begin + count, dtype=np.int64)
        pages[pages >= self._locked] += begin <= self._locked
        return pages

    def append(self, pages: NDArray[np.uint8]) -> None:
        """Write ``pages`` at the end of the file. The page of SQLite's locks stays empty."""
        before = max(0, min(len(pages), self._locked - 1 - self.count))
        for part in (pages[:before], pages[before:]):
            if len(part):
                self.count += self.count + 1 == self._locked
                self._file.seek(self.count * self.size)
                self._file.write(part.data)
                self.count += len(part)

    def append_from(self, file: IO[bytes]) -> None:
        """As `append`, of the pages that ``file`` holds."""
        file.seek(0)
        while data := file.read(LAID_AT_ONCE * self.size):
            self.append(np.frombuffer(data, np.uint8).reshape(-1, self.size))

    def _write(self, number: int, page: NDArray[np.uint8]) -> None:
        self._file.seek((number - 1) * self.size)
        self._file.write(page.data)


def _interior(numbers: NDArray[np.int64], last: NDArray[np.int64], size: int) -> NDArray[np.uint8]:
    """The page above those of these ``numbers``, each with its ``last`` row."""
    page, end, pointers = bytearray(size), size, bytearray()
    children = numbers.tolist()
    for number, row in zip(children[:-1], last.tolist(), strict=False):
        cell = number.to_bytes(4, "big") + varint(row)
        end -= len(cell)
        page[end : end + len(cell)] = cell
        pointers += end.to_bytes(2, "big")
    head = bytes([INTERIOR, 0, 0]) + (len(children) - 1).to_bytes(2, "big") + (end & 65535).to_bytes(2, "big") + b"\0"
    page[:INTERIOR_HEADER] = head + children[-1].to_bytes(4, "big")
    page[INTERIOR_HEADER : INTERIOR_HEADER + len(pointers)] = pointers
    return np.frombuffer(page, np.uint8)


def varint(value: int) -> bytes:
    """``value`` as SQLite writes whole numbers of 0 or more: seven bits a byte, the highest first."""
    groups = [value & 127]
    while value := value >> 7:
        groups.append(value & 127 | 128)
    return bytes(reversed(groups))
