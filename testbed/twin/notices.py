"""What compiled code has to say to whoever waits for it, on standard error: that it is being compiled, or not kept."""

import contextlib
import sys
from typing import TextIO

CLEAR = "\r\x1b[K"
_said: set[str] = set()


def say(text: str) -> None:
    """Write one line; nobody fails because it cannot be written."""
    stream = sys.stderr
    if stream is None:
        return
    with contextlib.suppress(OSError, ValueError):
        stream.write(f"{CLEAR if _rewrites(stream) else ''}{text}\n")
        stream.flush()


def say_once(text: str) -> None:
    """`say` it, unless this process has."""
    if text not in _said:
        _said.add(text)
        say(text)


def show(text: str) -> None:
    """Let ``text`` be the terminal's last line until something else is, or "" for none; nothing goes into a pipe."""
    stream = sys.stderr
    if stream is not None and _rewrites(stream):
        with contextlib.suppress(OSError, ValueError):
            stream.write(f"{CLEAR}{text}")
            stream.flush()


def _rewrites(stream: TextIO) -> bool:
    """Whether ``stream`` is a terminal that nobody draws on: a bar that is shown replaces standard error."""
    return stream is sys.__stderr__ and stream.isatty()
