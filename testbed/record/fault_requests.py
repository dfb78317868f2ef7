"""Faults asked for while a run goes on: whoever may write in the run's folder may break its processes.

Each is a line of JSON in ``faults.jsonl`` beside the record. The launcher reads lines as they appear, and the file
stays as the list of what was asked for; the record has what came of it.
"""

from pathlib import Path
from typing import Annotated

import msgspec

from testbed.protocol.codec import UNDECODABLE
from testbed.protocol.rows import KILL, PAUSE, RESTART, RESUME
from testbed.record.files import unwritable

FILE = "faults.jsonl"
MOST_SECONDS = 1e9
UNDONE_BY = {KILL: RESTART, PAUSE: RESUME}


class FaultRequest(msgspec.Struct, frozen=True, omit_defaults=True):
    """``do`` (`KILL`, `RESTART`, `PAUSE` or `RESUME`) to the UE, the ES or the controller called ``name``.

    What kills or pauses is undone ``for_s`` seconds of emulated time later; 0: only if that is asked for.
    """

    do: str
    name: str
    for_s: Annotated[float, msgspec.Meta(ge=0.0, le=MOST_SECONDS)] = 0.0


def ask(run: Path, request: FaultRequest) -> None:
    """Ask the launcher of the run in the folder ``run``. Raises `StartError` where nothing can be written."""
    try:
        with open(run / FILE, "ab") as file:
            file.write(msgspec.json.encode(request) + b"\n")
    except OSError as error:
        raise unwritable(run / FILE, error) from None


class FaultRequests:
    """Reads what is asked of the run in the folder ``run``."""

    def __init__(self, run: Path) -> None:
        self._file = run / FILE
        self._read = 0

    def new(self) -> list[FaultRequest | str]:
        """What was asked for since the last call; a line that makes no sense as its text."""
        try:
            if self._file.stat().st_size == self._read:
                return []
            with open(self._file, "rb") as file:
                file.seek(self._read)
                data = file.read()
        except OSError:
            return []
        whole = data[: data.rfind(b"\n") + 1]
        self._read += len(whole)
        return [_parsed(line) for line in whole.splitlines()]


def _parsed(line: bytes) -> FaultRequest | str:
    try:
        return msgspec.json.decode(line, type=FaultRequest)
    except UNDECODABLE:
        return line.decode(errors="replace")[:200]
