"""Where the cells of many lines begin and end, found at once in lines that are written plainly (pure)."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from testbed.scenario import decimals
from testbed.scenario.decimals import Ints, Letters, Reals
from testbed.scenario.table_text import COMMA, LINE_END

BLANK, QUOTE = ord(" "), b'"'
_BLANK_EDGES = tuple(pair for blank in (b" ", b"\t") for sign in (b",", b"\n") for pair in (blank + sign, sign + blank))


class Cells(NamedTuple):
    """The ASCII ``letters`` of a block of lines, and where the cells of each line begin and end, (columns, n) each."""

    letters: Letters
    begin: Ints
    end: Ints

    def texts(self, column: int) -> list[str]:
        """What the cells of a column hold."""
        text = self.letters.tobytes().decode("ascii")
        edges = zip(self.begin[column].tolist(), self.end[column].tolist(), strict=True)
        return [text[begin:end] for begin, end in edges]

    def reals(self, column: int, where: NDArray[np.bool_] | None = None) -> Reals | None:
        """The numbers of a column, of the lines ``where`` only; None if any is none, or none that is finite."""
        begin, end = self.begin[column], self.end[column]
        if where is not None:
            begin, end = begin[where], end[where]
        if (plain := decimals.parsed(self.letters, begin, end)) is not None:
            return plain.reals()
        try:
            text = self.letters.tobytes().decode("ascii")
            found = np.array([float(text[b:e]) for b, e in zip(begin.tolist(), end.tolist(), strict=True)])
        except ValueError:
            return None
        return found if np.isfinite(found).all() else None


def words(block: bytes, columns: int) -> Cells | None:
    """The words of a block of lines, apart by blanks; None unless each line has exactly so many, and all are ASCII."""
    if not block.isascii():
        return None
    letters = np.frombuffer(block if block.endswith(b"\n") else block + b"\n", np.uint8)
    is_word = letters > BLANK
    changes = np.flatnonzero(is_word[1:] != is_word[:-1]) + 1
    if len(is_word) and is_word[0]:
        changes = np.concatenate([[0], changes])
    ends = np.flatnonzero(letters == LINE_END)
    if len(changes) != 2 * columns * len(ends):
        return None
    edges = changes.reshape(len(ends), columns, 2)
    before = np.concatenate([[-1], ends[:-1]])
    if not ((edges[:, 0, 0] > before) & (edges[:, -1, 1] <= ends)).all():
        return None
    return Cells(letters, edges[:, :, 0].T, edges[:, :, 1].T)


def separated(block: bytes, columns: int) -> Cells | None:
    """As `words`, of cells apart by commas; None also where a cell is quoted, or begins or ends with a blank."""
    if QUOTE in block or not block.isascii() or any(edge in block for edge in _BLANK_EDGES):
        return None
    letters = np.frombuffer(block if block.endswith(b"\n") else block + b"\n", np.uint8)
    signs = np.flatnonzero((letters == COMMA) | (letters == LINE_END))
    count = len(signs) // columns
    if len(signs) != count * columns:
        return None
    end = signs.reshape(count, columns).T
    if not ((letters[end[:-1]] == COMMA).all() and (letters[end[-1]] == LINE_END).all()):
        return None
    begin = np.empty_like(end)
    begin[1:] = end[:-1] + 1
    begin[0, :1], begin[0, 1:] = 0, end[-1, :-1] + 1
    return Cells(letters, begin, end)


def are(letters: Letters, begin: Ints, end: Ints, text: bytes) -> NDArray[np.bool_]:
    """Which cells hold exactly ``text``."""
    found: NDArray[np.bool_] = end - begin == len(text)
    for step, letter in enumerate(text):
        found &= letters[np.minimum(begin + step, len(letters) - 1)] == letter
    return found
