"""A record followed while it is written: every row once when it appears, and a task's row again when it has ended."""

import sqlite3
from pathlib import Path
from typing import Any

import msgspec

from testbed.model.errors import UsageError
from testbed.model.task import DECIDED
from testbed.protocol.rows import Row, TaskRow
from testbed.record import database, directory
from testbed.record.writer import TABLES

CHUNK = 500


class News(msgspec.Struct, frozen=True):
    """What a record has gained since it was last looked at, and its key/value pairs as they stand."""

    meta: dict[str, Any]
    rows: list[Row]


class Tail:
    """Follows ``run.db`` in the folder ``run``, with a short transaction for each look, so that no writer waits."""

    def __init__(self, run: Path) -> None:
        self._file = run / directory.RECORD
        self._last = dict.fromkeys(TABLES, 0)
        self._open: set[int] = set()
        self._meta: dict[str, Any] = {}

    def news(self) -> News:
        """What has come since the last call. Raises `UsageError` for what is no record of this version.

        A record that cannot be read just now, as while its log is folded in, has no news; the next call tells.
        """
        try:
            with database.opened(self._file) as db:
                if not self._meta:
                    self._check(db)
                self._meta = database.meta(db)
                return News(self._meta, self._new_rows(db))
        except sqlite3.OperationalError:
            return News(self._meta, [])
        except (sqlite3.Error, ValueError) as error:
            raise UsageError(f"{self._file} cannot be read: {error}", "the file is damaged") from None

    def _check(self, db: sqlite3.Connection) -> None:
        tables = database.tables_of(db)
        missing = database.check(self._file, database.meta(db).get("schema_version"), tables)
        self._last = {kind: 0 for kind, name in TABLES.items() if name not in missing}

    def _new_rows(self, db: sqlite3.Connection) -> list[Row]:
        rows: list[Row] = []
        for kind, last in self._last.items():
            for number, row in database.numbered_rows(db, kind, f"WHERE rowid > {last}"):
                self._last[kind] = number
                rows.append(row)
                if isinstance(row, TaskRow) and row.state == DECIDED:
                    self._open.add(number)
        return rows + self._ended(db)

    def _ended(self, db: sqlite3.Connection) -> list[Row]:
        """The tasks that were under way and have ended."""
        ended: list[Row] = []
        waiting = sorted(self._open)
        for first in range(0, len(waiting), CHUNK):
            numbers = ",".join(map(str, waiting[first : first + CHUNK]))
            where = f"WHERE rowid IN ({numbers}) AND state <> '{DECIDED}'"
            for number, row in database.numbered_rows(db, TaskRow, where):
                self._open.discard(number)
                ended.append(row)
        return ended
