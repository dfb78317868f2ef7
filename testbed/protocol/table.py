"""Rows as columns: a table behaves as the list of its rows, each made when it is asked for, and has numpy arrays.

So what handles a run of millions of tasks never holds a row of each, and what looks at a few rows need not know.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import chain
from typing import Generic, TypeVar, cast, overload

import msgspec
import numpy as np
from numpy.typing import NDArray

ROWS_AT_ONCE = 4096
DTYPES: dict[object, type[np.generic]] = {int: np.int64, bool: np.bool_, float: np.float64}
R = TypeVar("R", bound=msgspec.Struct)
Values = NDArray[np.int64] | NDArray[np.float64] | NDArray[np.bool_]


class Labels:
    """A column of texts of few kinds: for each row the place of its text in ``names``."""

    __slots__ = ("codes", "names")

    def __init__(self, names: Sequence[str], codes: NDArray[np.integer]) -> None:
        self.names, self.codes = tuple(names), codes

    @classmethod
    def of(cls, texts: Sequence[str]) -> "Labels":
        """The column of ``texts``."""
        places: dict[str, int] = {}
        codes = [places.setdefault(text, len(places)) for text in texts]
        return cls(tuple(places), np.array(codes, np.int32))

    @classmethod
    def joined(cls, parts: Sequence["Labels"]) -> "Labels":
        """The column of ``parts``, one after another."""
        places: dict[str, int] = {}
        codes = [np.zeros(0, np.int32)]
        for part in parts:
            found = np.array([places.setdefault(name, len(places)) for name in part.names], np.int32)
            codes.append(found[part.codes] if len(found) else np.zeros(0, np.int32))
        return cls(tuple(places), np.concatenate(codes))

    def __len__(self) -> int:
        return len(self.codes)

    def __getitem__(self, at: NDArray[np.integer] | NDArray[np.bool_] | slice) -> "Labels":
        return Labels(self.names, self.codes[at])

    def tolist(self) -> list[str]:
        """The text of each row."""
        names = self.names
        return [names[code] for code in self.codes.tolist()]

    def are(self, *texts: str) -> NDArray[np.bool_]:
        """Whether each row's text is one of ``texts``."""
        found: NDArray[np.bool_] = np.array([name in texts for name in (*self.names, "")], np.bool_)[self.codes]
        return found


Column = Values | Labels


@cache
def _fields(kind: type[msgspec.Struct]) -> dict[str, msgspec.structs.FieldInfo]:
    """The fields of a kind of row, by name."""
    return {field.name: field for field in msgspec.structs.fields(kind)}


