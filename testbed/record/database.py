"""A ``run.db`` as SQLite holds it: opened with all that was committed, its tables checked before they are read."""

import contextlib
import json
import os
import shlex
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar, cast

import msgspec
import numpy as np

from testbed.model.errors import UsageError
from testbed.model.printable import printable
from testbed.protocol.rows import UpdateRow
from testbed.protocol.table import DTYPES, Column, ColumnTable, Labels, joined
from testbed.record.writer import SCHEMA_VERSION, TABLES

LOGS = ("-wal", "-journal")
COPIES, MOST_TEXTS = 5, 10_000
FETCHED_AT_ONCE = 8192
TYPES_OF: dict[object, set[type]] = {str: {str}, float: {float, int}, int: {int}, bool: {int}}
R = TypeVar("R", bound=msgspec.Struct)
Tables = dict[str, frozenset[str]]


@contextlib.contextmanager
def opened(file: Path) -> Iterator[sqlite3.Connection]:
    """A reader of ``file`` that sees the write-ahead log too, whoever may write in its folder.

    SQLite needs a lock file beside a log. Where none can be made, record and log are copied and the copy is read.
    Raises `UsageError` when there is no such file, or a log beside it cannot be read; `sqlite3.Error`.
    """
    if not file.is_file():
        raise UsageError(f"{file} does not exist", "give the directory of a run")
    with contextlib.ExitStack() as stack:
        db = _begun(file)
        if db is None:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="testbed-")))
            db = _begun(_copied(file, folder), "rw")
        if db is None:
            raise UsageError(f"{file} cannot be read", "the file is damaged, or is no record of a run")
        stack.callback(db.close)
        yield db


def _begun(file: Path, mode: str = "ro") -> sqlite3.Connection | None:
    """A connection inside a read transaction; None where SQLite cannot open the file as it lies there."""
    db = None
    try:
        db = sqlite3.connect(f"{file.resolve().as_uri()}?mode={mode}", uri=True, timeout=10)
        db.execute("BEGIN")
        db.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.Error as error:
        if db is not None:
            db.close()
        if isinstance(error, sqlite3.OperationalError):
            return None
        raise
    return db


def _copied(file: Path, folder: Path) -> Path:
    """``file`` and its logs copied into ``folder``, all as they were at one moment."""
    for _ in range(COPIES):
        before = _stamps(file)
        for name in before:
            try:
                shutil.copyfile(name, folder / name.name)
            except OSError as error:
                what = "the last rows of the record would be missing" if name != file else "there is nothing to read"
                raise UsageError(
                    f"{name} cannot be read ({error.strerror}): {what}", "ask for the right to read it"
                ) from None
        if _stamps(file) == before:
            return folder / file.name
    raise UsageError(f"{file} is being written, and its folder lets nobody else in", "read it when the run has ended")


def _stamps(file: Path) -> dict[Path, tuple[int, int]]:
    """Size and time of change of ``file`` and of each of its logs that is there."""
    stamps = {}
    for name in (file, *(file.with_name(file.name + log) for log in LOGS)):
        with contextlib.suppress(FileNotFoundError):
            status = os.stat(name)
            stamps[name] = status.st_size, status.st_mtime_ns
    return stamps


def meta(db: sqlite3.Connection) -> dict[str, Any]:
    """The key/value pairs; empty where there are none."""
    if "meta" not in tables_of(db):
        return {}
    return {str(key): _value(str(text)) for key, text in db.execute("SELECT key, value FROM meta")}


def tables_of(db: sqlite3.Connection) -> Tables:
    """The columns of every table."""
    names = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    return {
        name: frozenset(column for (column,) in db.execute("SELECT name FROM pragma_table_info(?)", (name,)))
        for name in names
    }


def _value(text: str) -> object:
    try:
        return _safe(json.loads(text))
    except ValueError:
        return printable(text)


