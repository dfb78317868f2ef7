"""The only sockets: one PULL inbox per process, PUSH sockets to peers, opened when first needed."""

import sys
from collections.abc import Callable

import zmq

from testbed.protocol import codec
from testbed.protocol.codec import PROTOCOL_VERSION, Envelope, FrameError
from testbed.protocol.messages import Body

RECEIVE_LIMIT, SEND_LIMIT = 20_000, 20_000
ZERO_COPY_FROM = 16_384
LOGGED = 20
_PAYLOAD = bytes(8 * 1024 * 1024)


class Mailbox:
    """Receives envelopes for every core of this process and sends theirs; never blocks.

    ``addresses`` maps process names to endpoints. With ``real_payload`` the declared bits really travel. What ``aside``
    takes is not received by anybody else.
    """

    def __init__(self, endpoint: str, addresses: dict[str, str], real_payload: bool) -> None:
        self._context = zmq.Context(1)
        self._inbox = self._context.socket(zmq.PULL)
        self._inbox.setsockopt(zmq.RCVHWM, RECEIVE_LIMIT)
        self._inbox.setsockopt(zmq.LINGER, 0)
        self._inbox.setsockopt(zmq.MAXMSGSIZE, codec.MAX_PAYLOAD)
        self._inbox.bind(endpoint)
        self.addresses = addresses
        self._real = real_payload
        self._peers: dict[str, zmq.Socket[bytes]] = {}
        self.fd = int(self._inbox.getsockopt(zmq.FD))
        self.dropped = 0
        self.unsent = 0
        self.last_error = ""
        self.aside: Callable[[Envelope], bool] = lambda _: False

    def connect(self, name: str) -> "zmq.Socket[bytes]":
        """The socket to process ``name``."""
        endpoint = self.addresses[name]
        peer = self._peers.get(endpoint)
        if peer is None:
            peer = self._context.socket(zmq.PUSH)
            peer.setsockopt(zmq.SNDHWM, SEND_LIMIT)
            peer.setsockopt(zmq.LINGER, 0)
            peer.connect(endpoint)
            self._peers[endpoint] = peer
        return peer

    def disconnect(self, name: str) -> None:
        """Forget the socket to a process that died, and what it still held."""
        peer = self._peers.pop(self.addresses.get(name, ""), None)
        if peer is not None:
            peer.close(0)

    def send(self, envelope: Envelope) -> None:
        """Send at once; a full queue drops the envelope and counts it."""
        if envelope.to not in self.addresses:
            self.unsent += 1
            return
        peer = self.connect(envelope.to)
        header = codec.encode(envelope)
        size = envelope.payload_bits // 8
        try:
            if self._real and size > 0:
                peer.send(header, zmq.SNDMORE | zmq.DONTWAIT)
                self._send_payload(peer, size)
            else:
                peer.send(header, zmq.DONTWAIT)
        except zmq.Again:
            self.unsent += 1

    def _send_payload(self, peer: "zmq.Socket[bytes]", size: int) -> None:
        """Large payloads are pieces of one shared buffer, not copied here."""
        while size > len(_PAYLOAD):
            peer.send(_PAYLOAD, zmq.SNDMORE | zmq.DONTWAIT, copy=False)
            size -= len(_PAYLOAD)
        peer.send(memoryview(_PAYLOAD)[:size], zmq.DONTWAIT, copy=size < ZERO_COPY_FROM)

    def receive(self) -> Envelope | None:
        """The next envelope, or None when the inbox is empty; bad frames are counted and dropped."""
        while True:
            try:
                frames = self._inbox.recv_multipart(zmq.DONTWAIT, copy=False)
            except zmq.Again:
                return None
            try:
                found = codec.decode(frames[0].buffer)
            except FrameError as error:
                self.drop(f"{type(error).__name__}: {error}")
                continue
            if not self.aside(found):
                return found

    def drop(self, why: str) -> None:
        """Count a frame that is not acted on, and say so in the log: each of the first ones, then every thousandth."""
        self.dropped += 1
        self.last_error = why
        if self.dropped <= LOGGED or self.dropped % 1000 == 0:
            print(f"frame {self.dropped} dropped: {why}", file=sys.stderr, flush=True)

    def close(self, last: str = "", linger_ms: int = 0) -> None:
        """Close everything, waiting up to ``linger_ms`` for what is still to be sent to the process ``last``."""
        kept = self.addresses.get(last)
        for endpoint, peer in self._peers.items():
            peer.close(linger_ms if endpoint == kept else 0)
        self._inbox.close(0)
        self._context.term()


def envelope(source: str, incarnation: int, to: str, body: Body, at_ns: int = 0, phase: int = 0) -> Envelope:
    """An envelope outside the order of events: handshake, notices, telemetry."""
    return Envelope(PROTOCOL_VERSION, source, incarnation, 0, to, at_ns, phase, 0, 0, 0, body)
