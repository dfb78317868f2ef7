"""Reading a run's directory back: inputs and every recorded row, finished run or not, even after a kill −9."""

import math
import sqlite3
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, cast

import msgspec

from testbed.model.errors import UsageError
from testbed.model.printable import printable, readable
from testbed.model.task import INTERRUPTED, Task
from testbed.protocol.endings import Absence
from testbed.protocol.rows import (
    DIED,
    RESTARTED,
    EventRow,
    LinkRow,
    RewardRow,
    SlotRow,
    TaskRow,
    UeSlotRow,
    UpdateRow,
)
from testbed.protocol.table import ColumnTable
from testbed.record import database, directory, ended
from testbed.record.alive import home, is_alive
from testbed.record.backends import TESTBED, VIRTUAL
from testbed.record.writer import TABLES
from testbed.scenario import workload as tables
from testbed.scenario.load import load_scenario
from testbed.scenario.resolve import Resolved
from testbed.trace import inputs

STILL_RUNNING = "still running"
QUIET_S = 15.0
_NUMBERS: dict[str, type | tuple[type, ...]] = {"end_ns": int, "speed": (int, float), "burn": (int, float)}
FEW = ("updates", "events")  # of which a run has few, with texts of their own


class RecordedRows(msgspec.Struct, kw_only=True):
    """The rows of a ``run.db`` as they stand; ``meta`` holds its key/value pairs.

    ``missing`` are the tables that the version which made the record did not have: their rows are unknown, not none.
    """

    meta: dict[str, Any]
    tasks: Sequence[TaskRow]
    slots: Sequence[SlotRow]
    ue_slots: Sequence[UeSlotRow]
    rewards: Sequence[RewardRow]
    links: Sequence[LinkRow]
    updates: Sequence[UpdateRow]
    events: Sequence[EventRow]
    missing: tuple[str, ...] = ()


class RecordedRun(msgspec.Struct, kw_only=True):
    """A run with its inputs. ``tasks`` are last rows (`close_rows`), one for each generated task.

    ``reason`` is "" for a run that drained, ``end_ns`` the last instant of the record. ``strays`` are rows of tasks
    that the workload does not have: only the ledger counts them.
    """

    path: Path
    meta: dict[str, Any]
    resolved: Resolved
    workload: Sequence[Task]
    record: RecordedRows
    tasks: Sequence[TaskRow]
    absences: dict[str, list[Absence]]
    end_ns: int
    reason: str
    strays: Sequence[TaskRow] = ()

    @property
    def name(self) -> str:
        """The run's name: its directory's."""
        return printable(readable(self.path.resolve().name))

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


def find(name: str | Path) -> Path:
    """The directory of a run given by path or by name below ``runs``; `UsageError` if there is none."""
    for path in (Path(name), directory.RUNS / name):
        if path.name == directory.RECORD and path.is_file():
            return path.parent
        if (path / directory.RECORD).is_file():
            return path
    if Path(name).exists():
        raise UsageError(f"{name} is not a run: it has no {directory.RECORD}", "give the directory of a run")
    known = sorted(path.parent.name for path in directory.RUNS.glob(f"*/{directory.RECORD}"))
    hint = (
        f"runs here: {', '.join(known[-8:])}"
        if known
        else "there are no runs below runs/ yet; `testbed run smoke` makes one"
    )
    raise UsageError(f'there is no run "{name}"', hint)


def read_record(file: Path) -> RecordedRows:
    """Every row of ``file``, while it is written or after. Raises `UsageError` for what is not a readable record."""
    try:
        with database.opened(file) as db:
            meta = database.meta(db)
            _check_numbers(meta)
            missing = database.check(file, meta.get("schema_version"), database.tables_of(db))
            rows: dict[str, Sequence[Any]] = {
                name: [] if name in missing else database.rows(db, row) for row, name in TABLES.items()
            }
    except (sqlite3.Error, ValueError, TypeError) as error:
        raise _damaged(file, error) from None
    rows |= {name: list(rows[name]) for name in FEW}
    return RecordedRows(meta=meta, missing=missing, **rows)


def read_events(file: Path) -> list[EventRow]:
    """The events of ``file`` alone, none if it keeps none. Raises `UsageError` as `read_record` does."""
    try:
        with database.opened(file) as db:
            missing = database.check(file, database.meta(db).get("schema_version"), database.tables_of(db))
            return [] if TABLES[EventRow] in missing else list(database.rows(db, EventRow))
    except (sqlite3.Error, ValueError, TypeError) as error:
        raise _damaged(file, error) from None


