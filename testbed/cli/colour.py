"""Colour for a terminal: grades, UNSTABLE, warnings and failures stand out. What is no terminal gets plain text."""

import os
import re
from typing import TextIO

GREEN, YELLOW, RED, OFF = "\x1b[32m", "\x1b[33m", "\x1b[1;31m", "\x1b[0m"
DUMB = ("dumb", "unknown")
MARKS = (
    (re.compile(r"(?<=^fidelity   )(?:A(?= )|exact)", re.MULTILINE), GREEN),
    (re.compile(r"(?<=^fidelity   )[BC](?= )", re.MULTILINE), YELLOW),
    (re.compile(r"(?<=^fidelity   )F(?= )", re.MULTILINE), RED),
    (re.compile(r"\bUNSTABLE\b|\bFAILS\b|^LEDGER\b", re.MULTILINE), RED),
    (re.compile(r"^WARNING\b", re.MULTILINE), YELLOW),
)


def is_screen(stream: TextIO) -> bool:
    """Whether ``stream`` is a terminal that can do more than to append letters."""
    return stream.isatty() and os.environ.get("TERM", "").lower() not in DUMB


def wanted(stream: TextIO) -> bool:
    """Whether ``stream`` is a terminal that shows colours; NO_COLOR, if it is set to anything, forbids them."""
    return is_screen(stream) and not os.environ.get("NO_COLOR")


def coloured(text: str, stream: TextIO) -> str:
    """``text`` as it is to be printed on ``stream``; wrap it before, because marks are counted as letters."""
    if not wanted(stream):
        return text
    for mark, colour in MARKS:
        text = mark.sub(lambda match, colour=colour: f"{colour}{match[0]}{OFF}", text)  # type: ignore[misc]
    return text
