"""What callers of the Python interface give: its kind is checked, and said in words if it is another one."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from testbed.model.errors import UsageError

POLICIES_REMEDY = 'give some, like policies=["lc", "greedy-do"]'


def place(name: str, value: object) -> str | Path:
    """A name or a path; `UsageError` for anything else, and for an empty one."""
    if not isinstance(value, str | os.PathLike) or not str(value):
        raise UsageError(f"{name} is {value!r:.60}", "a name or a path is needed")
    return value if isinstance(value, str) else Path(value)


def text(name: str, value: object, needed: str) -> str:
    """A text; `UsageError` that says what is ``needed`` for anything else."""
    if not isinstance(value, str):
        raise UsageError(f"{name} is {value!r:.60}", f"{needed} is needed")
    return value


def policy(value: object) -> str:
    """A policy's name. Raises `UsageError`, for a function too."""
    return text("policy", value, 'a name, like "greedy-do", or "module:attribute" of your own')


def policies(value: object) -> list[str]:
    """Names of policies. Raises `UsageError` for none, for a repeated one and for what is no list of names."""
    if isinstance(value, str) or not isinstance(value, Sequence | type(None)):
        raise UsageError(f"policies is {value!r:.60}", 'a list of names is needed, like ["lc", "greedy-do"]')
    names = [policy(one) for one in value or ()]
    if not names:
        raise UsageError("no policies to compare", POLICIES_REMEDY)
    if len(set(names)) < len(names):
        raise UsageError(f"policies is {names!r:.60}", "give different ones")
    return names


def workloads(value: object) -> int:
    """How many workloads to compare on. Raises `UsageError`."""
    number = _plain(value)
    if isinstance(number, bool) or not isinstance(number, int) or number < 1:
        raise UsageError(f"seeds={value!r:.60}", "compare on at least 1 workload; 2 and more give intervals")
    return number


def changes(values: object) -> list[str]:
    """The changes of a scenario, by key, as ``--set`` takes them. Raises `UsageError`."""
    if not isinstance(values, Mapping):
        raise UsageError(f"changes is {values!r:.60}", 'a mapping is needed, like {"density": 0.9}')
    return [f"{key}={_written(str(key), value)}" for key, value in values.items()]


def _written(key: str, value: object) -> str:
    """A change's value as a scenario file would hold it."""
    plain = _plain(value)
    if not isinstance(plain, bool | list | tuple | dict):
        return str(plain)
    try:
        return json.dumps(plain, default=_plain_or_text)
    except (TypeError, ValueError):
        raise UsageError(f"{key} is {value!r:.60}", "numbers, texts, lists and mappings of them are needed") from None


def _plain(value: object) -> object:
    """NumPy's numbers and arrays as Python's own; anything else as it is."""
    return value.tolist() if hasattr(value, "tolist") else value


def _plain_or_text(value: object) -> object:
    """What JSON cannot hold: a number or an array of NumPy's, or a path. Raises `TypeError` for the rest."""
    if isinstance(value, os.PathLike):
        return str(value)
    if not hasattr(value, "tolist"):
        raise TypeError
    return value.tolist()
