"""``testbed export``: the tables of a run as files."""

import argparse
from pathlib import Path

from testbed.model.printable import printable
from testbed.record import export, reader


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("run", help="directory or name of a run")
    parser.add_argument("--format", choices=export.FORMATS, default="csv", help="csv")
    parser.add_argument("--out", metavar="DIR", help="where to write (RUN/export)")


def main(args: argparse.Namespace) -> int:
    """Write a run's tables as files; returns the exit code."""
    run = reader.read_run(args.run)
    folder = Path(args.out) if args.out else run.path / "export"
    for file, rows in export.export(run, args.format, folder).items():
        print(f"{printable(str(file))}: {rows} rows")
    return 0
