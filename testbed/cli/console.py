"""What verbs print: JSON documents, plain lines, progress; a reader that went away is no error."""

import contextlib
import sys
import time
from typing import TextIO

from testbed.analysis.document import to_json
from testbed.cli.encoding import ascii_json
from testbed.cli.layout import one_line, width
from testbed.live.progress import Progress
from testbed.model.printable import printable

EVERY_S = 2.0


def print_json(document: object) -> None:
    """Print one JSON document to standard output."""
    print(ascii_json(to_json(document), sys.stdout), flush=True)


def warn(text: str) -> None:
    """One message on standard error; a run goes on even when nobody can be told."""
    with contextlib.suppress(OSError):
        print(printable(text), file=sys.stderr, flush=True)


class Ticker:
    """Progress of a run: one line that is rewritten on a terminal, otherwise, or ``plain``, a line every 2 s."""

    def __init__(self, end_ns: int, stream: TextIO, *, plain: bool = False) -> None:
        self._end_s, self._stream = end_ns * 1e-9, stream
        self._rewrites = stream.isatty() and not plain
        self._every = 0.2 if self._rewrites else EVERY_S
        self._next = time.monotonic() + self._every
        self._open = False

    def __call__(self, progress: Progress) -> None:
        """Say how far the run is, if it is time to."""
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + self._every
        text = self._text(progress)
        if self._rewrites:
            self._stream.write(f"\r\x1b[K{one_line(text, width(self._stream))}")
            self._open = True
        else:
            self._stream.write(f"{text}\n")
        self._stream.flush()

    def _text(self, progress: Progress) -> str:
        if progress.phase == "starting":
            return f"starting: {progress.alive} of {progress.processes} processes are ready"
        at = f"{progress.now_ns * 1e-9:.1f} of {self._end_s:.{0 if self._end_s >= 10 else 1}f} s"
        silent = f", no sign of life from {', '.join(progress.silent[:3])}" if progress.silent else ""
        return f"{progress.phase}: {at}, {progress.finished} of {progress.total} tasks ended{silent}"

    def done(self) -> None:
        """Leave the line."""
        if self._open:
            self._stream.write("\r\x1b[K")
            self._stream.flush()
            self._open = False
