"""Tables whose columns are asked for by name: CSV with a header, JSON lines, or Parquet."""

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from testbed.model.errors import ScenarioError, did_you_mean
from testbed.scenario.tables import cells
from testbed.trace import json_lines, parquet
from testbed.trace.cells import Cells, separated
from testbed.trace.lines import Line, Share, block_lines, blocks, unwatched
from testbed.trace.table_part import PlainCells, TablePart

HeadedBlock = tuple[Line, int, bytes]


def rows(file: str, names: Sequence[str], share: Share = unwatched) -> Iterator[Line]:
    """Each row of ``file``, with the cells of the columns ``names`` alone, in their order.

    Raises `ScenarioError` with line and column; the line of a row of a Parquet file is its number.
    """
    for part in parts(file, names, share):
        yield from part.rows()


def parts(file: str, names: Sequence[str], share: Share = unwatched) -> Iterator[TablePart]:
    """The rows of ``file``, some at a time. Raises `ScenarioError` as `rows`."""
    if parquet.is_parquet(file):
        yield from parquet.parts(file, names, share)
        return
    table = _Table(file, names)
    for first, block in blocks(file, share):
        yield table.part(first, block)


class _Table:
    """A file of CSV with a header or of JSON lines, read block by block."""

    def __init__(self, file: str, names: Sequence[str]) -> None:
        self._file, self._names = file, names
        self._columns: list[int] = []
        self._width = 0

    def part(self, first: int, block: bytes) -> TablePart:
        """The rows of a block of `blocks`, which must be used before the next is asked for."""
        if not self._columns and not json_lines.is_one(block):
            found = without_head(self._file, first, block)
            if found is not None and not json_lines.is_one(found[0].text.encode()):
                head, first, block = found
                self._has_head(head)
        plain = partial(self._plain, block) if self._columns else partial(json_lines.plain, block, self._names)
        return TablePart(plain, partial(self._rows, first, block))

    def _has_head(self, head: Line) -> None:
        self._columns, self._width = places(head, self._names), len(head)

    def _plain(self, block: bytes) -> PlainCells | None:
        found = separated(block, self._width)
        if found is None:
            return None
        return PlainCells(Cells(found.letters, found.begin[self._columns], found.end[self._columns]))

    def _rows(self, first: int, block: bytes) -> Iterator[Line]:
        for line in block_lines(self._file, first, block):
            if not line.text.strip():
                continue
            if json_lines.is_one(line.text.encode()):
                yield json_lines.row(line, self._names)
                continue
            row = Line(self._file, line.number, line.text, cells(line.text))
            if not self._columns:
                self._has_head(row)
            elif len(row) <= max(self._columns):
                raise row.error(
                    len(row), f"{len(row)} cells where the header has more", "write one cell for each column"
                )
            else:
                yield Line(self._file, line.number, line.text, [row.cells[at] for at in self._columns])


def headed(file: str, share: Share = unwatched) -> Iterator[HeadedBlock]:
    """The first line of a CSV file that holds something, with its cells, and the lines below it, as `blocks` has them.

    Nothing of an empty file. Raises `ScenarioError` as `blocks`.
    """
    head: Line | None = None
    for first, block in blocks(file, share):
        if head is not None:
            yield head, first, block
        elif (found := without_head(file, first, block)) is not None:
            head = found[0]
            yield found


def without_head(file: str, first: int, block: bytes) -> HeadedBlock | None:
    """The first line with content of a block, with its cells, and what is below it; None if there is none."""
    head = next((line for line in block_lines(file, first, block) if line.text.strip()), None)
    if head is None:
        return None
    below = block.split(b"\n", head.number - first + 1)
    return (
        Line(file, head.number, head.text, cells(head.text)),
        head.number + 1,
        b"".join(below[head.number - first + 1 :]),
    )


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
