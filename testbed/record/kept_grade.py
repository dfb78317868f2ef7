"""What the last summary of a run came to, kept beside its record: a list of runs need not simulate each to grade it."""

import contextlib
import math
import os
import sqlite3
from pathlib import Path

import msgspec

from testbed.model.errors import UsageError
from testbed.model.fidelity import EXACT, GRADES
from testbed.model.statistics import mean
from testbed.record import database, directory
from testbed.record.files import replacing

GRADE_FILE, LONGEST_GRADE_FILE = "verdict.json", 1000
HEADER_BYTES = 100


class KeptGrade(msgspec.Struct, frozen=True):
    """The grade of a run, None where it has none, and its tasks' mean overhead, None where none finished."""

    grade: str | None
    overhead: float | None


class _Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A grade, and what tells the record that it is of from any other."""

    record: str
    grade: KeptGrade = msgspec.field(name="verdict")


def keep(run: Path, grade: KeptGrade) -> None:
    """Keep the grade of a run that ended, for `read_grade`; not of somebody else's, nor where that cannot be done.

    Nothing is written where the same is kept already.
    """
    with contextlib.suppress(OSError):
        if run.stat().st_uid != os.geteuid() or read_grade(run) == grade:
            return
        text = msgspec.json.format(msgspec.json.encode(_Entry(_record_of(run), grade)), indent=2)
        with replacing(run / GRADE_FILE, through_links=False) as beside:
            beside.write_bytes(text + b"\n")


def read_grade(run: Path) -> KeptGrade | None:
    """The grade that was kept of this very record; None if there is none, or what is there is none."""
    file = run / GRADE_FILE
    try:
        if file.is_symlink() or not file.is_file() or file.stat().st_size > LONGEST_GRADE_FILE:
            return None
        entry = msgspec.json.decode(file.read_bytes(), type=_Entry)
        same = entry.record == _record_of(run)
    except (OSError, msgspec.MsgspecError):
        return None
    known = entry.grade.grade is None or entry.grade.grade in (*GRADES, EXACT)
    return entry.grade if same and known else None


def overhead_so_far(file: Path) -> float | None:
    """The mean overhead of the finished tasks of a record; None where none finished, or they cannot be read."""
    try:
        with database.opened(file) as db:
            values = [value for (value,) in db.execute("SELECT overhead FROM tasks WHERE finished_ns >= 0")]
        overhead = mean([float(value) for value in values])
    except (sqlite3.Error, UsageError, TypeError, ValueError):
        return None
    return overhead if math.isfinite(overhead) else None


def _record_of(run: Path) -> str:
    """What changes whenever the record does, and stays when it is copied: SQLite's header and the sizes of its files.

    The header has a counter of changes.
    """
    file = run / directory.RECORD
    sizes = [file.stat().st_size]
    for log in database.LOGS:
        with contextlib.suppress(FileNotFoundError):
            sizes.append(file.with_name(file.name + log).stat().st_size)
    with file.open("rb") as opened:
        return f"{opened.read(HEADER_BYTES).hex()} {' '.join(map(str, sizes))}"
