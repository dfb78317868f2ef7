"""The record of a run in SQLite, written as the run goes: readable meanwhile, complete after a kill −9.

Tables follow the row structs of `testbed.protocol.rows`; ``meta`` holds key/value pairs, among them the schema's
version. Write-ahead logging lets readers in at any time and keeps every committed row through a crash.
"""

import contextlib
import json
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import msgspec

from testbed.model.errors import StartError
from testbed.model.task import DECIDED
from testbed.protocol.rows import EventRow, LinkRow, RewardRow, Row, SlotRow, TaskRow, UeSlotRow, UpdateRow
from testbed.record import file_system

SCHEMA_VERSION = 3
COMMIT_EVERY_NS = 200_000_000
WRITE_REMEDY = "check free space and rights of the run directory; what was committed before is kept"
TABLES: dict[type[msgspec.Struct], str] = {
    TaskRow: "tasks",
    SlotRow: "slots",
    UeSlotRow: "ue_slots",
    RewardRow: "rewards",
    LinkRow: "links",
    UpdateRow: "updates",
    EventRow: "events",
}
Hearer = Callable[[Sequence[Row]], None]
_TYPES: dict[Any, str] = {int: "INTEGER", bool: "INTEGER", float: "REAL", str: "TEXT"}


def create_statement(row: type[msgspec.Struct]) -> str:
    """The CREATE TABLE of a row struct; tasks are unique by (ue, number)."""
    columns = [f'"{f.name}" {_TYPES[f.type]} NOT NULL' for f in msgspec.structs.fields(row)]
    if row is TaskRow:
        columns.append("PRIMARY KEY (ue, number)")
    return f"CREATE TABLE IF NOT EXISTS {TABLES[row]} ({', '.join(columns)})"


def _insert_statement(row: type[msgspec.Struct]) -> str:
    names = [f.name for f in msgspec.structs.fields(row)]
    columns, marks = ", ".join(f'"{name}"' for name in names), ", ".join("?" * len(names))
    statement = f"INSERT INTO {TABLES[row]} ({columns}) VALUES ({marks})"
    if row is TaskRow:
        changes = ", ".join(f'"{name}" = excluded."{name}"' for name in names)
        statement += f" ON CONFLICT (ue, number) DO UPDATE SET {changes} WHERE tasks.state = '{DECIDED}'"
    return statement


_SELECT_TASK = f"SELECT {', '.join(TaskRow.__struct_fields__)} FROM {TABLES[TaskRow]} WHERE ue = ? AND number = ?"


def create_tables(db: sqlite3.Connection) -> None:
    """Make the tables of a record that are not there yet."""
    db.execute("CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL)")
    for row in TABLES:
        db.execute(create_statement(row))


def put_meta(db: sqlite3.Connection, meta: Mapping[str, object]) -> None:
    """Set key/value pairs of ``meta``; what is not text is stored as JSON."""
    pairs = [(key, value if isinstance(value, str) else json.dumps(value)) for key, value in meta.items()]
    db.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", pairs)


def insert(db: sqlite3.Connection, kind: type[msgspec.Struct], rows: Iterable[msgspec.Struct]) -> None:
    """Append ``rows`` of one ``kind``."""
    db.executemany(_insert_statement(kind), map(msgspec.structs.astuple, rows))


class Recorder:
    """The only writer of one ``run.db``; raises `StartError` when the file cannot be written, ever after for the first
    reason: SQLite may have given up the transaction, and would only report that there is none.

    With ``logged`` it keeps a write-ahead log, as a run needs whose rows come one by one; but not on a file system that
    comes over a network, where SQLite cannot: there a reader may hold up a commit for a moment.
    """

    def __init__(self, path: Path, meta: Mapping[str, object] | None = None, *, logged: bool = True) -> None:
        self.path = path
        self.heard: Hearer | None = None
        self._whole = False
        self._reason = ""
        self._inserts = {row: _insert_statement(row) for row in TABLES}
        self._committed_ns = time.monotonic_ns()
        with self._writing():
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10)
            log = logged and not file_system.is_networked(path)
            self._db.execute(f"PRAGMA journal_mode = {'WAL' if log else 'DELETE'}")
            self._db.execute("PRAGMA synchronous = NORMAL")
            self._db.execute("BEGIN")
            create_tables(self._db)
        self.put({"schema_version": SCHEMA_VERSION, **(meta or {})})
        self.commit()

    @classmethod
    @contextlib.contextmanager
    def whole(cls, path: Path) -> Iterator[Self]:
        """A recorder of rows that are all at hand: others see all of them at once or, if anything fails, none."""
        recorder = cls(path)
        recorder._whole = True
        try:
            yield recorder
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                recorder._db.execute("ROLLBACK")
                recorder._db.close()
            raise
        recorder.close()

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            self._reason = self._reason or str(error)
            raise StartError(f"{self.path}: cannot write the record ({self._reason})", WRITE_REMEDY) from None

    def put(self, meta: Mapping[str, object]) -> None:
        """Set key/value pairs of ``meta``; what is not text is stored as JSON."""
        with self._writing():
            put_meta(self._db, meta)

    def add(self, rows: Iterable[Row]) -> None:
        """Append rows; a task's final row replaces its earlier one, never the other way round. ``heard`` hears them."""
        kinds: dict[type, list[tuple[object, ...]]] = {}
        rows = list(rows)
        for row in rows:
            kinds.setdefault(type(row), []).append(msgspec.structs.astuple(row))
        for kind, values in kinds.items():
            self.add_values(kind, values)
        self.commit_when_due()
        if self.heard is not None:
            self.heard(rows)

    def add_values(self, kind: type[msgspec.Struct], values: Iterable[Sequence[object]]) -> None:
        """Append rows of one ``kind``, each as the values of its columns, which nobody hears."""
        with self._writing():
            self._db.executemany(self._inserts[kind], values)

    def task(self, ue: str, number: int) -> TaskRow | None:
        """What has been recorded of a task so far."""
        with self._writing():
            columns = self._db.execute(_SELECT_TASK, (ue, number)).fetchone()
        if columns is None:
            return None
        fields = msgspec.structs.fields(TaskRow)
        values = {field.name: field.type(value) for field, value in zip(fields, columns, strict=True)}
        return TaskRow(**values)

    def commit_when_due(self) -> None:
        """Commit if the last commit is 0.2 s ago."""
        if not self._whole and time.monotonic_ns() - self._committed_ns >= COMMIT_EVERY_NS:
            self.commit()

    def commit(self) -> None:
        """Make everything so far permanent."""
        with self._writing():
            self._db.execute("COMMIT")
            self._db.execute("BEGIN")
        self._committed_ns = time.monotonic_ns()

    def close(self, *, ended: bool = True) -> None:
        """Commit; when the run has ``ended`` also fold the write-ahead log into the file, so that the run is one file.

        Folding waits for nobody: while somebody reads the record, the log stays beside it, and both together are valid.
        """
        with self._writing():
            self._db.execute("COMMIT")
        if ended:
            self._db.execute("PRAGMA busy_timeout = 0")
            with contextlib.suppress(sqlite3.OperationalError):
                self._db.execute("PRAGMA journal_mode = DELETE")
        with self._writing():
            self._db.close()
