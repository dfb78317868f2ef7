"""A flood of messages to every inbox: the run goes on, in time, and an interrupt is acted on at once."""

import os
import resource
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from tests.chaos.support import KNOWN, begin, end, events, left, pids, stop
from tests.command import document

pytestmark = [pytest.mark.live, pytest.mark.chaos]
WITHIN_S = 2.0
FLOOD = """
import sys, zmq
from tests.mailboxes import TOKEN
from testbed.protocol import codec
from testbed.protocol.codec import PROTOCOL_VERSION, Envelope
from testbed.protocol.messages import Announce
def made(struct, *values):
    return struct(**dict(zip(struct.__struct_fields__, values)))
kind, sockets = sys.argv[1], sys.argv[2:]
context = zmq.Context()
senders = []
for path in sockets:
    sender = context.socket(zmq.PUSH)
    sender.setsockopt(zmq.SNDHWM, 100)
    sender.connect(f"ipc://{path}")
    name = path.rpartition("/")[2]
    body = made(Announce, "es-1", 0, 0, 0, 0, 0, 0, 0, (0, 0))
    good = codec.encode(made(Envelope, PROTOCOL_VERSION, "es-1", 9, 0, name, 0, 3, 0, 0, 0, body))
    senders.append((sender, {"garbage": bytes(200), "sound": TOKEN + good, "large": TOKEN + bytes(60_000)}[kind]))
print("flooding", flush=True)
while True:
    for sender, frame in senders:
        for _ in range(20):
            try:
                sender.send(frame, zmq.DONTWAIT)
            except zmq.Again:
                break
"""


@pytest.fixture(params=["garbage", "sound", "large"])
def flooded(request, tmp_path):
    """A run under way and who floods all its sockets."""
    process = begin(tmp_path, "--slots", "400", program=KNOWN)
    sockets = sorted(str(path) for path in (tmp_path / "r" / "sock").iterdir())
    command = [sys.executable, "-c", FLOOD, request.param, *sockets]
    flood = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2])
    assert flood.stdout is not None and flood.stdout.readline() == "flooding\n"
    yield process, tmp_path
    flood.kill()
    flood.wait()
    flood.stdout.close()
    stop(process)


def largest_mb(run):
    sizes = [int((Path("/proc") / str(pid) / "statm").read_text().split()[1]) for pid in pids(run).values()]
    return max(sizes) * resource.getpagesize() / 1e6


def test_under_a_flood_time_goes_on_and_an_interrupt_is_acted_on_within_two_seconds(flooded):
    process, folder = flooded
    run = folder / "r"
    before = slots(run)
    limit = time.monotonic() + 60
    while slots(run) < before + 10:
        assert time.monotonic() < limit, "no slot passed in a minute"
        time.sleep(0.1)
    assert largest_mb(run) < 600
    names, ours = set(pids(run)), list(pids(run).values())
    crowd = max(1.0, os.getloadavg()[0] / len(os.sched_getaffinity(0)))  # who waits for a core waits so much longer
    process.send_signal(signal.SIGINT)
    begun = time.monotonic()
    while any(os.path.exists(f"/proc/{pid}") for pid in ours):
        assert time.monotonic() - begun < WITHIN_S * crowd, "processes still run two seconds after the interrupt"
        time.sleep(0.01)
    end(process, 130)
    content = document("report", "r", cwd=folder)
    assert content["tasks"]["unaccounted"] == 0 and content["ended"] == "interrupted"
    dropped = {source for source, _, _ in events(run, "dropped_frame")}
    assert "launcher" in dropped and len(dropped & names) >= len(names) // 2
    assert left(run) == []


def slots(run):
    with closing(sqlite3.connect(run / "run.db")) as db:
        return db.execute("SELECT coalesce(max(slot), 0) FROM slots").fetchone()[0]
