"""Mailboxes between two ends of this process: what was posted travels together, with its payload, or is counted."""

import select
import time
from contextlib import ExitStack, closing

import msgspec
import pytest
import zmq

from testbed.model.system import IPC, TCP
from testbed.model.task import Task
from testbed.node import socket
from testbed.node.socket import envelope
from testbed.protocol import codec
from testbed.protocol.codec import Envelope
from testbed.protocol.messages import Heartbeat, Post, Stop
from tests.mailboxes import TOKEN, mailbox, places, places_on_tcp


@pytest.fixture(params=[(False, IPC), (True, IPC), (True, TCP)], ids=["declared", "real", "real on tcp"])
def ends(request, tmp_path):
    real, transport = request.param
    result, keys = places_on_tcp("a", "b") if transport == TCP else (places(tmp_path, "a", "b"), {"a": "", "b": ""})
    built = [mailbox(result, name, real_payload=real, key=keys[name]) for name in ("a", "b")]
    yield built
    for one in built:
        one.close()


def posted(number, bits=0):
    body = (
        Post("ue-1-1", Task(ue=0, number=number, generated_ns=0, input_bits=1, cycles=1, deadline_ns=1), 0)
        if bits
        else Heartbeat(number)
    )
    result = envelope("a", 0, "b", body)
    return msgspec.structs.replace(result, payload_bits=bits, body=body)


def received(box, count):
    poll = select.poll()
    poll.register(box.fd, select.POLLIN)
    items: list[Envelope] = []
    while len(items) < count:
        one = next(box.take(), None)
        if one is None:
            assert not box.drained or poll.poll(60_000), f"only {len(items)} of {count} came"
        else:
            items.append(one)
    assert next(box.take(), None) is None and box.drained
    return items


def test_what_is_posted_comes_in_order_with_whatever_payload(ends):
    a, b = ends
    sizes = [0, 8, 8 * 100_000, 0, 8 * (len(socket._PAYLOAD) + 1), 8 * len(socket._PAYLOAD), 0]
    sent = [posted(n, bits) for n, bits in enumerate(sizes)]
    for one in sent:
        a.post(one)
    assert next(b.take(), None) is None
    a.flush()
    assert received(b, len(sent)) == sent


def test_one_message_takes_what_was_posted_to_a_peer(ends):
    a, b = ends
    sent = []
    a._connect(a.places["b"].address)
    real = a._peers[a.places["b"].address]

    class Counting:
        def send(self, frame, flags, copy):
            sent.append(flags & zmq.SNDMORE)
            return real.send(frame, flags, copy=copy)

    a._peers[a.places["b"].address] = Counting()
    for n in range(socket.MESSAGES_A_BATCH + 3):
        a.post(posted(n))
    assert len(sent) == socket.MESSAGES_A_BATCH and sent.count(0) == 1
    a.send(posted(99))
    assert sent.count(0) == 2
    assert [one.body for one in received(b, socket.MESSAGES_A_BATCH + 4)][-1] == Heartbeat(99)
    a._peers[a.places["b"].address] = real


def test_nothing_behind_a_frame_that_is_not_understood_is_believed(ends):
    a, b = ends
    peer = a._connect(a.places["b"].address)
    peer.send_multipart([TOKEN + codec.encode(posted(1)), b"\xff" * 9, codec.encode(posted(2))])
    assert [one.body for one in received(b, 1)] == [Heartbeat(1)]
    assert b.dropped == 1


def test_what_was_posted_to_a_dead_process_is_forgotten(ends):
    a, b = ends
    a.post(posted(1))
    a.disconnect("b")
    a.send(posted(2))
    assert [one.body for one in received(b, 1)] == [Heartbeat(2)]


def test_a_stranger_is_counted(ends):
    a, _ = ends
    a.send(envelope("a", 0, "nobody", Heartbeat(1)))
    assert a.unsent == 1


def test_closing_waits_for_one_peer_only(tmp_path):
    addresses = places(tmp_path, "a", "gone", "launcher")
    a, launcher = mailbox(addresses, "a"), mailbox(addresses, "launcher")
    for to in ("gone", "launcher"):
        a.send(envelope("a", 0, to, Heartbeat(1)))
    begun = time.monotonic()
    a.close(30_000, "launcher")
    assert time.monotonic() - begun < 15
    assert received(launcher, 1)[0].body == Heartbeat(1)
    launcher.close()


