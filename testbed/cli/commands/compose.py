"""``testbed compose``: a scenario as a file for Compose, or as a folder for Docker Swarm or Kubernetes."""

import argparse
import sys
from pathlib import Path

from testbed.cli import containers, shared_runs
from testbed.cli.commands import common
from testbed.cli.console import print_text
from testbed.model.exit_codes import EXIT_OK
from testbed.record.files import keep


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    containers.add(parser)
    parser.add_argument("-o", dest="file", metavar="FILE", help="where to write it (default: standard output)")
    shared_runs.add(parser)


def main(args: argparse.Namespace) -> int:
    """Print or write the file, or the folder; returns the exit code."""
    if args.swarm is not None or args.kubernetes is not None:
        return shared_runs.write(args)
    common.refuse_options({"--nodes": args.nodes}, "is for --swarm and --kubernetes")
    file = Path("compose.yaml") if args.file is None else common.output_file("o", args.file)
    typed = containers.as_typed("compose", args) + ("" if args.file is None else f" -o {args.file}")
    text = containers.written(args, containers.planned(args), file, typed)
    if args.file is None:
        sys.stdout.write(text)
    else:
        keep(file, text.encode())
        print_text(f"{file}: docker compose -f {file} up --build")
    return EXIT_OK
