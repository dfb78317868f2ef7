"""Reading a run's directory back: inputs and every recorded row, finished run or not, even after a kill −9."""

import contextlib
import json
import sqlite3
from pathlib import Path
from typing import Any

import msgspec

from testbed.model import workload as tables
from testbed.model.errors import UsageError
from testbed.model.load import load_scenario
from testbed.model.scenario import Resolved
from testbed.model.task import INTERRUPTED, Task
from testbed.node.recorder import SCHEMA_VERSION, SINCE, TABLES
from testbed.protocol.endings import Absence, close_rows
from testbed.protocol.rows import EventRow, LinkRow, RewardRow, SlotRow, TaskRow, UeSlotRow, UpdateRow
from testbed.run import rundir
from testbed.run.virtual import TESTBED, VIRTUAL
from testbed.trace import inputs

RUNNING = "still running"


class Record(msgspec.Struct):
    """The rows of a ``run.db`` as they stand; ``meta`` holds its key/value pairs."""

    meta: dict[str, Any]
    tasks: list[TaskRow]
    slots: list[SlotRow]
    ue_slots: list[UeSlotRow]
    rewards: list[RewardRow]
    links: list[LinkRow]
    updates: list[UpdateRow]
    events: list[EventRow]


class Run(msgspec.Struct):
    """A run with its inputs. ``tasks`` are last rows (`close_rows`), one for each generated task.

    ``reason`` is "" for a run that drained, ``end_ns`` the last instant of the record.
    """

    path: Path
    meta: dict[str, Any]
    resolved: Resolved
    workload: tuple[Task, ...]
    record: Record
    tasks: list[TaskRow]
    absences: dict[str, list[Absence]]
    end_ns: int
    reason: str

    @property
    def name(self) -> str:
        """The run's name: its directory's."""
        return self.path.resolve().name

    @property
    def policy(self) -> str:
        """The strategy as it was asked for."""
        return str(self.meta.get("policy", ""))

    @property
    def live(self) -> bool:
        """Whether the run was on a wall clock."""
        return self.backend not in VIRTUAL

    @property
    def backend(self) -> str:
        """What the run was made on: ``testbed``, ``sim`` or ``twin``."""
        return backend_of(self.meta)


def backend_of(meta: dict[str, Any]) -> str:
    """The backend that a record's ``meta`` names; version 1 of the schema called the testbed ``local``."""
    named = str(meta.get("backend", TESTBED))
    return TESTBED if named == "local" else named


def find(given: str | Path) -> Path:
    """The directory of a run given by path or by name below ``runs``; `UsageError` if there is none."""
    for path in (Path(given), rundir.RUNS / given):
        if path.name == rundir.RECORD and path.is_file():
            return path.parent
        if (path / rundir.RECORD).is_file():
            return path
    if Path(given).exists():
        raise UsageError(f"{given} is not a run: it has no {rundir.RECORD}", "give the directory of a run")
    known = sorted(path.parent.name for path in rundir.RUNS.glob(f"*/{rundir.RECORD}"))
    hint = (
        f"runs here: {', '.join(known[-8:])}"
        if known
        else "there are no runs below runs/ yet; `testbed run smoke` makes one"
    )
    raise UsageError(f'there is no run "{given}"', hint)


def read_record(file: Path) -> Record:
    """Every row of ``file``, while it is written or after. Raises `UsageError` for what is not a readable record."""
    try:
        with contextlib.closing(_open(file)) as db:
            meta = _meta(db)
            version = meta.get("schema_version")
            if not isinstance(version, int):
                raise UsageError(f"{file} is not the record of a run", "give the directory of a run")
            if version > SCHEMA_VERSION:
                remedy = f"this testbed reads up to version {SCHEMA_VERSION}: use a newer one"
                raise UsageError(f"{file} has schema version {version}", remedy)
            rows = {TABLES[row]: _rows(db, row) if version >= SINCE.get(row, 1) else [] for row in TABLES}
    except (sqlite3.Error, ValueError, TypeError) as error:
        raise UsageError(f"{file} cannot be read: {error}", "the file is damaged, or is no record of a run") from None
    return Record(meta, **rows)


