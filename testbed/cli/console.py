"""The one place that prints for the verbs: text, JSON documents and messages; a reader that went away is no error."""

import contextlib
import sys
from typing import TextIO

from testbed.cli.encoding import ascii_json
from testbed.model.printable import printable


def print_json(document: object) -> None:
    """Print one JSON document to standard output."""
    from testbed.analysis.document import to_json  # what prints no JSON needs no msgspec

    print(ascii_json(to_json(document), sys.stdout), flush=True)


def print_text(text: str = "", *, end: str = "\n", stream: TextIO | None = None, flush: bool = False) -> None:
    """Print ``text`` to standard output, or to ``stream``."""
    print(text, end=end, file=stream, flush=flush)


def warn(text: str) -> None:
    """One message on standard error; a run goes on even when nobody can be told."""
    with contextlib.suppress(OSError):
        print(printable(text), file=sys.stderr, flush=True)
