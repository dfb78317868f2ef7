"""What ``testbed import`` does, without the command line."""

from pathlib import Path

from testbed.trace import convert as core
from testbed.trace.notes import quiet


def convert(kind, files, out, options=None, say=quiet):
    """Convert ``files`` into ``out``; returns the line that says what is in it."""
    text, said = core.convert(kind, files, options, say)
    Path(out).write_text(text, encoding="utf-8", newline="\n")
    return f"{out}: {said}"