def _safe(value: object) -> object:
    """``value`` with all its text printable."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, dict):
        return {printable(key): _safe(item) for key, item in value.items()}
    return [_safe(item) for item in value] if isinstance(value, list) else value


def check(file: Path, version: object, tables: Tables) -> tuple[str, ...]:
    """Raise `UsageError` for a record that this version cannot read; the tables that an older one does not have.

    A table that came with a later schema is missing as a whole. A table without one of its columns is not read at all:
    numbers that nobody recorded are not made up.
    """
    version = check_version(file, version)
    absent = tuple(name for name in TABLES.values() if name not in tables)
    if absent and version == SCHEMA_VERSION:
        raise UsageError(f"{file} has no table {', '.join(absent)}", "the file is damaged, or is no record of a run")
    for row, name in TABLES.items():
        wanted = [field.name for field in msgspec.structs.fields(row)]
        lacking = [column for column in wanted if name in tables and column not in tables[name]]
        if lacking:
            columns = ", ".join(lacking[:5]) + (f" and {len(lacking) - 5} more" if len(lacking) > 5 else "")
            raise UsageError(
                f"{file} (schema version {version}): table {name} has no column {columns}",
                f"read it with the version that made it, or repeat the run: {_repeating(file)}",
            )
    return absent


def _repeating(file: Path) -> str:
    """The command that repeats the run of a record."""
    return f"`testbed replay {shlex.quote(str(file.parent))} --on sim`"


def check_version(file: Path, version: object) -> int:
    """The version of a record's schema; `UsageError` for none at all, and for one that is too new."""
    if isinstance(version, bool) or not isinstance(version, int):
        raise UsageError(f"{file} is not the record of a run", "give the directory of a run")
    if version > SCHEMA_VERSION:
        remedy = f"this testbed reads up to version {SCHEMA_VERSION}: use a newer one"
        raise UsageError(f"{file} has schema version {version}", remedy)
    return version


class _Shown(dict[object, object]):
    """Texts of a record made printable; most rows hold the same few."""

    def __missing__(self, text: object) -> object:
        readable_text = printable(text) if isinstance(text, str) else text
        if len(self) < MOST_TEXTS:
            self[text] = readable_text
        return readable_text


def rows(db: sqlite3.Connection, row: type[R]) -> ColumnTable[R]:
    """The rows of a table in the order in which they were written. Raises `ValueError` for values of other types."""
    fields = msgspec.structs.fields(row)
    columns = ", ".join(f'{TABLES[row]}."{field.name}"' for field in fields)
    cursor, shown = db.execute(f"SELECT {columns} FROM {TABLES[row]} ORDER BY rowid"), _Shown()
    parts: list[dict[str, Column]] = []
    while chunk := cursor.fetchmany(FETCHED_AT_ONCE):
        values = zip(*chunk, strict=True)
        parts.append({f.name: _column(row, f.name, f.type, next(values), shown) for f in fields})
    return joined(row, parts)


def _column(row: type[msgspec.Struct], name: str, kind: object, values: tuple[Any, ...], shown: "_Shown") -> Column:
    """A column of a part of a table, of the type that its field has."""
    wanted = TYPES_OF[kind]
    if not set(map(type, values)) <= wanted:
        other = next(type(value).__name__ for value in values if type(value) not in wanted)
        raise ValueError(f"table {TABLES[row]}: {name} holds {other}")
    if kind is str:
        return Labels.of([cast(str, shown[value]) for value in values])
    if kind is bool and not set(values) <= {0, 1}:
        raise ValueError(f"table {TABLES[row]}: {name} holds other numbers than 0 and 1")
    column = np.array(values, DTYPES[kind])
    if kind is float and row is not UpdateRow and not np.isfinite(column).all():
        raise ValueError(f"table {TABLES[row]}: {name} holds no finite number")
    return cast(Column, column)


def numbered_rows(db: sqlite3.Connection, row: type[msgspec.Struct], where: str) -> list[tuple[int, Any]]:
    """The rows of a table that the condition ``where`` selects, each with its number in the table; see `rows`."""
    fields = msgspec.structs.fields(row)
    columns = ", ".join(f'{TABLES[row]}."{field.name}"' for field in fields)
    texts = [i for i, field in enumerate(fields) if field.type is str]
    tag = row.__struct_config__.tag
    shown = _Shown()
    numbers, tagged = [], []
    for number, *values in db.execute(f"SELECT rowid, {columns} FROM {TABLES[row]} {where} ORDER BY rowid"):
        for i in texts:
            values[i] = shown[values[i]]
        numbers.append(number)
        tagged.append((tag, *values))
    try:
        decoded = msgspec.convert(tagged, list[row], strict=False)  # type: ignore[valid-type]
    except msgspec.ValidationError as error:
        raise ValueError(f"table {TABLES[row]}: {error}") from None
    return list(zip(numbers, decoded, strict=True))
