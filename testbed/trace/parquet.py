"""Rows of Parquet files, some at a time. The package that reads them comes with the extra ``parquet``."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from testbed.model.errors import ScenarioError, did_you_mean
from testbed.model.packages import naming_extras
from testbed.trace.lines import Line, Share

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


def rows(file: str, names: Sequence[str], share: Share) -> Iterator[Line]:
    """Each row, with the cells of the columns ``names``, instants as numbers in the unit in which they are kept.

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
                    columns.append(column.to_pylist())
                for values in zip(*columns, strict=True):
                    number += 1
                    yield Line(file, number, "", [(1, "" if value is None else str(value)) for value in values])
                share(number / whole)
    except (ArrowException, OSError) as error:
        why = str(error).splitlines()[0] if str(error) else "it is damaged"
        raise ScenarioError(f"this is no whole Parquet file: {why}", file, remedy="copy or download it again") from None
