"""Payload that travels in plain beside encrypted headers, where a scenario asks for it on TCP.

Every sender has one stream to a receiver: a greeting, and after it filler without any structure. The header of a
message with payload says, encrypted, at which byte of which stream its payload ends; until so many bytes have come, it
waits. Nothing behind a greeting is looked at or kept: the kernel throws it away. A greeting is signed with the run's
token and counts upwards, so that nobody else can make one, nor use one again that he has seen.
"""

import contextlib
import hmac
import select
import socket
import struct
import time
from collections import deque
from collections.abc import Collection
from hashlib import sha256

import msgspec

GREETING = struct.Struct("!40sQ32s")
REFERENCE = struct.Struct("!QQ")
PATIENCE_NS, GREETING_NS, TURN_NS = 2_000_000_000, 2_000_000_000, 2_000_000
DOOR_REST_NS = (
    10_000_000  # after strangers nobody is let in for so long: they cost a process a tenth of its time at most
)
MOST_YOUNG, _READ_BYTES = 32, 1 << 20
BROKEN = select.EPOLLHUP | select.EPOLLERR
_FILLER, _SCRATCH = memoryview(bytes(_READ_BYTES)), bytearray(_READ_BYTES)


class IncomingStream(msgspec.Struct):
    """A sender's stream ``number``: bytes of payload so far, and whether more may come."""

    number: int
    end: socket.socket
    bytes: int = 0
    open: bool = True


class OutgoingStream(msgspec.Struct):
    """A stream to a receiver: what was promised in all, and what has not been handed to the kernel yet."""

    number: int
    end: socket.socket
    greeting: memoryview
    promised: int = 0
    owed: int = 0


