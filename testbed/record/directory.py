"""Directories of runs: ``runs/<name>/`` with the resolved scenario, the workload and, as the run goes, its record."""

import contextlib
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from testbed.model.errors import StartError, UsageError
from testbed.model.task import Task
from testbed.record.files import unwritable
from testbed.scenario import workload as tables
from testbed.scenario.dump import dump_resolved
from testbed.scenario.resolve import Resolved

RUNS = Path("runs")
SCENARIO, WORKLOAD, RECORD = "scenario.yaml", "workload.csv", "run.db"
BESIDE_RECORD = ("", "-wal", "-shm", "-journal")
LONGEST_PATH = 500  # SQLite's limit is 512, its journal's suffix included


def slug(text: str) -> str:
    """``text`` as part of a file name: a policy's checkpoint or module path is left out."""
    word = re.sub(r"[^A-Za-z0-9._-]+", "-", text.split(":")[0]).strip("-.")
    return word[:60] or "run"


def create(base: str, out: str | None = None) -> Path:
    """A fresh directory: ``out`` if given, otherwise ``runs/<base>-NNN`` with the first free number.

    Of several commands that are given the same ``out`` at once, the one that makes its scenario's file has it.

    Raises `UsageError` if ``out`` holds anything already, `StartError` if it cannot be made or written.
    """
    return _given(Path(out)) if out else _numbered(base)


def _given(path: Path) -> Path:
    length = len(os.fsencode(path.absolute() / RECORD))
    if length > LONGEST_PATH:
        why = f"--out: File name too long: its record's has {length} bytes, and {LONGEST_PATH} are possible"
        raise StartError(why, "choose a shorter one")
    taken = UsageError(f"--out {path} is not empty", "choose another directory, or remove this one first")
    try:
        if path.exists() and not path.is_dir():
            raise UsageError(f"--out {path} is a file", "give the name of a new directory")
        path.mkdir(parents=True, exist_ok=True)
        if any(path.iterdir()):
            raise taken
        (path / SCENARIO).touch(exist_ok=False)
    except FileExistsError:
        raise taken from None
    except OSError as error:
        raise unwritable(path, error) from None
    return path


def _numbered(base: str) -> Path:
    try:
        RUNS.mkdir(parents=True, exist_ok=True)
        taken = [_suffix(path.name, base) for path in RUNS.iterdir()]
        number = max(taken, default=0) + 1
        while True:
            path = RUNS / f"{base}-{number:03d}"
            try:
                path.mkdir()
            except FileExistsError:
                number += 1
            else:
                return path
    except OSError as error:
        raise unwritable(RUNS, error) from None


def _suffix(name: str, base: str) -> int:
    rest = name.removeprefix(f"{base}-")
    return int(rest) if rest != name and rest.isascii() and rest.isdigit() else 0


def write_inputs(path: Path, resolved: Resolved, workload: Sequence[Task], header: str) -> None:
    """Write what a replay needs; ``header`` becomes comment lines of the scenario. Raises `StartError`."""
    try:
        (path / SCENARIO).write_text(dump_resolved(resolved, header), encoding="utf-8")
        tables.write_csv(path / WORKLOAD, workload, resolved.system)
    except OSError as error:
        raise unwritable(path, error) from None


@contextlib.contextmanager
def whole_or_gone(path: Path) -> Iterator[None]:
    """Removes the inputs and the record in ``path`` again if not all of them can be written, and then the directory: it
    would be no run, and its name would be taken.
    """
    try:
        yield
    except BaseException:
        with contextlib.suppress(OSError):
            for name in (SCENARIO, WORKLOAD, *(f"{RECORD}{suffix}" for suffix in BESIDE_RECORD)):
                (path / name).unlink(missing_ok=True)
            path.rmdir()
        raise


def latest() -> Path | None:
    """The most recent run below ``runs``, if there is one."""
    if not RUNS.is_dir():
        return None
    recorded = [path for path in RUNS.iterdir() if (path / RECORD).is_file()]
    return max(recorded, key=lambda path: (path / RECORD).stat().st_mtime, default=None)
