"""``testbed init``: an annotated scenario to start from."""

import argparse
import shlex
from pathlib import Path

from testbed.model.errors import StartError, UsageError
from testbed.model.load import SUFFIXES, shipped
from testbed.node.files import replacing

ANNOTATED = "annotated"


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("name", nargs="?", default="scenario", help="name of the scenario (scenario)")


def main(args: argparse.Namespace) -> int:
    """Do it; returns the exit code."""
    path = Path(args.name)
    if path.suffix not in SUFFIXES:
        path = path.with_name(path.name + ".yaml")
    text = shipped()[ANNOTATED].read_text(encoding="utf-8")
    lines = [
        line.replace(f"name: {ANNOTATED}", f"name: {path.stem}", 1) if line.startswith("name:") else line
        for line in text.splitlines()
    ]
    try:
        if path.exists():
            raise UsageError(f"{path} exists", "choose another name, or remove it first")
        with replacing(path) as file:
            file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    except OSError as error:
        raise StartError(f"{path} cannot be written: {error.strerror}", "choose another place") from None
    named = shlex.quote(str(path))
    print(f"{path}: change it, then `testbed check {named}` and `testbed run {named}`")
    return 0
