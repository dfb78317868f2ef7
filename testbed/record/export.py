"""A run's tables as files for other tools: one CSV or Parquet file a table."""

import csv
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from testbed.model.errors import UsageError
from testbed.model.packages import naming_extras
from testbed.protocol.table import Column, ColumnTable, Labels
from testbed.record.files import replacing, unwritable
from testbed.record.reader import RecordedRun
from testbed.record.writer import TABLES

FORMATS = ("csv", "parquet")


def export(
    run: RecordedRun, form: str, folder: Path, begin: Callable[[str], None] = lambda table: None
) -> dict[Path, int]:
    """Write every table of ``run`` into ``folder`` in ``form``, each after telling ``begin``; returns rows by file.

    Tasks are last rows, those that failed included. Links at the places of the files are replaced, not followed: a run
    may come from somebody else. Raises `StartError` when a file cannot be written, which leaves one of an earlier
    export as it was, `MissingPackageError` when Parquet is asked for without pyarrow, and `UsageError` when ``folder``
    is a link in the run.
    """
    if folder.is_symlink() and folder.absolute().is_relative_to(run.path.absolute()):
        raise UsageError(
            f"{folder} is a link that came with the run", "remove it, or name another place with --out DIR"
        )
    write = _csv if form == "csv" else _parquet()
    written = {}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for kind, name in TABLES.items():
            rows = run.tasks if name == "tasks" else getattr(run.record, name)
            path = folder / f"{name}.{form}"
            begin(name)
            with replacing(path, through_links=False) as file:
                write(file, kind, rows)
            written[path] = len(rows)
    except OSError as error:
        raise unwritable(folder, error) from None
    return written


def _csv(path: Path, kind: type[msgspec.Struct], rows: Sequence[msgspec.Struct]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(field.name for field in msgspec.structs.fields(kind))
        for row in rows:
            writer.writerow(_word(value) for value in msgspec.structs.astuple(row))


def _word(value: object) -> object:
    return str(value).lower() if isinstance(value, bool) else value


def _parquet() -> Callable[[Path, type[msgspec.Struct], Sequence[msgspec.Struct]], None]:
    with naming_extras("take --format csv"):
        import pyarrow as arrow
        from pyarrow import parquet
    types = {int: arrow.int64(), float: arrow.float64(), bool: arrow.bool_(), str: arrow.string()}

    def _array(column: Column) -> object:
        if isinstance(column, Labels):
            names = arrow.array(column.names, arrow.string())
            return arrow.DictionaryArray.from_arrays(arrow.array(column.codes), names).cast(arrow.string())
        return arrow.array(column)

    def write(path: Path, kind: type[msgspec.Struct], rows: Sequence[msgspec.Struct]) -> None:
        fields = msgspec.structs.fields(kind)
        schema = arrow.schema([(field.name, types[field.type]) for field in fields])
        table = ColumnTable.of(kind, rows)
        columns = {field.name: _array(table.column(field.name)) for field in fields}
        parquet.write_table(arrow.table(columns, schema=schema), path)

    return write
