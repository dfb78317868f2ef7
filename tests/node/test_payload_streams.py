"""Payload in plain: it comes whole and in order, and nobody else can do more than knock."""

import contextlib
import socket
import time

import msgspec
import pytest

from testbed.live.places import Places
from testbed.model.system import TCP
from testbed.node import held_envelopes, payload_streams
from testbed.node.credentials import Credentials
from testbed.node.payload_streams import GREETING, MOST_YOUNG, PayloadStreams, _address
from testbed.node.socket import Mailbox, envelope
from testbed.protocol.codec import Envelope
from testbed.protocol.messages import Heartbeat
from tests.command import PATIENCE_S
from tests.mailboxes import TOKEN

NAMES = ("ue-1-1", "es-1")
SIZE = 3_000_000


@pytest.fixture(name="places")
def _places():
    return Places({name: (name,) for name in NAMES}, TCP, plain_payload=True)


@pytest.fixture(name="streams")
def _streams(places):
    """Streams of a UE and an ES."""
    result = places.by_name()
    keys = [place.public_key for place in result.values()]
    built = [PayloadStreams(result[name].public_key, result[name].payload_bind, keys, TOKEN) for name in NAMES]
    yield built
    for one in built:
        one.close()


def until(done, *turning):
    limit = time.monotonic() + PATIENCE_S
    while not done():
        assert time.monotonic() < limit
        for one in turning:
            one.turn()


def greeting(ue, sender, receiver, number):
    signature = ue._sign(sender.encode(), receiver.encode(), number)
    return GREETING.pack(sender.encode(), number, signature)


def test_all_of_it_comes_before_the_header_is_received(places, streams):
    (ue, es), there = streams, places.by_name()
    sender, receiver = there["ue-1-1"], there["es-1"]
    first = ue.owe(receiver.payload_address, receiver.public_key, SIZE)
    second = ue.owe(receiver.payload_address, receiver.public_key, 1)
    assert not es.has_come(sender.public_key, first)
    until(lambda: es.has_come(sender.public_key, first), es, ue)
    until(lambda: es.has_come(sender.public_key, second), es, ue)
    assert es.refused == 0 and es._incoming[sender.public_key.encode()].bytes == SIZE + 1


def test_the_payload_of_a_sender_that_died_is_not_waited_for(places, streams):
    (ue, es), there = streams, places.by_name()
    sender, receiver = there["ue-1-1"], there["es-1"]
    ue.owe(receiver.payload_address, receiver.public_key, 10)
    until(lambda: es._incoming, es, ue)
    promised = payload_streams.REFERENCE.pack(es._incoming[sender.public_key.encode()].number, 10**9)
    assert not es.has_come(sender.public_key, promised)
    ue.disconnect(receiver.payload_address)
    until(lambda: es.has_come(sender.public_key, promised), es)


@pytest.mark.parametrize("kind", ["HTTP", "another token", "not a member", "for another", "half and closed"])
def test_who_cannot_greet_is_refused(places, streams, kind):
    (ue, es), there = streams, places.by_name()
    sender, receiver = there["ue-1-1"].public_key, there["es-1"].public_key
    other = PayloadStreams(sender, "tcp://127.0.0.1:0", [sender], bytes(len(TOKEN)))
    output = {
        "HTTP": b"GET / HTTP/1.0\r\n\r\n" * 8,
        "another token": greeting(other, sender, receiver, 7),
        "not a member": greeting(ue, "x" * 40, receiver, 7),
        "for another": greeting(ue, sender, sender, 7),
        "half and closed": greeting(ue, sender, receiver, 7)[:30],
    }[kind]
    other.close()
    with socket.create_connection(_address(there["es-1"].payload_address)) as end:
        end.sendall(output)
        if kind == "half and closed":
            end.shutdown(socket.SHUT_WR)
        until(lambda: es.refused == 1, es)
        with contextlib.suppress(ConnectionResetError):  # where something was left unread
            assert end.recv(1) == b""
    assert es._incoming == {}


def test_a_greeting_counts_once(places, streams):
    (ue, es), there = streams, places.by_name()
    output = greeting(ue, there["ue-1-1"].public_key, there["es-1"].public_key, 7)
    address = _address(there["es-1"].payload_address)
    with socket.create_connection(address) as first, socket.create_connection(address) as again:
        first.sendall(output)
        until(lambda: es._incoming, es)
        again.sendall(output)
        until(lambda: es.refused == 1, es)
        assert es._incoming[there["ue-1-1"].public_key.encode()].open, "the one that was there stays"


def test_who_says_nothing_has_to_go_and_many_of_them_cost_little(places, streams, monkeypatch):
    (ue, es), there = streams, places.by_name()
    address = _address(there["es-1"].payload_address)
    silent = [socket.create_connection(address) for _ in range(3 * MOST_YOUNG)]
    until(lambda: es.refused >= 2 * MOST_YOUNG - 1, es)
    assert len(es._young) <= MOST_YOUNG
    reference = ue.owe(there["es-1"].payload_address, there["es-1"].public_key, SIZE)
    until(lambda: es.has_come(there["ue-1-1"].public_key, reference), es, ue)
    now = time.monotonic_ns()
    monkeypatch.setattr(
        "testbed.node.payload_streams.time.monotonic_ns", lambda: now + 10 * payload_streams.GREETING_NS
    )
    es.turn()
    assert es.refused == len(silent) and not es._young
    for end in silent:
        end.close()


@pytest.fixture(name="mailboxes")
def _mailboxes(places):
    result = places.by_name()
    built = [Mailbox(result[n], result, Credentials(TOKEN, places.key_of(n)), real_payload=True) for n in NAMES]
    yield built
    for one in built:
        one.close()


def payload(number, size):
    return msgspec.structs.replace(envelope("ue-1-1", 0, "es-1", Heartbeat(number)), payload_bits=8 * size)


def received(ue, es, count):
    items: list[Envelope] = []
    limit = time.monotonic() + PATIENCE_S
    while len(items) < count:
        assert time.monotonic() < limit
        items += es.take()
        list(ue.take())
    return [one.body for one in items]


def test_messages_are_received_in_the_order_in_which_they_were_sent(mailboxes):
    ue, es = mailboxes
    for number, size in enumerate((SIZE, 0, 1, 0, SIZE)):
        ue.post(payload(number, size))
    ue.flush()
    assert received(ue, es, 5) == [Heartbeat(number) for number in range(5)]
    assert es.dropped == 0


def test_a_message_whose_payload_does_not_come_is_received_late_and_counted(mailboxes, monkeypatch):
    ue, es = mailboxes
    monkeypatch.setattr(held_envelopes, "PATIENCE_NS", 50_000_000)
    monkeypatch.setattr(ue._streams, "owe", lambda *_: payload_streams.REFERENCE.pack(2**60, 1))
    ue.send(payload(1, 10))
    ue.send(payload(2, 0))
    assert received(ue, es, 2) == [Heartbeat(1), Heartbeat(2)]
    assert es.dropped == 1 and "did not come" in es.last_error
