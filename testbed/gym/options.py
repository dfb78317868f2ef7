"""The options of environments: plain values out of whatever a caller gives, and what is wrong with the others."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any

import numpy as np

from testbed.model.errors import UsageError

LARGEST = 1e9


class UnknownOptionError(UsageError, TypeError):
    """An argument that no environment of this kind takes; as a `TypeError`, for clients that try out arguments."""


def refuse_unknown(arguments: Iterable[str], known: Iterable[str], who: str) -> None:
    """Raise `UnknownOptionError` for the first of ``arguments`` that is not ``known`` to ``who``."""
    names = list(known)
    for name in arguments:
        if name not in names:
            what = f"{who} has no option \"{name}\": unexpected keyword argument '{name}'"
            near = get_close_matches(name, names, 1, 0.7)
            raise UnknownOptionError(what, f'did you mean "{near[0]}"?' if near else f"known: {', '.join(names)}")


def refuse_reset_options(options: object, known: Iterable[str] = ()) -> Mapping[str, Any]:
    """The ``options`` of a ``reset``; raises `UsageError` for one that is not ``known``."""
    if options is None:
        return {}
    if not isinstance(options, Mapping):
        raise UsageError(f"reset(): options is {options!r:.60}", "a dict is needed, or None")
    names = list(known)
    for name in options:
        if name not in names:
            remedy = f"known: {', '.join(names)}" if names else "reset() takes a seed only"
            raise UsageError(f'reset(): there is no option "{name}"', remedy)
    return options


def plain(value: object) -> object:
    """``value`` as Python's own number or truth value, if it is NumPy's."""
    if isinstance(value, np.generic) or (isinstance(value, np.ndarray) and value.ndim == 0):
        return value.item()
    return value


def flag(name: str, value: object) -> bool:
    """A truth value; raises `UsageError`."""
    truth = plain(value)
    if not isinstance(truth, bool):
        raise UsageError(f"{name} is {value!r}", "True or False is needed")
    return truth


def count(name: str, value: object, low: int, needed: str) -> int:
    """A whole number of at least ``low``; raises `UsageError` that says what is ``needed``."""
    number = plain(value)
    if isinstance(number, bool) or not isinstance(number, int) or number < low:
        raise UsageError(f"{name} is {value!r}", needed)
    return number


def seconds(name: str, value: object) -> float:
    """Seconds of at least 0; raises `UsageError`."""
    number = plain(value)
    if isinstance(number, (int, float)) and not isinstance(number, bool) and 0.0 <= number < LARGEST:
        return float(number)
    raise UsageError(f"{name} is {value!r}", "seconds are needed, at least 0")


def positive(name: str, value: object) -> float:
    """A number above 0; raises `UsageError`."""
    number = plain(value)
    if isinstance(number, (int, float)) and not isinstance(number, bool) and 0.0 < number < LARGEST:
        return float(number)
    raise UsageError(f"{name} is {value!r}", "a number above 0 is needed")


def one_of(what: str, choice: object, known: Iterable[str]) -> str:
    """``choice`` if it is ``known``; raises `UsageError`."""
    names = list(known)
    if choice not in names:
        raise UsageError(f'unknown {what} "{choice}"', f"known: {', '.join(names)}")
    return str(choice)
