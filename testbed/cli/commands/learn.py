"""``testbed learn``: pause and resume the learning of a run that goes on."""

import argparse

from testbed.cli.console import print_text
from testbed.model.errors import UsageError
from testbed.protocol.rows import PAUSE, RESUME
from testbed.record import directory, learning_requests, reader


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("run", metavar="RUN", help="directory or name of a run that goes on")
    parser.add_argument(
        "do", choices=(PAUSE, RESUME), help="pause: decide by what was learned so far; resume: go on learning"
    )


def main(args: argparse.Namespace) -> int:
    """Pause or resume; returns the exit code."""
    path = reader.find(args.run)
    record = path / directory.RECORD
    meta = reader.read_meta(record)
    if not meta.get("learn"):
        raise UsageError(f"{args.run} does not learn", "start a run with --learn")
    if "reason" in meta or not reader.is_running(meta, record):
        raise UsageError(f"{args.run} has ended: nothing learns from it any more", "name a run that goes on")
    changed = learning_requests.pause(path) if args.do == PAUSE else learning_requests.resume(path)
    done = {PAUSE: "learning is paused", RESUME: "learning goes on"}[args.do]
    print_text(f"{args.run}: {done}" if changed else f"{args.run}: {done} already")
    return 0
