"""``testbed fault``: break a run that goes on, its processes, servers, links or workload, and mend them."""

import argparse
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from testbed.cli.console import print_text
from testbed.model.delay import S_PER_NS
from testbed.model.errors import InvalidError, StartError, UsageError
from testbed.protocol.rows import (
    DIED,
    FAULT_BEGAN,
    FAULT_OVER,
    KILL,
    PAUSE,
    PAUSED,
    REQUEST_REFUSED,
    RESTART,
    RESTARTED,
    RESUME,
    RESUMED,
    EventRow,
)
from testbed.record import database, directory, fault_requests, reader
from testbed.record.backends import TESTBED
from testbed.record.fault_requests import LIFT, MOST_SECONDS, UNDONE_BY, FaultRequest
from testbed.scenario import units
from testbed.scenario.fault_grammar import FaultPhrase
from testbed.scenario.fault_kinds import FAULT_KINDS

DONE_BY = {KILL: DIED, RESTART: RESTARTED, PAUSE: PAUSED, RESUME: RESUMED}
SAID = {KILL: "is dead", RESTART: "is back", PAUSE: "stands still", RESUME: "goes on"}
ALSO_LIFT, FOR = "restore", "for"
_PATIENCE_S, _LOOK_S = 15.0, 0.05
Found = Callable[[EventRow], bool]


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("run", metavar="RUN", help="directory or name of a run that goes on")
    parser.add_argument(
        "do",
        choices=tuple(dict.fromkeys((*DONE_BY, *FAULT_KINDS, LIFT, ALSO_LIFT))),
        help="kill, restart, pause or resume a process; overload a cell; slow a server; degrade or cut a link; "
        "partition a cell; lift (or restore) what lasts",
    )
    parser.add_argument(
        "what",
        nargs="+",
        metavar="WHAT",
        help="es-1, ue-1-3, controller; cell 1 x 3; es-2 to 50%%; ue-1-3 to 1 Mbit/s loss 10%% +20 ms both ways; "
        "ue-1-3:es-1, es-1:es-2; cell 2; with `for 10 s` behind it, or --for",
    )
    parser.add_argument("--for", dest="duration", metavar="TIME", help="emulated time until it is undone")


def main(args: argparse.Namespace) -> int:
    """Ask the launcher of the run, and wait until it has been done; returns the exit code."""
    request = _request(args)
    path = reader.find(args.run)
    record = path / directory.RECORD
    meta = reader.read_meta(record)
    if reader.backend_of(meta) != TESTBED:
        raise UsageError(f"{args.run} has no processes: it was played by a virtual clock", "start a run on the testbed")
    if not reader.is_running(meta, record):
        raise UsageError(f"{args.run} has ended: nothing is left to break", "name a run that goes on")
    with database.opened(record) as db:
        (last,) = db.execute("SELECT coalesce(max(rowid), 0) FROM events").fetchone()
    fault_requests.ask(path, request)
    done = _awaited(args.run, record, request, last)
    undone = f", {_undone(request)} after {_lasting(request)}" if request.for_s else ""
    print_text(f"{args.run}: {_said(request, done)}{undone}")
    return 0


def _awaited(run: str, record: Path, request: FaultRequest, last: int) -> list[EventRow]:
    """The events by which it is known to be done, of those after row ``last``."""
    until, is_done = time.monotonic() + _PATIENCE_S, _done_by(request)
    while time.monotonic() < until:
        with database.opened(record) as db:
            events: list[EventRow] = [row for _, row in database.numbered_rows(db, EventRow, f"WHERE rowid > {last}")]
        for event in events:
            if event.kind == REQUEST_REFUSED and event.detail.startswith(f"{request.do} {request.name}: "):
                raise UsageError(f"{request.do} {request.name}: {event.detail.partition(': ')[2]}")
        if done := [event for event in events if is_done(event)]:
            return done
        if not reader.is_running(reader.read_meta(record), record):
            raise UsageError(f"{run} has ended before it was done", "name a run that goes on")
        time.sleep(_LOOK_S)
    raise StartError(
        f"{run}: {request.do} {request.name} was asked for, but not done within {_PATIENCE_S:g} s",
        "it will be done as soon as the launcher can: see the events of the run",
    )


def _done_by(request: FaultRequest) -> Found:
    """Which event tells that it is done."""
    if request.do == LIFT:
        return lambda event: event.kind == FAULT_OVER and f"{event.detail} ".startswith(_lifted(event, request))
    if request.do in DONE_BY:
        return lambda event: (event.source, event.kind) == (request.name, DONE_BY[request.do])
    return lambda event: event.kind == FAULT_BEGAN and event.detail == f"{request.do} {request.name}"


def _lifted(event: EventRow, request: FaultRequest) -> str:
    """How the detail of an event must begin that tells of the end of what is to be lifted."""
    kind, _, target = request.name.partition(" ")
    return f"{kind} {target} " if kind in FAULT_KINDS else f"{event.detail.partition(' ')[0]} {request.name} "


def _said(request: FaultRequest, done: Iterable[EventRow]) -> str:
    """What has been done, and when."""
    first = next(iter(done))
    at = f"{first.at_ns * S_PER_NS:.3f} s"
    if request.do == LIFT:
        return f"{', '.join(event.detail for event in done)} is over at {at}"
    if request.do in DONE_BY:
        return f"{request.name} {SAID[request.do]} since {at}"
    return f"{first.detail} since {at}"


def _undone(request: FaultRequest) -> str:
    return UNDONE_BY.get(request.do, "over")


def _lasting(request: FaultRequest) -> str:
    return units.exact(round(request.for_s / S_PER_NS), "time")


def _request(args: argparse.Namespace) -> FaultRequest:
    """What is asked for: the words of a phrase, and how long it lasts."""
    words, duration = list(args.what), args.duration
    if FOR in words[1:]:
        at = words.index(FOR, 1)
        if duration is not None:
            raise UsageError(f"for {' '.join(words[at + 1 :])} --for {duration}: two times", "give one of them")
        words, duration = words[:at], " ".join(words[at + 1 :])
    do = LIFT if args.do == ALSO_LIFT else args.do
    seconds = _seconds(do, duration)
    text = " ".join(words)
    if do in FAULT_KINDS and do not in DONE_BY:
        try:
            text = FaultPhrase(do).parse(text).text
        except InvalidError as error:
            raise UsageError(f"{do}: {error.message}", error.remedy) from None
    elif do in DONE_BY and len(words) > 1:
        raise UsageError(f"{do} {text}: one process at a time", f"write {do} {words[0]}")
    return FaultRequest(do, text, seconds)


def _seconds(do: str, duration: str | None) -> float:
    """How long it lasts, in seconds of emulated time; 0 if nothing was said of that."""
    if duration is None:
        return 0.0
    if do not in (*UNDONE_BY, *FAULT_KINDS):
        raise UsageError(f"--for {duration}: {do} lasts", "--for is for what can be undone")
    try:
        seconds = units.parse(duration, "time") * S_PER_NS
    except InvalidError as error:
        raise UsageError(f"--for {duration}: {error.message}", error.remedy) from None
    if not 0.0 < seconds <= MOST_SECONDS:
        raise UsageError(f"--for {duration} is no time that something can last", "write a time, like --for 2s")
    return seconds
