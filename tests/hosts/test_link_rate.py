"""How fast a link is, measured by bytes over a port that anybody can reach."""

import contextlib
import socket

import pytest

from testbed.hosts import link_rate
from testbed.hosts.link_rate import NUMBER_BYTES, Receiver, push

HERE = "127.0.0.1"


@pytest.mark.parametrize(
    "greeting", [b"", b"GET / HTTP/1.0\r\n\r\n", bytes(NUMBER_BYTES)], ids=["nothing", "plain bytes", "another number"]
)
def test_a_stranger_who_comes_first_is_hung_up_on_and_the_sender_is_measured(monkeypatch, greeting):
    monkeypatch.setattr(link_rate, "GREETING_S", 0.1)
    receiver = Receiver(0)
    with socket.create_connection((HERE, receiver.port)) as stranger:
        stranger.sendall(greeting)
        assert push(HERE, receiver.port, receiver.number) > 0.0
        with contextlib.suppress(ConnectionResetError):  # as it is where not all of it was read
            assert stranger.recv(1) == b""


def test_a_receiver_serves_one_sender(monkeypatch):
    monkeypatch.setattr(link_rate, "GREETING_S", 0.1)
    receiver = Receiver(0)
    assert push(HERE, receiver.port, receiver.number) > 0.0
    with pytest.raises((ConnectionRefusedError, ConnectionResetError)):
        push(HERE, receiver.port, receiver.number)
