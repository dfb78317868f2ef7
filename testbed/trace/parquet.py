"""Rows of Parquet files, some at a time. The package that reads them comes with the extra ``parquet``."""

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from testbed.model.errors import ScenarioError, did_you_mean
from testbed.model.packages import naming_extras
from testbed.scenario.decimals import Ints, Reals
from testbed.trace.instants import in_ns, of_dates
from testbed.trace.json_lines import cells_of
from testbed.trace.lines import Line, Share
from testbed.trace.table_part import TablePart

if TYPE_CHECKING:
    from pyarrow import Array

MAGIC = b"PAR1"
BATCH_ROWS = 1 << 14


def is_parquet(file: str) -> bool:
    """Whether ``file`` begins as Parquet does; one that cannot be looked into, like a pipe, does not."""
    try:
        path = Path(file)
        if not path.is_file():
            return False
        with path.open("rb") as opened:
            return opened.read(len(MAGIC)) == MAGIC
    except OSError:
        return False


def parts(file: str, names: Sequence[str], share: Share) -> Iterator[TablePart]:
    """The rows, with the cells of the columns ``names``, instants as numbers in the unit in which they are kept.

    The line of a row is its number, from 1. Raises `ScenarioError`.
    """
    with naming_extras("write the table as CSV or JSON lines"):
        from pyarrow import ArrowException, compute, types
        from pyarrow.parquet import ParquetFile
    try:
        with ParquetFile(file) as table:
            known = table.schema_arrow.names
            for name in names:
                if name not in known:
                    raise ScenarioError(f'there is no column "{name}"', file, remedy=did_you_mean(name, known))
            number, whole = 0, table.metadata.num_rows
            for batch in table.iter_batches(BATCH_ROWS, columns=list(dict.fromkeys(names))):
                columns = []
                for name in names:
                    column = batch.column(name)
                    if types.is_timestamp(column.type) or types.is_duration(column.type):
                        column = compute.cast(column, "int64")
                    columns.append(column)
                yield TablePart(partial(_plain, columns), partial(_rows, file, number, columns))
                number += len(batch)
                share(number / whole)
    except (ArrowException, OSError) as error:
        why = str(error).splitlines()[0] if str(error) else "it is damaged"
        raise ScenarioError(f"this is no whole Parquet file: {why}", file, remedy="copy or download it again") from None


def _rows(file: str, before: int, columns: Sequence["Array"]) -> Iterator[Line]:
    for number, values in enumerate(zip(*(column.to_pylist() for column in columns), strict=True), start=before + 1):
        yield Line(file, number, "", [(1, "" if value is None else str(value)) for value in values])


def _plain(columns: Sequence["Array"]) -> "_PlainArrays | None":
    return None if any(column.null_count for column in columns) else _PlainArrays(columns)


class _PlainArrays:
    """Columns of a batch without an empty cell."""

    def __init__(self, columns: Sequence["Array"]) -> None:
        self._columns = columns

    def reals(self, column: int) -> Reals | None:
        """As `testbed.trace.table_part.Plain.reals`."""
        from pyarrow import types

        array = self._columns[column]
        if not (types.is_integer(array.type) or types.is_floating(array.type)):
            return None
        found = array.to_numpy(zero_copy_only=False).astype(np.float64)
        return found if np.isfinite(found).all() else None

    def instants_ns(self, column: int, size: float) -> Ints | None:
        """As `testbed.trace.table_part.Plain.instants_ns`."""
        from pyarrow import types

        array = self._columns[column]
        if size == 0.0:
            return of_dates(*cells_of(array.to_pylist())) if types.is_string(array.type) else None
        if (reals := self.reals(column)) is None or types.is_uint64(array.type):
            return None
        if not types.is_integer(array.type):
            return in_ns(reals, np.zeros(len(reals), np.int64), np.zeros(len(reals), np.bool_), size)
        wholes = array.to_numpy(zero_copy_only=False).astype(np.int64)
        return in_ns(reals, wholes, wholes >= 0, size)