class ColumnTable(Sequence[R], Generic[R]):
    """Rows of one ``kind``, by column. What a column is missing for has the default of its field in every row."""

    __slots__ = ("_columns", "_count", "_rows", "kind")

    def __init__(self, kind: type[R], columns: Mapping[str, Column], count: int | None = None) -> None:
        self.kind = kind
        self._columns = dict(columns)
        self._count = len(next(iter(columns.values()))) if count is None else count
        self._rows: Sequence[R] = ()

    @classmethod
    def of(cls, kind: type[R], rows: Sequence[R]) -> "ColumnTable[R]":
        """The table of ``rows``, which may be one already; its columns are made when they are asked for."""
        if isinstance(rows, ColumnTable):
            return rows
        made = cls(kind, {}, len(rows))
        made._rows = rows
        return made

    @classmethod
    def joined(cls, parts: Sequence["ColumnTable[R]"]) -> "ColumnTable[R]":
        """The rows of ``parts``, of which there is at least one, one after another."""
        filled = [part for part in parts if len(part)]
        if not filled:
            return parts[0]
        same = {name for name in filled[0].names if all(part.is_constant(name) for part in filled)}
        kept = {name for name in same if len({_first(part.column(name)) for part in filled}) == 1}
        changing = [name for name in filled[0].names if name not in kept]
        made = joined(filled[0].kind, [{name: part.column(name) for name in changing} for part in filled])
        made._columns |= {name: constant(_first(filled[0].column(name)), len(made)) for name in kept}
        return made

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns, in the order of the record."""
        return self.kind.__struct_fields__

    def column(self, name: str) -> Column:
        """The column ``name``, an array or, of texts, `Labels`."""
        found = self._columns.get(name)
        if found is None:
            found = self._columns[name] = self._made(name)
        return found

    def values(self, name: str) -> Values:
        """The column ``name`` of numbers or flags."""
        return cast(Values, self.column(name))

    def ints(self, name: str) -> NDArray[np.int64]:
        """The column ``name`` of whole numbers."""
        return cast("NDArray[np.int64]", self.column(name))

    def reals(self, name: str) -> NDArray[np.float64]:
        """The column ``name`` of numbers."""
        return cast("NDArray[np.float64]", self.column(name))

    def flags(self, name: str) -> NDArray[np.bool_]:
        """The column ``name`` of flags."""
        return cast("NDArray[np.bool_]", self.column(name))

    def labels(self, name: str) -> Labels:
        """The column ``name`` of texts."""
        return cast(Labels, self.column(name))

    def _made(self, name: str) -> Column:
        field = _fields(self.kind)[name]
        if self._count and not self._rows:
            return constant(field.default, self._count)
        values = [getattr(row, name) for row in self._rows]
        return Labels.of(values) if field.type is str else cast(Values, np.array(values, DTYPES[field.type]))

    def take(self, at: NDArray[np.integer] | NDArray[np.bool_] | slice) -> "ColumnTable[R]":
        """The rows at these places, or where a mask says so."""
        count = len(np.empty(self._count, np.bool_)[at])
        chosen = np.arange(self._count)[at].tolist() if self._rows else ()
        made = ColumnTable(self.kind, {name: self._taken(name, at, count) for name in self._columns}, count)
        made._rows = [self._rows[place] for place in chosen]
        return made

    def _taken(self, name: str, at: NDArray[np.integer] | NDArray[np.bool_] | slice, count: int) -> Column:
        column = self._columns[name]
        if not self._count or not self.is_constant(name):
            return column[at]
        if isinstance(column, Labels):
            return Labels(column.names, np.broadcast_to(column.codes[0], count))
        return cast(Values, np.broadcast_to(column[0], count))

    def is_constant(self, name: str) -> bool:
        """Whether all rows have the same value in the column ``name``, as far as that is known without a look."""
        column = self.column(name)
        array = column.codes if isinstance(column, Labels) else column
        return array.strides == (0,)

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, at: int) -> R: ...

    @overload
    def __getitem__(self, at: slice) -> list[R]: ...

    def __getitem__(self, at: int | slice) -> R | list[R]:
        if self._rows:
            return cast("R | list[R]", self._rows[at])
        if isinstance(at, slice):
            return self._made_rows(at)
        if not -self._count <= at < self._count:
            raise IndexError(at)
        at %= self._count
        return self._made_rows(slice(at, at + 1))[0]

    def __iter__(self) -> Iterator[R]:
        if self._rows:
            return iter(self._rows)
        parts = (slice(first, first + ROWS_AT_ONCE) for first in range(0, self._count, ROWS_AT_ONCE))
        return chain.from_iterable(map(self._made_rows, parts))

    def _made_rows(self, at: slice) -> list[R]:
        columns = [self.column(name)[at].tolist() for name in self.names]
        tags = [self.kind.__struct_config__.tag] * len(columns[0])
        return msgspec.convert(list(zip(tags, *columns, strict=True)), list[self.kind])  # type: ignore[name-defined]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence):
            return NotImplemented
        return len(self) == len(other) and all(mine == row for mine, row in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]


def _first(column: Column) -> object:
    """The value of a column's first row."""
    return column.names[int(column.codes[0])] if isinstance(column, Labels) else column[0].item()


def constant(value: object, count: int) -> Column:
    """A column that has ``value`` in every row, which takes no memory."""
    if isinstance(value, str):
        return Labels((value,), np.broadcast_to(np.int32(0), count))
    return cast(Values, np.broadcast_to(np.array(value, DTYPES[type(value)]), count))


def joined(kind: type[R], parts: Sequence[dict[str, Column]]) -> ColumnTable[R]:
    """The table of ``parts``, one after another, which have the same columns, and lose them: there is only room for
    one column twice.
    """
    if not parts:
        return ColumnTable(kind, {}, 0)
    columns: dict[str, Column] = {}
    for name in tuple(parts[0]):
        mine = [part.pop(name) for part in parts]
        if isinstance(mine[0], Labels):
            columns[name] = Labels.joined(cast("list[Labels]", mine))
        else:
            columns[name] = cast(Values, np.concatenate(cast("list[Values]", mine)))
    return ColumnTable(kind, columns)
