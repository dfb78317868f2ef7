"""``testbed up``: a run in containers, started and left running."""

import argparse
import sys

from testbed.cli import containers
from testbed.cli.console import print_text, warn
from testbed.cli.progress import ProgressDisplay
from testbed.compose.engine import Engine
from testbed.live.interrupts import stop_on_interrupt
from testbed.model.exit_codes import EXIT_OK
from testbed.record.directory import RUNS
from testbed.record.files import keep

COMPOSE_FILE = RUNS / "compose.yaml"
LOG_END_S = 10.0


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    containers.add(parser)
    parser.add_argument("--out", metavar="DIR", help="directory of the run, below runs (default: runs/NAME)")
    parser.add_argument("--strict", action="store_true", help="exit 5 if fidelity is below B")
    parser.add_argument("--build", action="store_true", help="build the images again")
    parser.add_argument("--follow", action="store_true", help="show what it prints until it ends, then take it down")


def main(args: argparse.Namespace) -> int:
    """Start the run; returns the exit code, with ``--follow`` that of the run."""
    bring_up(args)
    if not args.follow:
        print_text("the run goes on: `testbed watch` looks at it, `testbed down` ends it; its record comes below runs/")
        return EXIT_OK
    try:
        return follow()
    finally:
        Engine().down(COMPOSE_FILE)


def bring_up(args: argparse.Namespace) -> None:
    """Write the file of the run that ``args`` describe, build what images are missing, start the containers."""
    planned = containers.planned(args)
    engine = Engine()
    engine.must_be_free()
    keep(COMPOSE_FILE, containers.written(args, planned, COMPOSE_FILE, containers.as_typed("up", args)).encode())
    if getattr(args, "build", False) or not all(map(engine.has_image, containers.images(learns=args.learn))):
        warn("building images")
        engine.build(COMPOSE_FILE, planned.built)
    try:
        with ProgressDisplay(sys.stderr, plain=False, title="starting containers"):
            engine.up(COMPOSE_FILE)
    except BaseException:
        engine.down(COMPOSE_FILE)
        raise


def follow() -> int:
    """Show what the recorder prints; returns its exit code. An interrupt asks the run to end."""
    engine = Engine()
    with stop_on_interrupt(engine.interrupt):
        shown = engine.follow()
        try:
            code = engine.exit_code()
            shown.wait(LOG_END_S)
        finally:
            shown.kill()
            shown.wait()
    return code
