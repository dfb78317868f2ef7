"""Faults asked for while a run goes on: whoever may write in the run's folder may break its processes.

Each is a line of JSON in ``faults.jsonl`` beside the record. The launcher reads lines as they appear, and the file
stays as the list of what was asked for; the record has what came of it.
"""

from pathlib import Path
from typing import Annotated

import msgspec

from testbed.model.delay import S_PER_NS
from testbed.model.errors import InvalidError, did_you_mean
from testbed.protocol.codec import UNDECODABLE
from testbed.protocol.rows import KILL, PAUSE, RESTART, RESUME
from testbed.record.files import unwritable
from testbed.scenario import units
from testbed.scenario.fault_grammar import PHRASES, FaultPhrase

FILE = "faults.jsonl"
MOST_SECONDS = 1e9
LOOK_BYTES = 4096
LIFT, ALSO_LIFT, FOR = "lift", "restore", "for"
UNDONE_BY = {KILL: RESTART, PAUSE: RESUME}
DONE_TO_PROCESSES = (KILL, RESTART, PAUSE, RESUME)
CAN_BE_ASKED = tuple(dict.fromkeys((*DONE_TO_PROCESSES, *PHRASES, LIFT, ALSO_LIFT)))


class FaultRequest(msgspec.Struct, frozen=True, omit_defaults=True):
    """``do`` (`KILL`, `RESTART`, `PAUSE` or `RESUME`) to the UE, the ES or the controller called ``name``.

    Or ``do`` is one of `testbed.scenario.fault_kinds.FAULT_KINDS`, and ``name`` its phrase; or `LIFT`, and ``name`` is
    what is to be over, a target with or without the kind before it. What is done is undone ``for_s`` seconds of
    emulated time later; 0: only if that is asked for.
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


def read(text: str, duration: str = "") -> FaultRequest:
    """What somebody writes, like ``kill es-1``, ``slow es-2 to 50% for 10 s``, or with the ``duration`` apart.

    Raises `InvalidError`.
    """
    words = text.split()
    if FOR in words[2:]:
        at = words.index(FOR, 2)
        if duration:
            raise InvalidError(f"for {' '.join(words[at + 1 :])}, and for {duration}: two times", "give one of them")
        if words[-1] == FOR:
            raise InvalidError(f"{text.strip()}: for what time?", "write a time behind it, like for 10 s")
        words, duration = words[:at], " ".join(words[at + 1 :])
    do = LIFT if words[:1] == [ALSO_LIFT] else "".join(words[:1])
    what = " ".join(words[1:])
    if do not in CAN_BE_ASKED:
        raise InvalidError(f'"{do}" is nothing that can be done to a run', did_you_mean(do, CAN_BE_ASKED))
    if not what:
        raise InvalidError(f"{do} what?", "name it, like es-1")
    if do in PHRASES and do not in DONE_TO_PROCESSES:
        what = FaultPhrase(do).parse(what).text
    elif do != LIFT and len(words) > 2:
        raise InvalidError(f"{do} {what}: one process at a time", f"write {do} {words[1]}")
    return FaultRequest(do, what, _seconds(do, duration))


def _seconds(do: str, duration: str) -> float:
    """How long it lasts, in seconds of emulated time; 0 if nothing was said of that."""
    if not duration:
        return 0.0
    if do not in (*UNDONE_BY, *PHRASES):
        raise InvalidError(f"for {duration}: {do} lasts", "a time is for what can be undone")
    try:
        seconds = units.parse(duration, "time") * S_PER_NS
    except InvalidError as error:
        raise InvalidError(f"for {duration}: {error}", error.remedy) from None
    if not 0.0 < seconds <= MOST_SECONDS:
        raise InvalidError(f"for {duration}: that is no time that something can last", "write a time, like 2 s")
    return seconds


class FaultRequests:
    """Reads what is asked of the run in the folder ``run``."""

    def __init__(self, run: Path) -> None:
        self._file = run / FILE
        self._read = 0
        self._in_endless_line = False

    def new(self) -> list[FaultRequest | str]:
        """What was asked for since the last call; a line that makes no sense as the beginning of its text.

        No more than `LOOK_BYTES` bytes are read at a time, whatever the file holds: the rest has its turn in later
        calls. A file that has become shorter was written anew, and is read from its beginning.
        """
        data = self._piece()
        whole = data[: data.rfind(b"\n") + 1]
        if not whole and len(data) == LOOK_BYTES:
            self._read += len(data)
            was, self._in_endless_line = self._in_endless_line, True
            return [] if was else [_parsed(data)]
        self._read += len(whole)
        lines = whole.splitlines()
        if lines and self._in_endless_line:
            self._in_endless_line = False
            del lines[0]
        return [_parsed(line) for line in lines]

    def _piece(self) -> bytes:
        try:
            size = self._file.stat().st_size
            if size < self._read:
                self._read, self._in_endless_line = 0, False
            if size == self._read:
                return b""
            with open(self._file, "rb") as file:
                file.seek(self._read)
                return file.read(LOOK_BYTES)
        except OSError:
            return b""


def _parsed(line: bytes) -> FaultRequest | str:
    try:
        return msgspec.json.decode(line, type=FaultRequest)
    except UNDECODABLE:
        return line.decode(errors="replace")[:200]
