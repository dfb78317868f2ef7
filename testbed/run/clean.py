"""Removal of old runs; one that is still going is left alone."""

import os
import shutil
from pathlib import Path

import msgspec

from testbed.model.errors import TestbedError
from testbed.run import rundir
from testbed.run.record import read_record


class OldRun(msgspec.Struct, frozen=True):
    """A directory that a run left behind, and the bytes it takes."""

    path: Path
    size: int


def old_runs(folder: Path, keep: int = 0) -> list[OldRun]:
    """Runs below ``folder`` that have ended, the oldest first, without the newest ``keep``."""
    if not folder.is_dir():
        return []
    found = [path for path in folder.iterdir() if is_run(path) and not is_running(path)]
    found.sort(key=lambda path: (path.stat().st_mtime, path.name))
    return [OldRun(path, size_of(path)) for path in found[: len(found) - keep if keep else None]]


def is_run(path: Path) -> bool:
    """Whether ``path`` is a directory that `rundir.create` made and filled."""
    if path.is_symlink() or not path.is_dir():
        return False
    inputs = (path / rundir.SCENARIO, path / rundir.WORKLOAD)
    return (path / rundir.RECORD).is_file() or all(file.is_file() for file in inputs)


def is_running(path: Path) -> bool:
    """Whether the launcher that is named in the record still lives, and has not closed it."""
    try:
        meta = read_record(path / rundir.RECORD).meta
    except TestbedError:
        return False
    pid = meta.get("launcher_pid")
    return "reason" not in meta and isinstance(pid, int) and alive(pid)


def alive(pid: int) -> bool:
    """Whether a process ``pid`` exists."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def size_of(path: Path) -> int:
    """Bytes of all files below ``path``."""
    return sum(file.lstat().st_size for file in path.rglob("*") if not file.is_dir())


def remove(runs: list[OldRun]) -> None:
    """Remove the directories. Raises `StartError` for one that cannot be removed."""
    for run in runs:
        try:
            shutil.rmtree(run.path)
        except OSError as error:
            raise rundir.unwritable(run.path, error) from None