class PayloadStreams:
    """The streams of the process whose public key is ``key``, which listens at ``bind``; ``members`` are the keys of
    the processes that may send. Nothing blocks; `fd` is readable when `turn` has something to do. Raises `OSError`.
    """

    def __init__(self, key: str, bind: str, members: Collection[str], token: bytes) -> None:
        self._key, self._token = key.encode(), token
        self._members = {member.encode() for member in members}
        self._door = socket.create_server(_address(bind))
        self._door.settimeout(0.0)
        self._epoll = select.epoll()
        self._epoll.register(self._door, select.EPOLLIN)
        self.fd = self._epoll.fileno()
        self.refused = 0
        self._rests_until_ns = 0
        self._young: deque[tuple[int, socket.socket]] = deque()
        self._incoming: dict[bytes, IncomingStream] = {}
        self._reading: dict[int, IncomingStream] = {}
        self._outgoing: dict[str, OutgoingStream] = {}

    def owe(self, address: str, key: str, count: int) -> bytes:
        """Send ``count`` bytes to the member ``key`` at ``address``, as the kernel takes them; returns what the header
        says of it."""
        stream = self._outgoing.get(address)
        if stream is None:
            stream = self._outgoing[address] = self._open(address, key)
        stream.promised += count
        stream.owed += count
        self._send(address, stream)
        return REFERENCE.pack(stream.number, stream.promised)

    def has_come(self, sender: str, reference: bytes) -> bool:
        """Whether the payload that a header of ``sender`` tells of has come, or never will."""
        number, end = REFERENCE.unpack(reference)
        stream = self._incoming.get(sender.encode())
        if stream is None or stream.number < number:
            return False
        return stream.number > number or stream.bytes >= end or not stream.open

    def turn(self) -> None:
        """Let in, read and send what can be, for no longer than a turn."""
        now = time.monotonic_ns()
        until, refused = now + TURN_NS, self.refused
        self._forget_broken()
        if now >= self._rests_until_ns:
            self._accept()
        self._greet()
        if self.refused > refused:
            self._rests_until_ns = now + DOOR_REST_NS
        self._epoll.modify(self._door, select.EPOLLIN if now >= self._rests_until_ns else 0)
        for fd, stream in list(self._reading.items()):
            self._read(fd, stream, until)
        for address, stream_out in list(self._outgoing.items()):
            if stream_out.owed or stream_out.greeting:
                self._send(address, stream_out)

    def disconnect(self, address: str) -> None:
        """Forget the stream to a process that died."""
        stream = self._outgoing.pop(address, None)
        if stream is not None:
            self._let_go(stream.end)

    def close(self) -> None:
        """Close all."""
        for _, end in self._young:
            end.close()
        for stream in self._reading.values():
            stream.end.close()
        for outgoing in self._outgoing.values():
            outgoing.end.close()
        self._door.close()
        self._epoll.close()

    # Coming in -------------------------------------------------------------------------------------------------------

    def _accept(self) -> None:
        """Take new connections, a bounded number; the oldest of those that have not greeted makes room."""
        try:
            for _ in range(MOST_YOUNG):
                end, _ = self._door.accept()
                end.settimeout(0.0)
                self._epoll.register(end, select.EPOLLIN | select.EPOLLET)  # half a greeting is no reason to wake
                self._young.append((time.monotonic_ns() + GREETING_NS, end))
        except BlockingIOError:
            pass
        except OSError:  # no descriptor is left: it will not be better at once
            self._rests_until_ns = time.monotonic_ns() + DOOR_REST_NS
        while len(self._young) > MOST_YOUNG:
            self._refuse(self._young.popleft()[1])

    def _greet(self) -> None:
        """Hear those that have not greeted yet; who takes too long has to go."""
        now = time.monotonic_ns()
        for _ in range(len(self._young)):
            limit, end = self._young.popleft()
            try:
                greeting = end.recv(GREETING.size, socket.MSG_PEEK)
            except BlockingIOError:
                greeting = None
            except OSError:
                greeting = b""
            if greeting is not None and len(greeting) == GREETING.size:
                self._admit(end, end.recv(GREETING.size))
            elif now < limit and (greeting is None or greeting):
                self._young.append((limit, end))
            else:
                self._refuse(end)

    def _admit(self, end: socket.socket, greeting: bytes) -> None:
        key, number, signature = GREETING.unpack(greeting)
        known = self._incoming.get(key)
        fresh = known is None or number > known.number
        genuine = hmac.compare_digest(signature, self._sign(key, self._key, number))
        if key not in self._members or not fresh or not genuine:
            return self._refuse(end)
        if known is not None and known.open:
            self._end(known)
        self._epoll.modify(end, select.EPOLLIN)
        stream = self._incoming[key] = IncomingStream(number, end)
        self._reading[end.fileno()] = stream

    def _read(self, fd: int, stream: IncomingStream, until_ns: int) -> None:
        """Count what has come; the kernel does not even copy it."""
        try:
            while count := stream.end.recv_into(_SCRATCH, _READ_BYTES, socket.MSG_TRUNC):
                stream.bytes += count
                if time.monotonic_ns() >= until_ns:
                    return
        except BlockingIOError:
            return
        except OSError:
            pass
        self._end(stream)

    def _end(self, stream: IncomingStream) -> None:
        stream.open = False
        self._reading.pop(stream.end.fileno(), None)
        self._let_go(stream.end)

    def _refuse(self, end: socket.socket) -> None:
        self.refused += 1
        self._let_go(end)

    def _let_go(self, end: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._epoll.unregister(end)
        end.close()

    # Going out -------------------------------------------------------------------------------------------------------

    def _open(self, address: str, key: str) -> OutgoingStream:
        end = socket.socket()
        end.settimeout(0.0)
        end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with contextlib.suppress(OSError):  # under way; what goes wrong is found when it is written to
            end.connect(_address(address))
        self._epoll.register(end, 0)
        number = time.monotonic_ns()  # more than before, in later lives too
        greeting = GREETING.pack(self._key, number, self._sign(self._key, key.encode(), number))
        return OutgoingStream(number, end, memoryview(greeting))

    def _send(self, address: str, stream: OutgoingStream) -> None:
        """Hand the kernel what it takes; a stream that broke is forgotten, and the next payload opens another."""
        try:
            while stream.greeting:
                stream.greeting = stream.greeting[stream.end.send(stream.greeting) :]
            while stream.owed:
                stream.owed -= stream.end.send(_FILLER[: min(stream.owed, _READ_BYTES)])
        except BlockingIOError:
            self._epoll.modify(stream.end, select.EPOLLOUT)
        except OSError:
            self.disconnect(address)
        else:
            self._epoll.modify(stream.end, 0)

    def _forget_broken(self) -> None:
        """Whatever was not sent on a stream that broke is lost, as its receiver was."""
        broken = {fd for fd, event in self._epoll.poll(0) if event & BROKEN}
        for address, stream in list(self._outgoing.items()):
            if stream.end.fileno() in broken:
                self.disconnect(address)

    def _sign(self, sender: bytes, receiver: bytes, number: int) -> bytes:
        return hmac.digest(self._token, b"payload" + sender + receiver + number.to_bytes(8, "big"), sha256)


def _address(endpoint: str) -> tuple[str, int]:
    """Host and port of ZeroMQ's ``tcp://host:port``."""
    host, _, port = endpoint.removeprefix("tcp://").rpartition(":")
    return "" if host == "*" else host, int(port)
