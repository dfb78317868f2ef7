"""Runs whose messages travel over TCP, encrypted: same tasks and decisions, a grade; deaths; strangers at the doors."""

import sqlite3
from contextlib import closing

import msgspec
import pytest
import zmq

from testbed.node.credentials import PLACES
from testbed.protocol.place import Place
from tests.chaos.support import begin, end, events, left, stop
from tests.command import document

pytestmark = pytest.mark.live
ON_TCP = ("--set", "emulation.transport=tcp")
LITTLE = ("--set", "emulation.burn=0.02")


def decided(run):
    """Every task of a run with what was decided about it."""
    with closing(sqlite3.connect(run / "run.db")) as db:
        return db.execute("SELECT ue, number, choice FROM tasks ORDER BY ue, number").fetchall()


@pytest.mark.parametrize("more", [(), ("--set", "emulation.ues_per_process=2")], ids=["one a process", "packed"])
def test_a_run_on_tcp_does_what_one_on_ipc_does(tmp_path, more):
    alike = ("run", "smoke", *LITTLE, "--policy", "random-do", *more)
    here = document(*alike, "--out", "ipc", cwd=tmp_path)
    there = document(*alike, *ON_TCP, "--out", "tcp", cwd=tmp_path)
    assert there["fidelity"]["grade"] and there["tasks"]["unaccounted"] == 0 == there["tasks"]["failed"]
    assert there["tasks"]["generated"] == here["tasks"]["generated"] == 13
    assert decided(tmp_path / "tcp") == decided(tmp_path / "ipc")
    assert events(tmp_path / "tcp", "dropped_frame") == [] and not (tmp_path / "tcp" / "node").exists()


def test_on_tcp_an_es_that_was_killed_serves_again(tmp_path):
    faults = "faults=[{at: 4 s, kill: es-1, restart_after: 3 s}, {at: 12 s, kill: ue-1-2, restart_after: 3 s}]"
    process = begin(tmp_path, "--slots", "100", "--policy", "offload", *ON_TCP, "--set", faults)
    try:
        end(process, 0)
    finally:
        stop(process)
    content = document("report", "r", cwd=tmp_path)
    assert content["ended"] == "drained" and content["tasks"]["unaccounted"] == 0
    assert {source for source, *_ in events(tmp_path / "r", "restarted")} == {"es-1", "ue-1-2"}
    with closing(sqlite3.connect(tmp_path / "r" / "run.db")) as db:
        query = "SELECT count(*) FROM tasks WHERE choice = 1 AND state = 'completed' AND generated_ns > 8000000000"
        assert db.execute(query).fetchone()[0] > 0
    assert left(tmp_path / "r") == []


def test_strangers_at_every_door_of_a_run_are_counted_and_change_nothing(tmp_path):
    process = begin(tmp_path, "--slots", "60", *ON_TCP)
    context = zmq.Context()
    try:
        places = msgspec.msgpack.decode((tmp_path / "r" / PLACES).read_bytes(), type=dict[str, Place])
        assert len({place.address for place in places.values()}) == 5
        strangers = [context.socket(zmq.PUSH) for _ in places]
        for stranger, place in zip(strangers, places.values(), strict=True):
            stranger.linger = 0  # what no door takes would otherwise keep the context open for ever
            stranger.connect(place.address)
            stranger.send(b"let me in")
        end(process, 0)
    finally:
        context.destroy(0)
        stop(process)
    content = document("report", "r", cwd=tmp_path)
    assert content["ended"] == "drained" and content["tasks"]["unaccounted"] == 0 == content["tasks"]["failed"]
    messages = events(tmp_path / "r", "dropped_frame")  # a stranger may try more than once
    assert {source for source, *_ in messages} == set(places)
    assert all("a connection was refused" in why for _, why, _ in messages)
