"""``testbed export``: the tables of a run as files."""

import argparse
from pathlib import Path

from testbed.run import export, record, rundir



def add(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("run", help="directory or name of a run")
    parser.add_argument("--format", choices=export.FORMATS, default="csv", help="csv")
    parser.add_argument("--out", metavar="DIR", help="where to write (RUN/export)")


def main(args: argparse.Namespace) -> int:
    """Do it; returns the exit code."""
    path = record.find(args.run)
    found = record.read_record(path / rundir.RECORD)
    for file, rows in export.write(found, Path(args.out) if args.out else path / "export", args.format):
        print(f"{file}: {rows} rows")
    return 0
