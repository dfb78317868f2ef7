"""``testbed fault``: break the processes of a run that goes on, and mend them."""

import argparse
import time

from testbed.cli.console import print_text, warn
from testbed.model.delay import S_PER_NS
from testbed.model.errors import InvalidError, UsageError
from testbed.protocol.rows import (
    DIED,
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
from testbed.record.fault_requests import MOST_SECONDS, UNDONE_BY, FaultRequest
from testbed.scenario import units

DONE_BY = {KILL: DIED, RESTART: RESTARTED, PAUSE: PAUSED, RESUME: RESUMED}
SAID = {KILL: "is dead", RESTART: "is back", PAUSE: "stands still", RESUME: "goes on"}
_PATIENCE_S, _LOOK_S = 15.0, 0.05


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("run", metavar="RUN", help="directory or name of a run that goes on")
    parser.add_argument(
        "do", choices=tuple(DONE_BY), help="kill: by SIGKILL; restart: what is dead; pause: let it stand still; resume"
    )
    parser.add_argument("name", metavar="NAME", help="which process: es-1, ue-1-3, controller")
    parser.add_argument("--for", dest="duration", metavar="TIME", help="kill, pause: emulated time until it is undone")


def main(args: argparse.Namespace) -> int:
    """Ask the launcher of the run, and wait until it has been done; returns the exit code."""
    request = FaultRequest(args.do, args.name, _seconds(args))
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
    until = time.monotonic() + _PATIENCE_S
    while time.monotonic() < until:
        with database.opened(record) as db:
            events: list[EventRow] = [row for _, row in database.numbered_rows(db, EventRow, f"WHERE rowid > {last}")]
        for event in events:
            if _refuses(event, request):
                raise UsageError(f"{args.do} {args.name}: {event.detail.partition(': ')[2]}")
            if event.source == args.name and event.kind == DONE_BY[args.do]:
                undone = f", {UNDONE_BY[args.do]} after {args.duration}" if request.for_s else ""
                print_text(f"{args.run}: {args.name} {SAID[args.do]} since {event.at_ns * S_PER_NS:.3f} s{undone}")
                return 0
        if not reader.is_running(reader.read_meta(record), record):
            raise UsageError(f"{args.run} has ended before it was done", "name a run that goes on")
        time.sleep(_LOOK_S)
    warn(f"{args.run}: asked for, but not done within {_PATIENCE_S:g} s")
    return 0


def _refuses(event: EventRow, request: FaultRequest) -> bool:
    return event.kind == REQUEST_REFUSED and event.detail.startswith(f"{request.do} {request.name}: ")


def _seconds(args: argparse.Namespace) -> float:
    """How long it lasts, in seconds of emulated time; 0 if nothing was said of that."""
    if args.duration is None:
        return 0.0
    if args.do not in UNDONE_BY:
        raise UsageError(f"--for {args.duration}: {args.do} lasts", "--for is for kill and pause")
    try:
        seconds = units.parse(args.duration, "time") * S_PER_NS
    except InvalidError as error:
        raise UsageError(f"--for {args.duration}: {error.message}", error.remedy) from None
    if not 0.0 < seconds <= MOST_SECONDS:
        raise UsageError(f"--for {args.duration} is no time that something can last", "write a time, like --for 2s")
    return seconds
