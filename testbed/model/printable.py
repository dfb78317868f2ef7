"""Foreign text made fit for a terminal: control characters are shown, never sent."""

import re

_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]"
)


def printable(text: str) -> str:
    """``text`` with control characters, bidirectional overrides and bytes that are no text written as ``\\x1b``.

    Line feeds and tabs stay. What is printable already is returned as it is.
    """
    return _UNSAFE.sub(_escaped, text)


def readable(text: str) -> str:
    """``text``, a file's name perhaps, as it can be stored: bytes that are no text in this locale may be in others."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _escaped(match: re.Match[str]) -> str:
    code = ord(match[0])
    if 0xDC80 <= code <= 0xDCFF:  # a byte of a file name that is not UTF-8, as Python keeps it
        code -= 0xDC00
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
