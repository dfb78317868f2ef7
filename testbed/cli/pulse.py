"""One-line progress: rewritten on a terminal, otherwise a line every two seconds."""

import time
from typing import TextIO

from testbed.cli.layout import one_line, width

EVERY_S, EVERY_S_ON_TERMINAL = 2.0, 0.2


class Pulse:
    """Shows texts on ``stream``, not more often than a reader can follow; if ``plain``, never rewritten."""

    def __init__(self, stream: TextIO, *, plain: bool = False) -> None:
        self._stream = stream
        self._rewrites = stream.isatty() and not plain
        self._every = EVERY_S_ON_TERMINAL if self._rewrites else EVERY_S
        self._next = time.monotonic() + self._every
        self._open = False

    def __call__(self, text: str) -> None:
        """Show ``text`` if it is time to."""
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + self._every
        shown = f"\r\x1b[K{one_line(text, width(self._stream))}" if self._rewrites else f"{text}\n"
        self._stream.write(shown)
        self._stream.flush()
        self._open = self._rewrites

    def done(self) -> None:
        """Leave the line."""
        if self._open:
            self._stream.write("\r\x1b[K")
            self._stream.flush()
            self._open = False
