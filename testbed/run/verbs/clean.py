"""``testbed clean``: remove runs, after asking."""

import argparse
import shutil
from pathlib import Path

from testbed.model.errors import UsageError
from testbed.node.files import unwritable
from testbed.run import record, rundir


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("runs", nargs="*", metavar="RUN", help="which (all below runs/)")
    parser.add_argument("--keep", type=int, default=0, metavar="N", help="keep the N latest (0)")
    parser.add_argument("--yes", action="store_true", help="do not ask")


def main(args: argparse.Namespace) -> int:
    """Do it; returns the exit code."""
    found = [record.find(given) for given in args.runs] if args.runs else all_runs()
    doomed = sorted(set(found), key=lambda path: path.stat().st_mtime, reverse=True)[max(0, args.keep) :]
    going = [path for path in doomed if record.is_running(record.read_meta(path / rundir.RECORD))]
    for path in going:
        print(f"{path} is still running: kept")
    doomed = [path for path in doomed if path not in going]
    if not doomed:
        print("nothing to remove")
        return 0
    if not args.yes and not _agreed(doomed):
        print("nothing removed")
        return 0
    for path in doomed:
        try:
            shutil.rmtree(path)
        except OSError as error:
            raise unwritable(path, error) from None
    print(f"removed {_runs(doomed)}")
    return 0


def all_runs() -> list[Path]:
    """Every directory below ``runs`` that holds a record."""
    return [path.parent for path in rundir.RUNS.glob(f"*/{rundir.RECORD}") if not path.parent.is_symlink()]


def _agreed(doomed: list[Path]) -> bool:
    for path in doomed:
        print(f"  {path}")
    try:
        answer = input(f"remove {_runs(doomed)}? [y/N] ")
    except EOFError:
        print()
        raise UsageError(f"nothing removed: nobody said whether to remove {_runs(doomed)}", "add --yes") from None
    return answer.strip().lower() in ("y", "yes")


def _runs(paths: list[Path]) -> str:
    return f"{len(paths)} run{'s' if len(paths) != 1 else ''}"
