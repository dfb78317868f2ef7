"""``testbed down``: the containers of a run ended and removed; what it recorded is kept."""

import argparse
import sys
from pathlib import Path

from testbed.cli.commands.up import COMPOSE_FILE
from testbed.cli.progress import ProgressDisplay
from testbed.compose.engine import Engine
from testbed.model.errors import UsageError
from testbed.model.exit_codes import EXIT_OK


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "-f", dest="file", metavar="FILE", default=str(COMPOSE_FILE), help=f"the file of the run ({COMPOSE_FILE})"
    )


def main(args: argparse.Namespace) -> int:
    """End and remove what `testbed up` started here; returns the exit code."""
    take_down(Path(args.file))
    return EXIT_OK


def take_down(file: Path = COMPOSE_FILE) -> None:
    """Stop and remove the containers, their network and volume."""
    if not file.is_file():
        raise UsageError(f"nothing was brought up here: there is no {file}", "start a run with `testbed up`")
    with ProgressDisplay(sys.stderr, plain=False, title="removing containers"):
        Engine().down(file)
