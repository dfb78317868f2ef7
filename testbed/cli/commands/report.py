"""``testbed report``: the summary of a run that ended, or goes on."""

import argparse
import sys

from testbed.cli import summary_text
from testbed.cli.colour import coloured
from testbed.cli.commands import common
from testbed.cli.console import print_json
from testbed.cli.layout import width
from testbed.model.errors import UsageError
from testbed.record import directory, reader


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("run", nargs="?", help="directory or name of a run (the latest)")
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def main(args: argparse.Namespace) -> int:
    """Do it; returns the exit code."""
    given = args.run or directory.latest()
    if given is None:
        raise UsageError("there are no runs below runs/ yet", "`testbed run smoke` makes one")
    _, summary = common.summarized(reader.find(given), plain=args.json)
    if args.json:
        print_json(summary)
    else:
        print(coloured(summary_text.text(summary, width(sys.stdout)), sys.stdout), end="")
    return 0
