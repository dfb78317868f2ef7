"""Some rows of a table: as columns, where all of them are written plainly, or one after another."""

from collections.abc import Callable, Iterator
from typing import NamedTuple, Protocol

import numpy as np

from testbed.scenario import decimals
from testbed.scenario.decimals import Ints, Reals
from testbed.trace.cells import Cells
from testbed.trace.instants import in_ns, of_dates
from testbed.trace.lines import Line

_WHOLE_DIGITS = 19


class Plain(Protocol):
    """Rows as columns, by their places among the names that were asked for."""

    def reals(self, column: int) -> Reals | None:
        """The finite numbers of a column (n,); None if anything else is there."""
        ...

    def instants_ns(self, column: int, size: float) -> Ints | None:
        """Instants in units of ``size`` ns, exact where they are whole, or dates if ``size`` is 0.

        None if any is neither, or out of range.
        """
        ...


class TablePart(NamedTuple):
    """``plain`` gives the rows as columns, or None; ``rows`` one at a time, with the first error."""

    plain: Callable[[], Plain | None]
    rows: Callable[[], Iterator[Line]]


class PlainCells:
    """Columns that are text."""

    def __init__(self, cells: Cells) -> None:
        self._cells = cells

    def reals(self, column: int) -> Reals | None:
        """As `Plain.reals`."""
        return self._cells.reals(column)

    def instants_ns(self, column: int, size: float) -> Ints | None:
        """As `Plain.instants_ns`."""
        letters, begin, end = self._cells.letters, self._cells.begin[column], self._cells.end[column]
        if size == 0.0:
            return of_dates(letters, begin, end)
        reals, plain = self.reals(column), decimals.parsed(letters, begin, end, _WHOLE_DIGITS)
        if reals is None or plain is None:
            return None
        is_whole = (plain.places == 0) & (letters[begin] != decimals.MINUS) & (letters[end - 1] != decimals.POINT)
        return in_ns(reals, np.where(is_whole, plain.digits, 0), is_whole, size)
