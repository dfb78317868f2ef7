"""``testbed init``: an annotated scenario to start from."""

import argparse
import shlex
from pathlib import Path

from testbed.cli.console import print_text
from testbed.model.errors import InvalidError, StartError, UsageError
from testbed.record.files import replacing
from testbed.scenario.fields import Name
from testbed.scenario.load import SUFFIXES, shipped

ANNOTATED = "annotated"


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("name", nargs="?", default="scenario", help="name of the scenario (scenario)")


def _path(name: str) -> Path:
    """The file to write, with a suffix."""
    path = Path(name)
    if path.suffix in SUFFIXES or path.name in ("", ".."):
        return path
    return path.with_name(path.name + ".yaml")


def _must_be_new(path: Path) -> None:
    """Raise `UsageError` if no scenario can have the name of ``path`` or it is there; `OSError` as `os.stat` does."""
    there = path.exists()
    try:
        Name().parse(path.stem)
    except InvalidError as error:
        raise UsageError(f"name of the scenario: {error.message}", error.remedy) from None
    if there:
        raise UsageError(f"{path} exists", "choose another name, or remove it first")


def main(args: argparse.Namespace) -> int:
    """Write an annotated scenario; returns the exit code."""
    path = _path(args.name)
    text = shipped()[ANNOTATED].read_text(encoding="utf-8")
    lines = [
        line.replace(f"name: {ANNOTATED}", f"name: {path.stem}", 1) if line.startswith("name:") else line
        for line in text.splitlines()
    ]
    try:
        _must_be_new(path)
        with replacing(path) as file:
            file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    except OSError as error:
        raise StartError(f"{path} cannot be written: {error.strerror}", "choose another place") from None
    named = shlex.quote(str(path))
    print_text(f"{path}: change it, then `testbed check {named}` and `testbed run {named}`")
    return 0
