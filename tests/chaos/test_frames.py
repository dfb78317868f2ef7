"""Frames that no process should ever get: counted, dropped, named in a log; the run goes on."""

import msgspec
import pytest
import zmq

from testbed.model.task import Task
from testbed.node.socket import envelope
from testbed.protocol import codec
from testbed.protocol.codec import PROTOCOL_VERSION, Envelope
from testbed.protocol.messages import Down, Heartbeat, Hello, Post, Stop
from tests.chaos.support import KNOWN, begin, end, events, stop
from tests.command import document
from tests.mailboxes import TOKEN

pytestmark = [pytest.mark.live, pytest.mark.chaos]


def frames(name):
    """Garbage, a cut frame, a wrong version, an oversized one, one for a stranger, one about a stranger."""
    good = Envelope(
        version=PROTOCOL_VERSION,
        source="ue-1-1",
        incarnation=1,
        sequence=0,
        to=name,
        at_ns=0,
        phase=0,
        ue=0,
        number=0,
        payload_bits=0,
        body=Heartbeat(0),
    )
    whole = codec.encode(good)
    about = msgspec.structs.replace(
        good, body=Post("nobody", Task(ue=0, number=0, generated_ns=0, input_bits=1, cycles=1, deadline_ns=1), 0)
    )
    return {
        "garbage": b"\xff" * 40,
        "empty": b"",
        "cut": whole[:-3],
        "version": whole[:1] + bytes([PROTOCOL_VERSION + 1]) + whole[2:],
        "oversized": bytes(codec.MAX_LONG_HEADER + 1),
        "stranger": codec.encode(msgspec.structs.replace(good, to="nobody")),
        "about a stranger": codec.encode(about),
    }


def test_bad_frames_to_every_socket_are_counted_and_the_run_goes_on(tmp_path):
    process = begin(tmp_path, "--slots", "40", program=KNOWN)
    context = zmq.Context()
    names = ["ue-1-1", "ue-1-2", "es-1", "controller"]
    try:
        for name in [*names, "launcher"]:
            sender = context.socket(zmq.PUSH)
            sender.connect(f"ipc://{tmp_path}/r/sock/{name}")
            for frame in frames(name).values():
                sender.send(TOKEN + frame)
            sender.close(5000)
        end(process, 0)
    finally:
        stop(process)
        context.term()
    content = document("report", "r", cwd=tmp_path)
    assert content["tasks"]["unaccounted"] == 0 and content["ended"] == "drained" and content["tasks"]["failed"] == 0
    counted = {source: value for source, _, value in events(tmp_path / "r", "dropped_frame")}
    assert counted == dict.fromkeys([*names, "launcher"], len(frames("")))
    for name in names:
        log = (tmp_path / "r" / "logs" / f"{name}.log").read_text()
        assert f"WrongVersion: protocol version {PROTOCOL_VERSION + 1}" in log and "Malformed: not an envelope" in log
        assert "Oversized" in log and "nobody of that name here" in log


def test_who_has_not_the_token_neither_stops_a_run_nor_buries_a_process_nor_takes_its_place(tmp_path):
    """Another program of the same user reaches every socket, and knows all that is written or told of the run."""
    process = begin(tmp_path, "--slots", "40")
    forged = [
        ("ue-1-1", envelope("launcher", 0, "ue-1-1", Stop(0, "forged"))),
        ("ue-1-2", envelope("launcher", 0, "ue-1-2", Down("es-1", 0, 0))),
        ("controller", envelope("launcher", 0, "controller", Down("es-1", 0, 0))),
        ("launcher", envelope("es-1", 0, "launcher", Hello("es-1", 7, "edge_server"))),
    ]
    context = zmq.Context()
    try:
        for name, one in forged:
            sender = context.socket(zmq.PUSH)
            sender.connect(f"ipc://{tmp_path}/r/sock/{name}")
            sender.send(codec.encode(one))
            sender.send(bytes(len(TOKEN)) + codec.encode(one))
            sender.close(5000)
        end(process, 0)
    finally:
        stop(process)
        context.term()
    content = document("report", "r", cwd=tmp_path)
    assert content["tasks"]["unaccounted"] == content["tasks"]["failed"] == 0 and content["ended"] == "drained"
    assert {state for *_, state in events(tmp_path / "r", "died")} == set()
    counted = {source: value for source, _, value in events(tmp_path / "r", "dropped_frame")}
    assert counted == {name: 2 for name, _ in forged}
