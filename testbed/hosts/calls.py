"""Agents that call their launcher over TCP, as those of Swarm and Kubernetes do: nobody could start them from outside.

Each end of the connection is a socket pair to whoever uses it; a thread moves bytes between that and a ZeroMQ socket,
encrypted and authenticated by keys of which the launcher and the agents have one file each (`new_keys`). Both ends say
every second that they are there; silence of `SILENT_S` is the end of the connection.
"""

import contextlib
import json
import secrets
import socket
import threading
import time
from collections.abc import Collection
from pathlib import Path

import msgspec
import zmq

from testbed.hosts.channel import READ_BYTES, Channel
from testbed.model.errors import StartError
from testbed.node.doorkeeper import Doorkeeper

CALL, CARRIED, OVER, THERE = b"c", b"d", b"e", b"t"
BEAT_MS, SILENT_S = 1000, 8.0
_AT_ONCE = 0


class CallKeys(msgspec.Struct, frozen=True):
    """One side's secret key and the other side's public one, in Z85."""

    secret: str
    other: str

    def __repr__(self) -> str:
        return "CallKeys(…)"


def new_keys() -> tuple[bytes, bytes]:
    """The contents of two files: the launcher's, and that of all its agents."""
    (launcher, launchers), (agents, their) = (zmq.curve_keypair() for _ in range(2))
    sides = ((launchers, agents), (their, launcher))
    first, second = (json.dumps({"secret": own.decode(), "other": other.decode()}) for own, other in sides)
    return first.encode() + b"\n", second.encode() + b"\n"


def read_keys(path: Path) -> CallKeys:
    """The keys in the file at ``path``; raises `StartError`."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=CallKeys)
    except OSError as error:
        raise StartError(f"{path}: {error.strerror or error}", "`compose --swarm` writes it with the stack") from None
    except msgspec.MsgspecError:
        raise StartError(f"{path} holds no keys", "`compose --swarm` writes it with the stack") from None


class _Line(msgspec.Struct):
    """One agent's connection: what it called itself by, our end of the pair, when it was heard last."""

    life: bytes
    end: socket.socket
    heard_s: float


class CallDoor:
    """Where agents call: TCP ``port`` of all addresses; who does not prove to have the agents' key is turned away, and
    who does not call itself by one of these ``names`` is not heard."""

    def __init__(self, port: int, keys: CallKeys, names: Collection[str]) -> None:
        self._names = {name.encode() for name in names}
        self._context = zmq.Context()
        self._router = self._context.socket(zmq.ROUTER)
        self._router.setsockopt(zmq.ROUTER_HANDOVER, 1)
        self._router.setsockopt(zmq.LINGER, BEAT_MS)
        Doorkeeper(self._router, keys.secret, [keys.other])
        try:
            self._router.bind(f"tcp://*:{port}")
        except zmq.ZMQError as error:
            self._router.close(_AT_ONCE)
            self._context.term()
            raise StartError(f"port {port} cannot be opened: {error}", "give door: PORT in the file of hosts") from None
        self.addresses: dict[str, str] = {}
        self._lines: dict[bytes, _Line] = {}
        self._opened: list[tuple[str, Channel]] = []
        self._near_end, self._ended = socket.socketpair()
        self._thread = threading.Thread(target=self._serve, name="door", daemon=True)
        self._thread.start()

    def new(self) -> list[tuple[str, Channel]]:
        """Channels of agents that have called since the last call, by host."""
        opened, self._opened = self._opened, []
        return opened

    def close(self) -> None:
        """Let nobody call any more; agents whose channels are closed hear of it first."""
        self._near_end.close()
        self._thread.join()
        self._context.term()

    def _serve(self) -> None:
        poller = zmq.Poller()
        poller.register(self._router, zmq.POLLIN)
        poller.register(self._ended, zmq.POLLIN)
        beaten_s = 0.0
        while True:
            polled = {source for source, _ in poller.poll(BEAT_MS)}
            if self._router in polled:
                self._hear(poller)
            for host, line in list(self._lines.items()):
                if line.end.fileno() in polled:
                    self._carry(poller, host, line)
            now_s = time.monotonic()
            if now_s - beaten_s > BEAT_MS / 1000:
                beaten_s = now_s
                for host, line in list(self._lines.items()):
                    self._say_there(host, line)
                    if now_s - line.heard_s > SILENT_S:
                        self._drop(poller, host)
            if self._ended.fileno() in polled:
                break
        for host in list(self._lines):
            self._router.send_multipart([host, OVER, b""])
            self._drop(poller, host)
        self._ended.close()
        self._router.close()

    def _hear(self, poller: zmq.Poller) -> None:
        """Take what an agent said."""
        host, kind, *rest = self._router.recv_multipart()
        data = rest[0] if rest else b""
        line = self._lines.get(host)
        if kind == CALL and host in self._names and (line is None or line.life != data):
            self._drop(poller, host)
            near_end, end = socket.socketpair()
            _, _, address = data.decode(errors="replace").partition(" ")
            self.addresses[host.decode(errors="replace")] = address
            self._lines[host] = line = _Line(data, end, time.monotonic())
            poller.register(end, zmq.POLLIN)
            self._opened.append((host.decode(errors="replace"), Channel(near_end)))
            self._say_there(host, line)
        elif line is not None:
            line.heard_s = time.monotonic()
            if kind == CARRIED:
                with contextlib.suppress(OSError):
                    line.end.sendall(data)
            elif kind == OVER:
                self._drop(poller, host)

    def _carry(self, poller: zmq.Poller, host: bytes, line: _Line) -> None:
        """Send what the launcher says; its end is the agent's."""
        try:
            data = line.end.recv(READ_BYTES)
        except OSError:
            data = b""
        self._router.send_multipart([host, CARRIED if data else OVER, data])
        if not data:
            self._drop(poller, host)

    def _say_there(self, host: bytes, line: _Line) -> None:
        """Whom that is for is in it: an agent that has come back has the name, and hears what is for the last one."""
        life, _, _ = line.life.partition(b" ")
        self._router.send_multipart([host, THERE, life])

    def _drop(self, poller: zmq.Poller, host: bytes) -> None:
        line = self._lines.pop(host, None)
        if line is not None:
            poller.unregister(line.end)
            line.end.close()


