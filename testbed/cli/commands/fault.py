"""``testbed fault``: break a run that goes on, its processes, servers, links or workload, and mend them."""

import argparse
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from testbed.cli.console import print_text
from testbed.model.delay import S_PER_NS
from testbed.model.errors import InvalidError, StartError, TestbedError, UsageError
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
from testbed.record.fault_requests import CAN_BE_ASKED, LIFT, UNDONE_BY, FaultRequest
from testbed.scenario import units
from testbed.scenario.fault_grammar import FaultPhrase
from testbed.scenario.fault_kinds import FAULT_KINDS

DONE_BY = {KILL: DIED, RESTART: RESTARTED, PAUSE: PAUSED, RESUME: RESUMED}
SAID = {KILL: "is dead", RESTART: "is back", PAUSE: "stands still", RESUME: "goes on"}
_PATIENCE_S, _LOOK_S = 15.0, 0.05
Found = Callable[[EventRow], bool]


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("run", metavar="RUN", type=_run, help="directory or name of a run that goes on")
    parser.add_argument(
        "do",
        choices=CAN_BE_ASKED,
        help="kill, restart, pause or resume a process; overload a cell; slow a server; degrade or cut a link; "
        "partition a cell; lift (or restore) what lasts",
    )
    parser.add_argument(
        "what",
        nargs="+",
        metavar="WHAT",
        help="es-1, ue-1-3, controller; cell 1 x 3; es-2 to 50%%; ue-1-3 to 1 Mbit/s loss 10%% +20 ms both ways, "
        "or part of it; ue-1-3:es-1, es-1:es-2; cell 2; with `for 10 s` behind it, or --for",
    )
    parser.add_argument(
        "--for",
        dest="duration",
        metavar="TIME",
        help="emulated time until it is undone; without it, lift, restart or resume undoes it, also while the run "
        "drains; tasks that wait for that are waited for until the drain limit, and fail then",
    )


def _run(name: str) -> str:
    """The name of a run, unless it is what shall be done to one that was not named."""
    if name not in CAN_BE_ASKED or Path(name).exists() or (directory.RUNS / name).exists():
        return name
    records = sorted(directory.RUNS.glob(f"*/{directory.RECORD}"))
    going = [record.parent.name for record in records if _goes_on(record)]
    which = f"these go on: {', '.join(going)}" if going else f"none goes on below {directory.RUNS}"
    raise argparse.ArgumentTypeError(f'missing before "{name}": {which}')


def _goes_on(record: Path) -> bool:
    try:
        return reader.is_running(reader.read_meta(record), record)
    except TestbedError:
        return False


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
    undone = f", {_undone(request)} after {_lasting(request)}" if request.for_s else _until(args.run, request)
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
        over = (FAULT_OVER, f"{PAUSE} {request.name}") if request.do == RESUME else ()
        return lambda event: (
            (event.source, event.kind) == (request.name, DONE_BY[request.do]) or (event.kind, event.detail) == over
        )
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


def _until(run: str, request: FaultRequest) -> str:
    """The command that undoes what was asked for without an end; "" where nothing lasts."""
    if request.do in UNDONE_BY:
        return f", until testbed fault {run} {UNDONE_BY[request.do]} {request.name}"
    if request.do not in FAULT_KINDS:
        return ""
    return f", until testbed fault {run} {LIFT} {request.do} {FaultPhrase(request.do).parse(request.name).target}"


def _undone(request: FaultRequest) -> str:
    return UNDONE_BY.get(request.do, "over")


def _lasting(request: FaultRequest) -> str:
    return units.exact(round(request.for_s / S_PER_NS), "time")


def _request(args: argparse.Namespace) -> FaultRequest:
    """What is asked for. Raises `UsageError`."""
    try:
        return fault_requests.read(" ".join((args.do, *args.what)), args.duration or "")
    except InvalidError as error:
        raise UsageError(error.message, error.remedy) from None
