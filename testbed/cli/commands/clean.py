"""``testbed clean``: remove runs below ``runs/``, after asking."""

import argparse
import shutil
from pathlib import Path

from testbed.cli.console import print_text
from testbed.model.errors import UsageError
from testbed.model.human import size
from testbed.model.printable import printable
from testbed.record import directory, reader
from testbed.record.files import unwritable


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("runs", nargs="*", metavar="RUN", help="name or directory of a run below runs/ (all)")
    parser.add_argument("--keep", type=int, default=0, metavar="N", help="keep the N latest (0)")
    parser.add_argument("--yes", action="store_true", help="do not ask")


def main(args: argparse.Namespace) -> int:
    """Remove runs; returns the exit code."""
    if args.keep < 0:
        raise UsageError(f"--keep {args.keep}", "give the number of runs to keep, 0 or more")
    candidates = {_removable(name) for name in args.runs} if args.runs else set(all_runs())
    doomed = sorted(candidates, key=_recorded_at, reverse=True)[args.keep :]
    running = [path for path in doomed if _is_running(path / directory.RECORD)]
    for path in running:
        print_text(f"{_shown(path)} is still running: kept")
    doomed = [path for path in doomed if path not in running]
    if not doomed:
        print_text("nothing to remove")
        return 0
    if not args.yes and not _agreed(doomed):
        print_text("nothing removed")
        return 0
    for path in doomed:
        try:
            shutil.rmtree(path)
        except OSError as error:
            raise unwritable(path, error) from None
        print_text(f"  {_shown(path)}: removed")
    print_text(f"removed {_runs(doomed)}")
    return 0


def all_runs() -> list[Path]:
    """Every directory below ``runs`` that holds a record, resolved; a link to one elsewhere is none of them."""
    return [
        path.parent.resolve() for path in directory.RUNS.glob(f"*/{directory.RECORD}") if not path.parent.is_symlink()
    ]


def _is_running(record: Path) -> bool:
    return reader.is_running(reader.read_meta(record), record)


def _removable(name: str) -> Path:
    """The resolved directory of a run that may be removed; `UsageError` for a file, and for all outside ``runs``."""
    for path in (Path(name), directory.RUNS / name):
        if path.exists() and not path.is_dir():
            raise UsageError(
                f'"{name}" is a file, not the directory of a run', "give the name of a run, like region-lc-001"
            )
    path, root = reader.find(name).resolve(), directory.RUNS.resolve()
    if path == root or not path.is_relative_to(root):
        raise UsageError(
            f'"{name}" is {path}, which is not below {root}',
            "only runs below runs/ are removed; remove a run that was given a place with --out by hand",
        )
    return path


def _recorded_at(path: Path) -> int:
    """When the record was last written, in ns since 1970."""
    return (path / directory.RECORD).stat().st_mtime_ns


def _agreed(doomed: list[Path]) -> bool:
    for path in doomed:
        print_text(f"  {_shown(path)}: {_contents(path)}")
    try:
        answer = input(f"remove {_runs(doomed)}? [y/N] ")
    except EOFError:
        print_text()
        raise UsageError(f"nothing removed: nobody said whether to remove {_runs(doomed)}", "add --yes") from None
    return answer.strip().lower() in ("y", "yes")


def _contents(path: Path) -> str:
    """How many files go with a run, and their size."""
    files = [file for file in path.rglob("*") if file.is_file() and not file.is_symlink()]
    total = sum(file.stat().st_size for file in files)
    return f"{len(files)} file{'s' if len(files) != 1 else ''}, {size(total)}"


def _shown(path: Path) -> str:
    """A run as the user knows it: from the working directory where it lies below that, else in full."""
    here = Path.cwd()
    return printable(str(path.relative_to(here) if path.is_relative_to(here) else path))


def _runs(paths: list[Path]) -> str:
    return f"{len(paths)} run{'s' if len(paths) != 1 else ''}"
