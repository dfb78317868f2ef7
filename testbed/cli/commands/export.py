"""``testbed export``: the tables of a run as files."""

import argparse
import sys
from pathlib import Path

from testbed.cli.console import print_text
from testbed.cli.progress import ProgressDisplay
from testbed.model.printable import printable
from testbed.record import export, reader


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("run", help="directory or name of a run")
    parser.add_argument("--format", choices=export.FORMATS, default="csv", help="csv")
    parser.add_argument("--out", metavar="DIR", help="where to write (RUN/export)")


def main(args: argparse.Namespace) -> int:
    """Write the tables of a run as files; returns the exit code."""
    with ProgressDisplay(sys.stderr, plain=False) as display:
        display(f"reading {args.run}")
        run = reader.read_run(args.run)
        folder = Path(args.out) if args.out else run.path / "export"
        written = export.export(run, args.format, folder, lambda table: display(f"writing {table}"))
    for file, rows in written.items():
        print_text(f"{printable(str(file))}: {rows} rows")
    return 0
