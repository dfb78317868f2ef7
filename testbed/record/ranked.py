"""Ranks of more numbers than are to be in memory: exact, by counting in ever narrower spans of what is on disk."""

import tempfile
from collections.abc import Iterator, Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray

from testbed.model.errors import StartError

VALUES_AT_ONCE, KEPT_BYTES = 1 << 17, 1 << 23
BINS = 1 << 16


class Ranked:
    """Whole numbers of 0 or more, added part by part to a temporary file, if they are many. Use it as a context.

    Raises `StartError` where that file cannot be written.
    """

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(KEPT_BYTES)  # noqa: SIM115 - `__exit__` closes it
        self._most = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    def add(self, values: NDArray[np.int64]) -> None:
        """Add ``values``."""
        self._most = max(self._most, int(values.max(initial=0)))
        try:
            self._file.write(np.ascontiguousarray(values).tobytes())
        except OSError as error:
            why = f"no room for delays in a temporary file: {error.strerror or error}"
            raise StartError(why, "free some space, or set TMPDIR to a folder that has it") from None

    def at(self, ranks: Sequence[int]) -> dict[int, int]:
        """The values of these ``ranks``, counted from 0 in rising order, by rank."""
        spans = {rank: (0, self._most + 1, rank) for rank in ranks}
        while wide := sorted({(begin, end) for begin, end, _ in spans.values() if end - begin > 1}):
            counts = self._counted(wide)
            for rank, (begin, end, within) in spans.items():
                if end - begin > 1:
                    spans[rank] = _narrowed(begin, end, within, counts[begin, end])
        return {rank: begin for rank, (begin, _, _) in spans.items()}

    def _counted(self, spans: Sequence[tuple[int, int]]) -> dict[tuple[int, int], NDArray[np.int64]]:
        """How many values there are in each of `BINS` equal parts of each span [begin, end)."""
        counts = {span: np.zeros(BINS, np.int64) for span in spans}
        for values in self._parts():
            for begin, end in spans:
                here = values[(values >= begin) & (values < end)]
                counts[begin, end] += np.bincount((here - begin) // _width(begin, end), minlength=BINS)
        return counts

    def _parts(self) -> Iterator[NDArray[np.int64]]:
        self._file.seek(0)
        while data := self._file.read(8 * VALUES_AT_ONCE):
            yield np.frombuffer(data, np.int64)
        self._file.seek(0, 2)


def _width(begin: int, end: int) -> int:
    return -(-(end - begin) // BINS)


def _narrowed(begin: int, end: int, within: int, counts: NDArray[np.int64]) -> tuple[int, int, int]:
    """The part of [``begin``, ``end``) that holds the value of rank ``within`` of those in it, and its rank there."""
    ends, width = np.cumsum(counts), _width(begin, end)
    at = int(np.searchsorted(ends, within, side="right"))
    first = begin + at * width
    return first, min(end, first + width), within - int(ends[at] - counts[at])
