"""JSON lines: an object a line, of which some values are wanted."""

from collections.abc import Sequence
from typing import TypeVar

import msgspec
import numpy as np

from testbed.model.errors import ScenarioError, did_you_mean
from testbed.scenario.decimals import Ints, Letters, Reals
from testbed.scenario.table_text import LINE_END
from testbed.trace.instants import in_ns, of_dates
from testbed.trace.lines import Line

_OPEN, _CLOSE = ord("{"), ord("}")
Values = Sequence[float | str]
Kind = TypeVar("Kind")


def is_one(text: bytes) -> bool:
    """Whether a line, or the first of a block, is an object and no row of CSV."""
    return text.lstrip().startswith(b"{")


def is_one_a_line(block: bytes) -> bool:
    """Whether each line of a block seems to hold one object, and nothing else."""
    letters = np.frombuffer(block.removesuffix(b"\n") + b"\n", np.uint8)
    ends = np.flatnonzero(letters == LINE_END)
    begins = np.concatenate([[0], ends[:-1] + 1])
    return bool((letters[begins] == _OPEN).all() and (letters[np.maximum(ends - 1, 0)] == _CLOSE).all())


def objects(block: bytes, decoder: msgspec.json.Decoder[Kind]) -> list[Kind] | None:
    """The objects of a block, as ``decoder`` reads them; None if that may not be one a line."""
    if not is_one_a_line(block):
        return None
    try:
        block.decode()
        found = decoder.decode_lines(block)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    return found if len(found) == block.removesuffix(b"\n").count(b"\n") + 1 else None


def plain(block: bytes, names: Sequence[str]) -> "PlainValues | None":
    """The values called ``names`` of each object of a block; None if anything is wrong with one."""
    different = list(dict.fromkeys(names))
    fields = [(f"value_{at}", float | int | str, msgspec.field(name=name)) for at, name in enumerate(different)]
    found = objects(block, msgspec.json.Decoder(msgspec.defstruct("Row", fields)))
    if found is None:
        return None
    columns = [[getattr(row, field[0]) for row in found] for field in fields]
    return PlainValues([columns[different.index(name)] for name in names])


class PlainValues:
    """Columns of numbers, or of dates."""

    def __init__(self, columns: Sequence[Values]) -> None:
        self._columns = columns

    def reals(self, column: int) -> Reals | None:
        """As `testbed.trace.table_part.Plain.reals`."""
        try:
            found = np.array([float(value) for value in self._columns[column]])
        except (ValueError, OverflowError):
            return None
        return found if np.isfinite(found).all() else None

    def instants_ns(self, column: int, size: float) -> Ints | None:
        """As `testbed.trace.table_part.Plain.instants_ns`."""
        values = self._columns[column]
        if size == 0.0:
            return of_dates(*cells_of(values)) if all(isinstance(value, str) for value in values) else None
        if (reals := self.reals(column)) is None or any(isinstance(value, str) for value in values):
            return None
        is_whole = np.array([isinstance(value, int) and 0 <= value < 2**63 for value in values])
        wholes = [int(value) if whole else 0 for value, whole in zip(values, is_whole.tolist(), strict=True)]
        return in_ns(reals, np.array(wholes, np.int64), is_whole, size)


def cells_of(values: Values) -> tuple[Letters, Ints, Ints]:
    """Texts as letters, and where each begins and ends."""
    encoded = [str(value).strip().encode() for value in values]
    end = np.cumsum([len(text) + 1 for text in encoded]) - 1
    letters = np.frombuffer(b"\n".join(encoded) + b"\n", np.uint8)
    return letters, np.concatenate([[0], end[:-1] + 1]), end


def row(line: Line, names: Sequence[str]) -> Line:
    """A line that is an object as a row; its values stand where they are first written so. Raises `ScenarioError`."""
    try:
        value = msgspec.json.decode(line.text, type=dict[str, object])
    except msgspec.MsgspecError as error:
        raise ScenarioError(
            f"this is no JSON object: {error}", line.file, line.number, 1, line.text, remedy="write one a line"
        ) from None
    missing = [name for name in names if name not in value]
    if missing:
        raise line.error(0, f'there is no "{missing[0]}"', did_you_mean(missing[0], list(value)))
    cells = [(line.text.find(f'"{name}"') + 1, str(value[name])) for name in names]
    return Line(line.file, line.number, line.text, cells)
