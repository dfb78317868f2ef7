"""Tables whose columns are asked for by name: CSV with a header, JSON lines, or Parquet."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from testbed.model.errors import ScenarioError, did_you_mean
from testbed.scenario.tables import cells
from testbed.trace import parquet
from testbed.trace.lines import Line, Share, lines, unwatched


def rows(file: str, names: Sequence[str], share: Share = unwatched) -> Iterator[Line]:
    """Each row of ``file``, with the cells of the columns ``names`` alone, in their order.

    Raises `ScenarioError` with line and column; the line of a row of a Parquet file is its number.
    """
    if parquet.is_parquet(file):
        yield from parquet.rows(file, names, share)
        return
    columns: list[int] = []
    for line in lines(file, share):
        if not line.text.strip():
            continue
        if line.text.lstrip().startswith("{"):
            yield _of_json(line, names)
            continue
        row = Line(file, line.number, line.text, cells(line.text))
        if not columns:
            columns = places(row, names)
        elif len(row) <= max(columns):
            raise row.error(len(row), f"{len(row)} cells where the header has more", "write one cell for each column")
        else:
            yield Line(file, line.number, line.text, [row.cells[at] for at in columns])


def places(head: Line, names: Sequence[str], *, fold: bool = False) -> list[int]:
    """Where the columns ``names`` stand in a header, whose letters may be large or small if ``fold``.

    Raises `ScenarioError` for one that is missing.
    """
    heads = [text.strip().lower() if fold else text.strip() for _, text in head.cells]
    for name in names:
        if name not in heads:
            hint = did_you_mean(name, [other for other in heads if other not in names])
            remedy = hint if hint.startswith("did") else f"the header needs {','.join(names)}"
            raise head.error(len(head), f'there is no column "{name}"', remedy)
    return [heads.index(name) for name in names]


def only(file: str, lines: Iterator[Line], names: Sequence[str]) -> Iterator[Line]:
    """``lines``, which must be one row at least."""
    first = next(lines, None)
    if first is None:
        raise ScenarioError("there is no row in it", file, remedy=f"{Path(file).name} should hold {', '.join(names)}")
    yield first
    yield from lines


def _of_json(line: Line, names: Sequence[str]) -> Line:
    """A line that is a JSON object; its values stand where they are first written so."""
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
