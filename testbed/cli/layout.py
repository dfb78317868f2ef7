"""Text that fits a terminal: lines broken between words; what is no terminal gets whole lines."""

import os
import re
import textwrap
from typing import TextIO

_LABEL = re.compile(r"\S+ {2,}| +")


def width(stream: TextIO) -> int:
    """Columns of the terminal that ``stream`` writes to; 0 if it is none or does not tell."""
    try:
        return os.get_terminal_size(stream.fileno()).columns if stream.isatty() else 0
    except (OSError, ValueError):
        return 0


def wrapped(text: str, columns: int) -> str:
    """``text`` with lines of at most ``columns`` (0: any length), broken between words below what follows a label."""
    return "\n".join(_broken(line, columns) for line in text.split("\n")) if columns else text


def _broken(line: str, columns: int) -> str:
    if len(line) <= columns:
        return line
    label = _LABEL.match(line)
    indent = " " * min(len(label[0]) if label else 2, columns // 3)
    lines = textwrap.wrap(line, columns, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
    return "\n".join(lines)
