"""Requests kept aside in a temporary file until the first and the order of all of them are known."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from testbed.model.errors import StartError
from testbed.scenario.decimals import Ints
from testbed.scenario.requests import RequestColumns

RECORDS_AT_ONCE = 1 << 14
Records = NDArray[Any]
_RECORD = np.dtype([("at_ns", np.int64), ("input_bits", np.int64), ("cycles", np.int64)])


class Spool:
    """Requests in the order in which they are added, in the unbuffered ``file``, read back by instant.

    In memory it holds 16 bytes a request at most, and next to nothing if they come in order. Raises `StartError` where
    the file cannot be written.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.count, self.first_ns, self.last_ns = 0, 0, 0
        self._is_sorted = True
        self._latest_ns = -(2**63)

    def add(self, requests: RequestColumns) -> None:
        """Keep ``requests``, after those before."""
        if not len(requests.at_ns):
            return
        records = np.empty(len(requests.at_ns), _RECORD)
        for name, column in zip(RequestColumns._fields, requests, strict=True):
            records[name] = column
        first, last = int(records["at_ns"].min()), int(records["at_ns"].max())
        self.first_ns, self.last_ns = (
            (min(self.first_ns, first), max(self.last_ns, last)) if self.count else (first, last)
        )
        at = records["at_ns"]
        in_order = int(at[0]) >= self._latest_ns and bool((at[1:] >= at[:-1]).all())
        self._is_sorted, self._latest_ns = self._is_sorted and in_order, int(at[-1])
        self.count += len(records)
        try:
            left = memoryview(records.tobytes())
            while left:
                left = left[self._file.write(left) :]
        except OSError as error:
            raise no_room(error) from None

    def by_instant(self) -> Iterator[RequestColumns]:
        """All requests by instant, those of one instant in the order in which they were added, some at a time."""
        parts = self._as_added() if self._is_sorted else self._sorted()
        for part in parts:
            yield RequestColumns(*(np.ascontiguousarray(part[name]) for name in RequestColumns._fields))

    def _as_added(self) -> Iterator[Records]:
        """The file from its beginning; it is not mapped, as pages of a map stay in memory."""
        for begin in range(0, self.count, RECORDS_AT_ONCE):
            count = min(RECORDS_AT_ONCE, self.count - begin)
            part = os.pread(self._file.fileno(), count * _RECORD.itemsize, begin * _RECORD.itemsize)
            yield np.frombuffer(part, _RECORD)

    def _sorted(self) -> Iterator[Records]:
        records = np.memmap(self._file, _RECORD, mode="r", shape=(self.count,))
        order = self._order(records["at_ns"])
        for begin in range(0, self.count, RECORDS_AT_ONCE):
            yield records[order[begin : begin + RECORDS_AT_ONCE]]

    def _order(self, at_ns: Ints) -> Ints:
        return np.argsort(np.ascontiguousarray(at_ns), kind="stable")


@contextmanager
def spooling() -> Iterator[Spool]:
    """A spool in a temporary file, which is gone in the end. Raises `StartError` where none can be made."""
    with ExitStack() as stack:
        try:
            file = stack.enter_context(tempfile.TemporaryFile(prefix="testbed-", buffering=0))  # the stack closes it
        except OSError as error:
            raise no_room(error) from None
        yield Spool(file)


def no_room(error: OSError) -> StartError:
    """The error of a temporary file that cannot be written."""
    why = f"no room for what is read in a temporary file: {error.strerror or error}"
    return StartError(why, "free some space, or set TMPDIR to a folder that has it")