def called(launcher: str, name: str, keys: CallKeys) -> socket.socket:
    """The agent's end of a connection to the ``launcher`` (host:port), made as soon as that is there."""
    near_end, end = socket.socketpair()
    threading.Thread(target=_bridge, args=(launcher, name, keys, end), name="call", daemon=True).start()
    return near_end


def _bridge(launcher: str, name: str, keys: CallKeys, end: socket.socket) -> None:
    """Move bytes until either side ends, or the launcher has been silent."""
    context = zmq.Context()
    dealer = context.socket(zmq.DEALER)
    public = zmq.curve_public(keys.secret.encode())
    for option, value in (
        (zmq.IDENTITY, name.encode()),
        (zmq.CURVE_SERVERKEY, keys.other.encode()),
        (zmq.CURVE_PUBLICKEY, public),
        (zmq.CURVE_SECRETKEY, keys.secret.encode()),
    ):
        dealer.setsockopt(option, value)
    dealer.setsockopt(zmq.IMMEDIATE, 1)
    dealer.setsockopt(zmq.LINGER, BEAT_MS)
    dealer.connect(f"tcp://{launcher}")
    life = secrets.token_hex(8)
    heard_s, known = time.monotonic(), False
    poller = zmq.Poller()
    poller.register(dealer, zmq.POLLIN)
    open_yet = True
    while open_yet and not (known and time.monotonic() - heard_s > SILENT_S):
        polled = {source for source, _ in poller.poll(BEAT_MS)}
        if dealer in polled:
            kind, data = dealer.recv_multipart()
            if not known and (kind, data) == (THERE, life.encode()):
                known = True
                poller.register(end, zmq.POLLIN)  # what is said before anybody listens waits
            if known:
                heard_s, open_yet = time.monotonic(), kind != OVER
                if kind == CARRIED:
                    end.sendall(data)
        elif end.fileno() in polled:
            data = end.recv(READ_BYTES)
            open_yet = bool(data)
            dealer.send_multipart([CARRIED if data else OVER, data])
        else:
            address = "" if known else _own_address(launcher)
            with contextlib.suppress(zmq.Again):
                if known or address:
                    call = [CALL, f"{life} {address}".encode()]
                    dealer.send_multipart([THERE, b""] if known else call, zmq.NOBLOCK)
    end.close()
    dealer.close()
    context.term()


def _own_address(launcher: str) -> str:
    """The address of this host on the way to the launcher; "" if its name is not known yet."""
    host, _, port = launcher.rpartition(":")
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
            asked.connect((host, int(port)))
            return str(asked.getsockname()[0])
    except OSError:
        return ""
