"""Comma-separated text with a header, every cell knowing its line and column."""

import re
from collections.abc import Iterator, Sequence

from testbed.model.errors import ScenarioError, did_you_mean, text_error

_CELL = re.compile(r'\s*("(?:[^"]|"")*"|[^,]*)\s*(?:,|$)')

OTHER_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars"}


class TableRow:
    """One line of a `Table`."""

    def __init__(self, table: "Table", line: int, cells: list[tuple[int, str]]) -> None:
        self._table = table
        self.line = line
        self._cells = cells

    def __getitem__(self, name: str) -> str:
        return self._cells[self._table.columns[name]][1]

    def get(self, name: str, default: str) -> str:
        """The cell of a column that need not be there: neither in the header nor in this line."""
        at = self._table.columns.get(name, len(self._cells))
        return self._cells[at][1] if at < len(self._cells) else default

    def error(self, name: str, message: str, remedy: str = "") -> ScenarioError:
        """An error that underlines the cell of column ``name``."""
        column, text = self._cells[self._table.columns[name]]
        return self._table.error(self.line, column, message, remedy, max(1, len(text)))

    def whole(self, name: str, low: int = 0) -> int:
        """The cell as an integer of at least ``low``; "12.0" is one."""
        value = self.real(name, low)
        if value != int(value) or value >= 2**53:
            raise self.error(name, f'{name} "{self[name]}" is not a whole number', "write a whole number below 2^53")
        return int(value)

    def real(self, name: str, low: float = float("-inf")) -> float:
        """The cell as a finite number of at least ``low``."""
        try:
            value = float(self[name])
        except ValueError:
            raise self.error(name, f'{name} "{self[name]}" is not a number', "write a number") from None
        if not abs(value) < float("inf"):
            raise self.error(name, f'{name} "{self[name]}" is not a number', "write a finite number")
        if value < low:
            raise self.error(name, f'{name} "{self[name]}" is out of range', f"must be at least {low:g}")
        return value


class Table:
    """A parsed header, the first line with content; `rows` yields the lines below it; `head` is its line.

    Raises `ScenarioError` for a missing column.

    ``fold`` makes the header's names lower case, for formats whose files differ in it.
    """

    def __init__(self, file: str, text: str, required: Sequence[str], *, fold: bool = False) -> None:
        self.file = file
        self.text = text
        self._lines = text.splitlines()
        if not text.strip():
            raise ScenarioError("the file is empty", file, 1, 1, remedy=f"the header is {','.join(required)}")
        self.head = next(line for line, content in enumerate(self._lines, start=1) if content.strip())
        head = self._lines[self.head - 1]
        names = [name.lower() if fold else name for _, name in cells(head)]
        self.columns = {name: i for i, name in enumerate(names)}
        for name in required:
            if name not in self.columns:
                raise self.error(
                    self.head, 1, f'there is no column "{name}"', _remedy(name, names, required), len(head)
                )
            if names.count(name) > 1:
                where = cells(head)[self.columns[name]][0]
                raise self.error(
                    self.head, where, f'the column "{name}" is there twice', "leave one of them", len(name)
                )
        self._width = len(names)
        self._required = max((self.columns[name] for name in required), default=0) + 1

    def rows(self) -> Iterator[TableRow]:
        """Every line with content; a line too short or too long is an error."""
        for line, text in enumerate(self._lines[self.head :], start=self.head + 1):
            if not text.strip():
                continue
            row = cells(text)
            if not self._required <= len(row) <= self._width:
                message = f"{len(row)} cells where the header has {self._width}"
                raise self.error(line, 1, message, "write one cell for each column", len(text))
            yield TableRow(self, line, row)

    def error(self, line: int, column: int, message: str, remedy: str = "", length: int = 1) -> ScenarioError:
        """An error at a place of this file."""
        return text_error(self.file, self.text, line, column, message, remedy, length)


def _remedy(missing: str, names: Sequence[str], required: Sequence[str]) -> str:
    """What to do about a header without a column: most often cells are apart by something else than commas."""
    other = next((named for sign, named in OTHER_SEPARATORS.items() if len(names) == 1 and sign in names[0]), "")
    if other:
        return f"cells are apart by {other}: write commas instead"
    hint = did_you_mean(missing, [name for name in names if name not in required])
    return hint if hint.startswith("did") else f"the header needs {','.join(required)}"


def cells(line: str) -> list[tuple[int, str]]:
    """Column (from 1) and text of every cell of ``line``; quotes are removed."""
    columns: list[tuple[int, str]] = []
    at = 0
    while True:
        match = _CELL.match(line, at)
        if match is None:
            return [*columns, (at + 1, line[at:])]
        text = match[1].rstrip()
        quoted = len(text) > 1 and text[0] == text[-1] == '"'
        columns.append((match.start(1) + 1, text[1:-1].replace('""', '"') if quoted else text))
        at = match.end()
        if not match[0].endswith(","):
            return columns
