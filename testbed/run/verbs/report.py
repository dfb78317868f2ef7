"""``testbed report``: the summary of a run that ended, or goes on."""

import argparse
import sys

from testbed.model.errors import UsageError
from testbed.run import record, rundir, session, tables
from testbed.run.colour import coloured
from testbed.run.layout import width
from testbed.run.output import print_json


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("run", nargs="?", help="directory or name of a run (the latest)")
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def main(args: argparse.Namespace) -> int:
    """Do it; returns the exit code."""
    given = args.run or rundir.latest()
    if given is None:
        raise UsageError("there are no runs below runs/ yet", "`testbed run smoke` makes one")
    summary = session.summary_of(record.read_run(given))
    if args.json:
        print_json(summary)
    else:
        print(coloured(tables.text(summary, width(sys.stdout)), sys.stdout), end="")
    return 0
