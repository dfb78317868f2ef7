"""The kinds of value a scenario's field can hold: how a scalar is read, which range it keeps, how it is written."""

import math
import re
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec

from testbed.model.errors import InvalidError, did_you_mean
from testbed.scenario import units

_NAME = re.compile(r"\w[\w .-]{0,99}")


class Scalar(Protocol):
    """A kind whose value is written as one word or quantity."""

    def parse(self, text: str) -> Any:
        """The value of ``text``; raises `InvalidError`."""

    def write(self, value: Any) -> str:
        """Text that `parse` turns into the very same value."""


@dataclass(frozen=True)
class Range:
    """Bounds of a value; ``above`` excludes the lower one."""

    low: float = -math.inf
    high: float = math.inf
    above: bool = False

    def check(self, value: float, text: str, low: str, high: str) -> None:
        """Raise `InvalidError` if ``value``, written ``text``, is out of range, from ``low`` to ``high`` as written."""
        if value < self.low or (self.above and value == self.low):
            raise InvalidError(
                f'"{text}" is out of range', f"must be {'more than' if self.above else 'at least'} {low}"
            )
        if value > self.high:
            raise InvalidError(f'"{text}" is out of range', f"must be at most {high}")


@dataclass(frozen=True)
class Quantity:
    """A number with a unit of ``dimension``; ``words`` maps words such as "unlimited" to values."""

    dimension: str
    range: Range = Range(low=0.0)
    words: dict[str, float] = field(default_factory=dict)

    def parse(self, text: str) -> float:
        """See `Scalar`."""
        if text.strip() in self.words:
            return self.words[text.strip()]
        value = units.parse(text, self.dimension)
        low = "0" if self.range.low == 0 else units.exact(self.range.low, self.dimension)
        self.range.check(value, text, low, units.exact(self.range.high, self.dimension))
        return value

    def write(self, value: float) -> str:
        """See `Scalar`."""
        for word, meaning in self.words.items():
            if value == meaning:
                return word
        return units.exact(value, self.dimension)


@dataclass(frozen=True)
class Number:
    """A plain number; ``whole`` for integers; ``words`` as in `Quantity`."""

    range: Range = Range()
    whole: bool = False
    words: dict[str, float] = field(default_factory=dict)

    def parse(self, text: str) -> float:
        """See `Scalar`."""
        if text.strip() in self.words:
            return self.words[text.strip()]
        try:
            value = units.number(text)
        except InvalidError as error:
            hint = f", or {' or '.join(self.words)}" if self.words else ""
            raise InvalidError(error.message, f"write a {'whole ' if self.whole else ''}number{hint}") from error
        if self.whole:
            value = self._whole(text)
        self.range.check(value, text, f"{self.range.low:g}", f"{self.range.high:g}")
        return value

    def _whole(self, text: str) -> int:
        try:
            return int(text)
        except ValueError:
            raise InvalidError(f'"{text}" is not a whole number', "write a whole number") from None

    def write(self, value: float) -> str:
        """See `Scalar`."""
        for word, meaning in self.words.items():
            if value == meaning:
                return word
        return repr(value)


@dataclass(frozen=True)
class Choice:
    """One of a few words."""

    names: tuple[str, ...]

    def parse(self, text: str) -> str:
        """See `Scalar`."""
        if text not in self.names:
            hint = did_you_mean(text, self.names)
            known = f"one of: {', '.join(self.names)}"
            raise InvalidError(f'"{text}" is not {known}', hint if hint.startswith("did") else "")
        return text

    def write(self, value: str) -> str:
        """See `Scalar`."""
        return value


@dataclass(frozen=True)
class Text:
    """Any text but none."""

    what: str = "text"

    def parse(self, text: str) -> str:
        """See `Scalar`."""
        if not text.strip():
            raise InvalidError(f"no {self.what} given")
        return text

    def write(self, value: str) -> str:
        """See `Scalar`."""
        return value


@dataclass(frozen=True)
class Name:
    """A name that can also name a directory."""

    def parse(self, text: str) -> str:
        """See `Scalar`."""
        if _NAME.fullmatch(text) is None:
            raise InvalidError(f'"{text}" is not a name', "write letters, digits, spaces, - _ . only")
        return text

    def write(self, value: str) -> str:
        """See `Scalar`."""
        return value


class Draw(msgspec.Struct, frozen=True):
    """A constant or a distribution.

    ``kind`` is constant, uniform, choice, quantiles, each, per_bit, exponential, normal or none.

    ``values`` are in the unit of the field: one constant; low and high; the choices;
    values that are evenly likely to lie between, ascending; one value for each UE; cycles a
    bit; the mean; mean and standard deviation.
    """

    kind: str
    values: tuple[float, ...] = ()

    def real(self, u: float, position: int = 0) -> float:
        """The draw for a uniform ``u`` in [0, 1); ``position`` of the UE in its cell selects from ``each``."""
        if self.kind == "uniform":
            low, high = self.values
            return low + u * (high - low)
        if self.kind == "choice":
            return self.values[int(u * len(self.values))]
        if self.kind == "quantiles":
            place = u * (len(self.values) - 1)
            below = int(place)
            return self.values[below] + (place - below) * (self.values[below + 1] - self.values[below])
        return self.values[position] if self.kind == "each" else self.values[0]

    def whole(self, u: float, position: int = 0) -> int:
        """As `real`, for integers: ``floor(low + u·(high − low) + 0.5)``."""
        value = self.real(u, position)
        return value if isinstance(value, int) else int(math.floor(value + 0.5))


@dataclass(frozen=True)
class Variant:
    """A `Draw`: a constant of kind ``constant`` (or none), or a mapping of one of ``options`` to its values.

    An option is (kind of the values, how many; 0 for any number from 1).
    """

    constant: Scalar | None
    options: dict[str, tuple[Scalar, int]]


def drawn(kind: Scalar, *, each: bool = False) -> Variant:
    """The usual distributions over ``kind``: uniform, choice, quantiles and, within a cell, each."""
    options = {"uniform": (kind, 2), "choice": (kind, 0), "quantiles": (kind, 0)}
    return Variant(kind, options | {"each": (kind, 0)} if each else options)


@dataclass(frozen=True)
class Items:
    """A list of scalars."""

    item: Scalar


@dataclass(frozen=True)
class Sections:
    """A list of sections of struct ``of``; ``shorthand`` as in `Section`."""

    of: type[msgspec.Struct]
    shorthand: str = ""


@dataclass(frozen=True)
class Section:
    """A mapping that becomes struct ``of``; ``shorthand`` names the field that a bare scalar sets ("" for none)."""

    of: type[msgspec.Struct]
    shorthand: str = ""


Kind = Scalar | Variant | Items | Sections | Section