def test_an_inbox_that_never_empties_is_read_for_a_turn_at_a_time(ends, monkeypatch):
    _, b = ends
    kinds = {"good": lambda: b._received.append(posted(1)), "bad": lambda: b.drop("Malformed")}
    for kind, come in kinds.items():
        b._received.clear()
        monkeypatch.setattr(b, "_fetch", lambda come=come: come() or True)
        begun = time.monotonic()
        taken = sum(1 for _ in b.take())
        assert time.monotonic() - begun < 5 and not b.drained
        assert (taken > 0) == (kind == "good")


def test_a_turn_brings_something_however_late_it_is(ends, monkeypatch):
    a, b = ends
    a.send(posted(1))
    assert received(b, 1) == [posted(1)]
    monkeypatch.setattr(socket, "RECEIVE_TURN_NS", 0)
    b._received.extend([posted(2), posted(3)])
    assert [list(b.take()) for _ in range(2)] == [[posted(2)], [posted(3)]]
    assert list(b.take()) == [] and b.drained


def test_a_message_of_endless_frames_is_dropped_whole(ends):
    a, b = ends
    peer = a._connect(a.places["b"].address)
    peer.send_multipart([TOKEN + codec.encode(posted(n)) for n in range(socket.MOST_FRAMES + 1)])
    a.send(posted(7))
    assert [one.body for one in received(b, 1)] == [Heartbeat(7)]
    assert b.dropped == 1 and b.last_error.startswith("Oversized")


@pytest.mark.parametrize(
    ("token", "why"),
    [(b"", "Stranger"), (b"t", "Stranger"), (b"f" * len(TOKEN), "Stranger"), (TOKEN + b"t", "Malformed")],
)
def test_whoever_has_not_the_token_of_the_run_is_refused_and_counted(tmp_path, token, why):
    addresses = places(tmp_path, "launcher", "ue-1-1", "x")
    with ExitStack() as stack:
        ue, true = (stack.enter_context(closing(mailbox(addresses, name))) for name in ("ue-1-1", "launcher"))
        forger = stack.enter_context(closing(mailbox(addresses, "x", token=token)))
        forger.send(envelope("launcher", 0, "ue-1-1", Stop(0, "forged")))
        poll = select.poll()
        poll.register(ue.fd, select.POLLIN)
        while not ue.dropped:
            assert list(ue.take()) == [] and (ue.dropped or poll.poll(60_000))
        assert ue.dropped == 1 and ue.last_error.startswith(why)
        true.send(envelope("launcher", 0, "ue-1-1", Stop(0, "true")))
        assert [one.body.reason for one in received(ue, 1)] == ["true"]


def test_a_message_of_the_token_alone_says_nothing(ends):
    a, b = ends
    a._connect(a.places["b"].address).send_multipart([TOKEN])
    a.send(posted(1))
    assert received(b, 1) == [posted(1)] and b.last_error == "Malformed: not an envelope"


def test_what_is_quoted_of_a_frame_cannot_steer_a_terminal(ends, capfd):
    _, b = ends
    b.drop("Bye of \x1b[2Jname\n: no" + "o" * 1000)
    assert "\x1b" not in b.last_error and "\n" not in b.last_error and len(b.last_error) <= socket.WIDEST
    assert "\x1b" not in capfd.readouterr().err


def test_a_frame_beyond_the_limit_is_counted_and_a_peer_that_leaves_is_not(tmp_path):
    addresses = places(tmp_path, "a", "b")
    with closing(mailbox(addresses, "b")) as box:
        with closing(mailbox(addresses, "a")) as leaving:
            leaving.send(posted(1))
            assert received(box, 1) == [posted(1)]
        with zmq.Context() as context:
            stranger = context.socket(zmq.PUSH)
            stranger.setsockopt(zmq.LINGER, 0)
            stranger.setsockopt(zmq.RECONNECT_IVL, -1)
            stranger.connect(addresses["b"].address)
            stranger.send(bytes(100 * 2**20))
            until = time.monotonic() + 60
            while not box.dropped and time.monotonic() < until:
                assert list(box.take()) == []
                time.sleep(0.01)
            stranger.close()
        with closing(mailbox(addresses, "a")) as other:
            other.send(posted(2))
            assert received(box, 1) == [posted(2)]
        assert box.dropped == 1 and box.last_error.startswith("Oversized")
