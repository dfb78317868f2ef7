"""Where the cells of many lines begin and end, found at once in lines that are written plainly (pure)."""

import numpy as np
from numpy.typing import NDArray

from testbed.scenario.decimals import Ints, Letters
from testbed.scenario.table_text import COMMA, LINE_END

BLANK, QUOTE = ord(" "), b'"'
Cells = tuple[Letters, Ints, Ints]


def words(block: bytes, columns: int) -> Cells | None:
    """The letters of a block of lines, and where each of its words apart by blanks begins and ends, (columns, n) each.

    None unless each line has exactly so many.
    """
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
    return letters, edges[:, :, 0].T, edges[:, :, 1].T


def separated(block: bytes, columns: int) -> Cells | None:
    """As `words`, of cells apart by commas; None also where a cell is quoted."""
    if QUOTE in block:
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
    return letters, begin, end


def are(letters: Letters, begin: Ints, end: Ints, text: bytes) -> NDArray[np.bool_]:
    """Which cells hold exactly ``text``."""
    found: NDArray[np.bool_] = end - begin == len(text)
    for step, letter in enumerate(text):
        found &= letters[np.minimum(begin + step, len(letters) - 1)] == letter
    return found
