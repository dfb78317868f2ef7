"""What ``testbed import`` does, without its options."""

from pathlib import Path

from testbed.cli.commands.import_ import converted
from testbed.trace.convert import ConversionOptions
from testbed.trace.notes import quiet


def convert(kind, files, out, options=None, say=quiet):
    """Convert ``files`` into ``out``; returns the line that says what is in it."""
    return converted(kind, files, Path(out), options or ConversionOptions(), say)
