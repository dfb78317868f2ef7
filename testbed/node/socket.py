"""The only sockets: one PULL inbox per process, PUSH sockets to peers, opened when first needed."""

import logging
import select
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from hmac import compare_digest
from itertools import chain

import msgspec
import zmq

from testbed.model.task import FAULT
from testbed.node.credentials import Credentials
from testbed.node.doorkeeper import Doorkeeper
from testbed.node.gate import Gate
from testbed.node.held_envelopes import HeldEnvelopes
from testbed.node.payload_streams import REFERENCE, PayloadStreams
from testbed.protocol import codec
from testbed.protocol.actions import Send
from testbed.protocol.codec import PROTOCOL_VERSION, Envelope, FrameError
from testbed.protocol.messages import Body
from testbed.protocol.place import Place

RECEIVE_LIMIT, SEND_LIMIT = 2_000, 20_000
RECEIVE_TURN_NS = 5_000_000
ZERO_COPY_FROM = 16_384
SEALED_BYTES = 256  # more than encryption adds to a frame
SOCKETS_BESIDE = 1000  # closed ones count until the context has reaped them
MESSAGES_A_BATCH = 64
MORE, _LAST, READABLE = int(zmq.SNDMORE | zmq.DONTWAIT), int(zmq.DONTWAIT), int(zmq.POLLIN)
LOGGED, WIDEST = 20, 200
LOG = logging.getLogger(__name__)
_PAYLOAD = bytes(8 * 1024 * 1024)
MOST_FRAMES = MESSAGES_A_BATCH * (2 + codec.MAX_PAYLOAD // len(_PAYLOAD))


class Mailbox:
    """Receives envelopes for every core of this process and sends theirs; never blocks.

    It binds ``place``, and finds processes and their cores by name in ``places``. With ``real_payload`` the declared
    bits really travel. What ``aside`` takes is not received by anybody else.

    A message has one or more header frames, each followed by its payload. It begins with the run's token; without the
    right one nothing of it is looked at. Where ``place`` has a key, only who has the key of one of ``places`` can
    connect, and speaks for that place alone. What `post` was given goes with the next `flush`, in one message a peer:
    waking the other process is what a message costs most.

    Nobody can keep the process from its other business: `take` ends after a turn, and ``drained`` says whether the
    inbox was empty by then. What waits in it is bounded, and holds up its senders.
    """

    def __init__(
        self, place: Place, places: Mapping[str, Place], credentials: Credentials, *, real_payload: bool = False
    ) -> None:
        self._context = zmq.Context(1)
        self._context.set(zmq.MAX_SOCKETS, len(set(places.values())) + SOCKETS_BESIDE)
        self._inbox = self._context.socket(zmq.PULL)
        self._inbox.setsockopt(zmq.RCVHWM, RECEIVE_LIMIT)
        self._inbox.setsockopt(zmq.LINGER, 0)
        self._inbox.setsockopt(zmq.MAXMSGSIZE, len(_PAYLOAD) + SEALED_BYTES)
        self._keys = {one.address: one.public_key for one in places.values()}
        self._public_key, self._secret_key = place.public_key, credentials.secret_key
        self._door = Doorkeeper(self._inbox, self._secret_key, self._keys.values()) if place.public_key else None
        self._gate = None if place.public_key else Gate(self._inbox)
        self._streams: PayloadStreams | None = None
        try:
            self._inbox.bind(place.bind)
            if place.payload_bind:
                self._streams = PayloadStreams(
                    place.public_key, place.payload_bind, self._keys.values(), credentials.token
                )
        except (zmq.ZMQError, OSError):
            self._inbox.close(0)
            self._context.term()
            raise
        self.places, self._token = places, credentials.token
        self.real_payload = real_payload
        self._peers: dict[str, zmq.Socket[bytes]] = {}
        self._posted: dict[str, list[list[bytes | memoryview]]] = {}
        self._received: deque[Envelope] = deque()
        self._held = HeldEnvelopes()
        self.fd = int(self._inbox.getsockopt(zmq.FD))
        if self._streams is not None:
            self._both = select.epoll()
            for fd in (self.fd, self._streams.fd):
                self._both.register(fd, select.EPOLLIN)
            self.fd = self._both.fileno()
        self.drained = True
        self.dropped = 0
        self.stale = 0
        self.last_stale = ""
        self.unsent = 0
        self._turned_away = 0
        self.last_error = ""
        self.aside: Callable[[Envelope], bool] = lambda _: False

    def _connect(self, address: str) -> "zmq.Socket[bytes]":
        peer = self._peers.get(address)
        if peer is None:
            peer = self._context.socket(zmq.PUSH)
            peer.setsockopt(zmq.SNDHWM, SEND_LIMIT)
            peer.setsockopt(zmq.LINGER, 0)
            if self._public_key:
                peer.setsockopt(zmq.CURVE_PUBLICKEY, self._public_key.encode())
                peer.setsockopt(zmq.CURVE_SECRETKEY, self._secret_key.encode())
                peer.setsockopt(zmq.CURVE_SERVERKEY, self._keys[address].encode())
            peer.connect(address)
            self._peers[address] = peer
        return peer

    def disconnect(self, name: str) -> None:
        """Forget the socket to a process that died, and what it still held."""
        address = self.places[name].address if name in self.places else ""
        self._posted.pop(address, None)
        peer = self._peers.pop(address, None)
        if peer is not None:
            peer.close(0)
        if self._streams is not None and name in self.places:
            self._streams.disconnect(self.places[name].payload_address)

    def send(self, envelope: Envelope) -> None:
        """Send at once, with what was posted; a full queue drops the envelope and counts it."""
        self.post(envelope)
        self.flush()

    def post(self, envelope: Envelope) -> None:
        """Send with the next `flush`, at the latest when a message is full."""
        place = self.places.get(envelope.to)
        if place is None:
            self.unsent += 1
            return
        frames = self._frames(envelope, place)
        posted = self._posted.setdefault(place.address, [])
        posted.append(frames)
        if len(posted) >= MESSAGES_A_BATCH:
            self.flush()

    def flush(self) -> None:
        """Send what was posted: one message a peer."""
        if not self._posted:
            return
        posted, self._posted = self._posted, {}
        for address, envelopes in posted.items():
            peer = self._connect(address)
            frames = list(chain.from_iterable(envelopes))
            frames[0] = self._token + bytes(frames[0])
            try:
                for frame in frames[:-1]:
                    peer.send(frame, MORE, copy=len(frame) < ZERO_COPY_FROM)
                peer.send(frames[-1], _LAST, copy=len(frames[-1]) < ZERO_COPY_FROM)
            except zmq.Again:
                self.unsent += len(envelopes)

    def _frames(self, envelope: Envelope, place: Place) -> list[bytes | memoryview]:
        """Header and payload, or where the payload is found; large ones are pieces of a shared buffer, not copied."""
        if envelope.payload_bits > codec.MAX_PAYLOAD_BITS and not self.real_payload:
            envelope = msgspec.structs.replace(envelope, payload_bits=codec.MAX_PAYLOAD_BITS)
        frames: list[bytes | memoryview] = [codec.encode(envelope)]
        size = self._payload_bytes(envelope)
        if size and self._streams is not None:
            return [*frames, self._streams.owe(place.payload_address, place.public_key, size)]
        while size > 0:
            frames.append(memoryview(_PAYLOAD)[: min(size, len(_PAYLOAD))])
            size -= len(_PAYLOAD)
        return frames

    def _payload_bytes(self, envelope: Envelope) -> int:
        return envelope.payload_bits // 8 if self.real_payload else 0

    def take(self) -> Iterator[Envelope]:
        """The envelopes that have come, for no longer than a turn; bad frames are counted and dropped."""
        self.drained = False
        until = time.monotonic_ns() + RECEIVE_TURN_NS
        if self._streams is not None:
            self._streams.turn()
            self._release(self._streams)
        while True:
            if self._received:
                received = self._received.popleft()
                if not self.aside(received):
                    yield received
            elif not self._fetch():
                self.drained = True
                self._count_refused()
                return
            if time.monotonic_ns() >= until:
                return

    def _count_refused(self) -> None:
        """Connections that were refused, or closed for what came over them, count like frames that are dropped."""
        if self._gate is not None:
            for _ in range(self._gate.refused - self._turned_away):
                self._turned_away += 1
                self.drop("Oversized: a connection was closed, for a frame of more than 8 MiB or for none at all")
        if self._door is None:
            return
        for _ in range(self._door.count() - self._turned_away):
            self._turned_away += 1
            self.drop(f"Stranger: a connection was refused ({self._door.reason})")
        while self._streams is not None and self._streams.refused:
            self._streams.refused -= 1
            self.drop("Stranger: a connection for payload was refused")

    def _fetch(self) -> bool:
        """Take the next message apart; False if there is none."""
        if not int(self._inbox.getsockopt(zmq.EVENTS)) & READABLE:
            return False
        try:
            self._unpack(self._inbox.recv_multipart(_LAST, copy=False))
        except zmq.Again:
            return False
        return True

    def _unpack(self, frames: "Sequence[zmq.Frame]") -> None:
        """Take a message apart; behind a frame that is not understood nothing of it can be."""
        if len(frames) > MOST_FRAMES:
            return self.drop(f"Oversized: {len(frames)} frames in a message; {MOST_FRAMES} are the most")
        first, length = frames[0].buffer, len(self._token)
        if not compare_digest(first[:length], self._token):
            return self.drop(f"Stranger: {len(frames)} frames without the token of this run")
        sender = frames[0].get("User-Id") if self._door is not None else None
        at = 0
        while at < len(frames):
            try:
                decoded = codec.decode(frames[at].buffer if at else first[length:])
            except FrameError as error:
                return self.drop(f"{type(error).__name__.removesuffix('Error')}: {error}")
            if sender is not None and not self._speaks_for(sender, decoded.source):
                return self.drop(f"Impostor: {type(decoded.body).__name__} of {decoded.source}, by the key of another")
            size = self._payload_bytes(decoded)
            if self._streams is None:
                self._received.append(decoded)
                at += 1 + -(-size // len(_PAYLOAD))
            else:
                reference = frames[at + 1].bytes if size and at + 1 < len(frames) else b""
                if size and len(reference) != REFERENCE.size:
                    return self.drop(
                        f"Malformed: {type(decoded.body).__name__} of {decoded.source}, without its payload"
                    )
                self._held.hold(self.places[decoded.source].public_key, decoded, reference, time.monotonic_ns())
                self._release(self._streams)
                at += 1 + bool(size)

    def _release(self, streams: PayloadStreams) -> None:
        """Receive what need not wait any longer; what has waited in vain is received too, and counted."""
        for received, in_vain in self._held.released(time.monotonic_ns(), streams.has_come):
            if in_vain:
                kind = type(received.body).__name__
                self.drop(f"Late: the payload of a {kind} of {received.source} did not come")
            self._received.append(received)

    def _speaks_for(self, key: object, name: str) -> bool:
        """Whether the process whose public key is ``key`` is, or hosts, ``name``."""
        return name in self.places and self.places[name].public_key == key

    def drop(self, why: str) -> None:
        """Count a frame that is not acted on, and say so in the log: each of the first ones, then every thousandth.

        ``why`` may quote the frame.
        """
        self.dropped += 1
        if self.dropped <= LOGGED or self.dropped % 1000 == 0:
            self.last_error = "".join(letter if letter.isprintable() else "?" for letter in why[:WIDEST])
            LOG.warning("frame %d dropped: %s", self.dropped, self.last_error)

    def pass_over(self, envelope: Envelope, why: str) -> None:
        """Count a message that is in order and comes too late: its sender's episode, or life, is over."""
        self.stale += 1
        self.last_stale = f"{type(envelope.body).__name__} of {envelope.source}: {why}"[:WIDEST]

    def close(self, linger_ms: int = 0, to: str = "") -> None:
        """Close everything, waiting up to ``linger_ms`` for what is still to be sent to process ``to``.

        Others may have ended already, and would never take it.
        """
        for address, peer in self._peers.items():
            last = to in self.places and address == self.places[to].address
            peer.close(linger_ms if last else 0)
        if self._streams is not None:
            self._both.close()
            self._streams.close()
        self._inbox.close(0)
        self._context.term()


def envelope(source: str, incarnation: int, to: str, body: Body, at_ns: int = 0) -> Envelope:
    """An envelope outside the order of events: handshake, notices, telemetry."""
    return sent(source, incarnation, to, Send(to=to, body=body, at_ns=at_ns, phase=FAULT))


def sent(source: str, incarnation: int, to: str, send: Send) -> Envelope:
    """The envelope in which ``send`` of ``source`` goes to ``to``."""
    return Envelope(
        version=PROTOCOL_VERSION,
        source=source,
        incarnation=incarnation,
        sequence=0,
        to=to,
        at_ns=send.at_ns,
        phase=int(send.phase),
        ue=send.ue,
        number=send.number,
        payload_bits=send.payload_bits,
        body=send.body,
    )