def _check_numbers(meta: dict[str, Any]) -> None:
    """Raise `ValueError` for a value in ``meta`` that should be a number, and is none."""
    for key, kinds in _NUMBERS.items():
        value = meta.get(key, 0)
        if isinstance(value, bool) or not isinstance(value, kinds) or not math.isfinite(cast(float, value)):
            raise ValueError(f"table meta: {key} is {value!r}")


def read_meta(file: Path) -> dict[str, Any]:
    """Only the key/value pairs of a record; empty where they cannot be read."""
    try:
        with database.opened(file) as db:
            return database.meta(db)
    except (sqlite3.Error, UsageError):
        return {}


def read_header(file: Path) -> dict[str, Any]:
    """The key/value pairs of a record that this version knows, whatever its tables hold: all that it takes to repeat
    the run. Raises `UsageError` for what is no record."""
    try:
        with database.opened(file) as db:
            meta = database.meta(db)
    except sqlite3.Error as error:
        raise _damaged(file, error) from None
    database.check_version(file, meta.get("schema_version"))
    return meta


def _damaged(file: Path, error: Exception) -> UsageError:
    return UsageError(f"{file} cannot be read: {error}", "the file is damaged, or is no record of a run")


def is_here(meta: dict[str, Any]) -> bool:
    """Whether the run's launcher is, or was, on this host and in this namespace of processes."""
    return bool(meta.get("launcher_home", home()) == home())


def is_running(meta: dict[str, Any], file: Path) -> bool:
    """Whether the run recorded in ``file`` has not ended and its launcher is alive.

    Of a launcher elsewhere (another host, a container) only its writing can be seen: it does so every second.
    """
    if "reason" in meta:
        return False
    if is_here(meta):
        return is_alive(meta.get("launcher_pid"), meta.get("launcher_started"))
    written = (name.stat().st_mtime for name in (file, file.with_name(f"{file.name}-wal")) if name.exists())
    return abs(time.time() - max(written, default=0.0)) < QUIET_S  # one of the two clocks may have been set back


def read_run(name: str | Path) -> RecordedRun:
    """A run given by path or name, with its inputs. Raises `UsageError` or `ScenarioError`."""
    path = find(name)
    record = read_record(path / directory.RECORD)
    if not (path / directory.SCENARIO).is_file():
        raise UsageError(
            f"{path} has no {directory.SCENARIO}", "a run is read with all its files: copy its whole directory"
        )
    resolved = inputs.resolve(load_scenario(path / directory.SCENARIO))
    workload = tables.read_csv(path / directory.WORKLOAD, resolved.system)
    return assemble(path, record, resolved, workload)


def assemble(path: Path, record: RecordedRows, resolved: Resolved, workload: Sequence[Task]) -> RecordedRun:
    """A run from its parts. One that goes on, or whose launcher died, ends at its last recorded instant for now."""
    reason = str(
        record.meta.get("reason", STILL_RUNNING if is_running(record.meta, path / directory.RECORD) else INTERRUPTED)
    )
    end_ns = int(record.meta.get("end_ns", last_instant_ns(record)))
    absences = absences_of(record.events)
    tasks = ended.last_rows(resolved.system, workload, record.tasks, absences, end_ns, reason)
    return RecordedRun(
        path=path,
        meta=record.meta,
        resolved=resolved,
        workload=workload,
        record=record,
        tasks=tasks,
        absences=absences,
        end_ns=end_ns,
        reason=reason,
        strays=ended.strays(resolved.system, workload, record.tasks),
    )


def last_instant_ns(record: RecordedRows) -> int:
    """The last instant that any row knows of."""
    slots, events = ColumnTable.of(SlotRow, record.slots), ColumnTable.of(EventRow, record.events)
    known = ColumnTable.of(TaskRow, record.tasks).ints("finished_ns"), slots.ints("at_ns"), events.ints("at_ns")
    return max(int(instants.max(initial=0)) for instants in known)


def absences_of(events: Iterable[EventRow]) -> dict[str, list[Absence]]:
    """Each process' intervals [death, restart) in ns, restart -1 if it never came back."""
    absences: dict[str, list[Absence]] = {}
    for event in sorted(events, key=lambda event: event.at_ns):
        intervals = absences.setdefault(event.source, []) if event.kind in (DIED, RESTARTED) else []
        if event.kind == DIED:
            intervals.append((event.at_ns, -1))
        elif event.kind == RESTARTED and intervals:
            intervals[-1] = (intervals[-1][0], event.at_ns)
    return absences