def read_meta(file: Path) -> dict[str, Any]:
    """Only the key/value pairs of a record; empty where they cannot be read."""
    try:
        with contextlib.closing(_open(file)) as db:
            return _meta(db)
    except sqlite3.Error:
        return {}


def is_running(meta: dict[str, Any]) -> bool:
    """Whether the run has not ended and its launcher is alive."""
    pid = meta.get("launcher_pid")
    return "reason" not in meta and isinstance(pid, int) and Path(f"/proc/{pid}").exists()


def _open(file: Path) -> sqlite3.Connection:
    """A reader of ``file`` that sees the write-ahead log too; without rights to write, what the file itself holds."""
    if not file.is_file():
        raise UsageError(f"{file} does not exist", "give the directory of a run")
    uri = file.resolve().as_uri()
    db = sqlite3.connect(f"{uri}?mode=ro", uri=True, timeout=10)
    try:
        db.execute("BEGIN")
        db.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.OperationalError:
        db.close()
        db = sqlite3.connect(f"{uri}?immutable=1", uri=True)
    return db


def _meta(db: sqlite3.Connection) -> dict[str, Any]:
    tables_of = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if "meta" not in tables_of:
        return {}
    return {key: _value(text) for key, text in db.execute("SELECT key, value FROM meta")}


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _rows(db: sqlite3.Connection, row: type[msgspec.Struct]) -> list[Any]:
    fields = msgspec.structs.fields(row)
    columns = ", ".join(f'"{field.name}"' for field in fields)
    flags = [i for i, field in enumerate(fields) if field.type is bool]
    found = []
    for values in db.execute(f"SELECT {columns} FROM {TABLES[row]} ORDER BY rowid"):
        plain = list(values)
        for i in flags:
            plain[i] = bool(plain[i])
        found.append(row(*plain))
    return found


def read_run(given: str | Path) -> Run:
    """A run given by path or name, with its inputs. Raises `UsageError` or `ScenarioError`."""
    path = find(given)
    record = read_record(path / rundir.RECORD)
    resolved = inputs.resolve(load_scenario(path / rundir.SCENARIO))
    workload = tables.read_csv(path / rundir.WORKLOAD, resolved.system)
    return assemble(path, record, resolved, workload)


def assemble(path: Path, record: Record, resolved: Resolved, workload: tuple[Task, ...]) -> Run:
    """A run from its parts. One that goes on, or whose launcher died, ends at its last recorded instant for now."""
    reason = str(record.meta.get("reason", RUNNING if is_running(record.meta) else INTERRUPTED))
    end_ns = int(record.meta.get("end_ns", last_instant_ns(record)))
    absences = absences_of(record.events)
    rows = {(row.ue, row.number): row for row in record.tasks}
    tasks = close_rows(resolved.system, workload, rows, absences, end_ns, reason)
    return Run(path, record.meta, resolved, workload, record, tasks, absences, end_ns, reason)


def last_instant_ns(record: Record) -> int:
    """The last instant that any row knows of."""
    finished = (row.finished_ns for row in record.tasks)
    others = (row.at_ns for rows in (record.slots, record.events) for row in rows)
    return max(max(finished, default=0), max(others, default=0), 0)


def absences_of(events: list[EventRow]) -> dict[str, list[Absence]]:
    """Each process' intervals [death, restart) in ns, restart -1 if it never came back."""
    absences: dict[str, list[Absence]] = {}
    for event in sorted(events, key=lambda event: event.at_ns):
        mine = absences.setdefault(event.source, []) if event.kind in ("died", "restarted") else []
        if event.kind == "died":
            mine.append((event.at_ns, -1))
        elif event.kind == "restarted" and mine:
            mine[-1] = (mine[-1][0], event.at_ns)
    return absences
