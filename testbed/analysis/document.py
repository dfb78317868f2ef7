"""Documents as JSON (pure): what is no number becomes null, what is no text becomes readable."""

import math
import re

import msgspec

from testbed.model.printable import readable

_CONTROLS = re.compile("[\x7f-\x9f\u2028\u2029]")


def to_json(document: object) -> str:
    """``document`` as indented JSON; numbers that are none (NaN, infinities) become null, names are `readable`.

    Control characters are escaped, those too that JSON lets stand.
    """
    text = msgspec.json.format(msgspec.json.encode(_plain(msgspec.to_builtins(document))), indent=2).decode()
    return _CONTROLS.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def to_json_line(document: object) -> str:
    """As `to_json`, in one line."""
    text = msgspec.json.encode(_plain(msgspec.to_builtins(document))).decode()
    return _CONTROLS.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def _plain(value: object) -> object:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, str):
        return readable(value)
    if isinstance(value, dict):
        return {_plain(key): _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value
