"""A record whose rows come in stretches, all tables at the same time, written table by table through SQLite.

Rows of tasks, most of all, go into the file at once; those of other tables wait in temporary files. So the file is the
one that a run would leave whose rows are all at hand, however they were cut.
"""

import contextlib
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import msgspec

from testbed.model.errors import StartError
from testbed.protocol.rows import EventRow, LinkRow, RewardRow, SlotRow, TaskRow, UeSlotRow
from testbed.protocol.table import ColumnTable
from testbed.record import writer
from testbed.record.writer import Recorder

BEFORE_EVENTS: tuple[type[msgspec.Struct], ...] = (SlotRow, UeSlotRow, LinkRow)
SPOOLED_KINDS: tuple[type[msgspec.Struct], ...] = (*BEFORE_EVENTS, RewardRow)
LENGTH_BYTES = 4


class RecordInTurn:
    """A record that is being written; ``events``, of which there are few, and ``meta`` are written at the end."""

    def __init__(self, recorder: Recorder, waiting: Mapping[type[msgspec.Struct], IO[bytes]]) -> None:
        self.events: list[EventRow] = []
        self.meta: dict[str, object] = {}
        self._recorder, self._waiting = recorder, waiting

    def add(self, table: ColumnTable[Any]) -> None:
        """Append the rows of ``table`` to those of its kind."""
        if not len(table):
            return
        if table.kind is TaskRow:
            self._recorder.add(table)
            return
        data = msgspec.msgpack.encode([msgspec.structs.astuple(row) for row in table])
        self._waiting[table.kind].write(len(data).to_bytes(LENGTH_BYTES, "big") + data)

    def finish(self) -> None:
        """Write what has waited."""
        for kind in BEFORE_EVENTS:
            self._add_waiting(kind)
        self._recorder.add(self.events)
        self._add_waiting(RewardRow)
        self._recorder.put(self.meta)

    def _add_waiting(self, kind: type[msgspec.Struct]) -> None:
        file = self._waiting[kind]
        file.seek(0)
        while head := file.read(LENGTH_BYTES):
            self._recorder.add_values(kind, msgspec.msgpack.decode(file.read(int.from_bytes(head, "big"))))


@contextlib.contextmanager
def writing(path: Path) -> Iterator[RecordInTurn]:
    """The record of which ``path`` has the meta data so far. Others see all rows in the end, or none.

    Raises `StartError` when it cannot be written.
    """
    try:
        with Recorder.whole(path) as recorder, contextlib.ExitStack() as files:
            waiting = {kind: files.enter_context(tempfile.TemporaryFile(dir=path.parent)) for kind in SPOOLED_KINDS}
            record = RecordInTurn(recorder, waiting)
            yield record
            record.finish()
    except OSError as error:
        raise StartError(f"{path}: cannot write the record ({error.strerror or error})", writer.WRITE_REMEDY) from None
