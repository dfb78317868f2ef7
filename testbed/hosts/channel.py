"""Connections between a launcher and host agents, and where they come from: a socket where agents report."""

import contextlib
import logging
import os
import socket
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from testbed.model.errors import StartError
from testbed.node.socket import LOGGED

READ_BYTES = 1 << 16
CALLS_AT_ONCE = 64  # connections
LOG = logging.getLogger(__name__)
_PEER = struct.Struct("=3i")


class Channel:
    """The launcher's end of a connection to one agent; neither sending nor receiving ever waits."""

    def __init__(self, end: socket.socket) -> None:
        end.settimeout(0.0)
        self._end, self._unsent = end, b""
        self.fd = end.fileno()

    def send(self, data: bytes) -> None:
        """Send, or keep what the other end does not take yet; what it will never take is forgotten."""
        self._unsent += data
        with contextlib.suppress(BlockingIOError, BrokenPipeError, ConnectionResetError):
            self._unsent = self._unsent[self._end.send(self._unsent) :]

    def receive(self) -> bytes | None:
        """What has come; None at its end."""
        if self._unsent:
            self.send(b"")
        try:
            return self._end.recv(READ_BYTES) or None
        except BlockingIOError:
            return b""
        except ConnectionResetError:
            return None

    def close(self) -> None:
        """Close it, which ends the agent and what it started."""
        self._end.close()

    def end_with_process(self) -> None:
        """Say that nothing more comes, which ends what the agent started; it can tell when this process has ended."""
        with contextlib.suppress(OSError):
            os.dup(self._end.fileno())  # the kernel closes it with this process, and nobody does before
            self._end.shutdown(socket.SHUT_WR)
        self._end.close()


class ChannelSource(Protocol):
    """Where channels come from; ``fd`` is readable when there may be new ones, -1 if never."""

    fd: int

    def new(self) -> list[tuple[str, Channel]]:
        """Channels that opened since the last call, by host."""

    def release(self, channel: Channel) -> None:
        """End what the agent of ``channel`` has started."""

    def close(self) -> None:
        """Open no more, and let go of what carried those that have been closed."""


class AgentSocket:
    """Agents that report at the Unix socket ``path``. Who is who the kernel tells: ``users`` are the user ids of the
    agents, by host. Whoever else comes is turned away and counted; a flood of them never keeps the launcher."""

    def __init__(self, path: Path, users: Mapping[str, int]) -> None:
        self._hosts = {user: host for host, user in users.items()}
        self._path, self.refused = path, 0
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(0.0)
        try:
            with contextlib.suppress(FileNotFoundError):
                path.unlink()
            self._socket.bind(str(path))
            os.chmod(path, 0o666)  # agents are other users
        except OSError as error:
            self._socket.close()
            raise StartError(f"{path}: {error.strerror or error}") from None
        self._socket.listen()
        self.fd = self._socket.fileno()

    def new(self) -> list[tuple[str, Channel]]:
        """See `ChannelSource`."""
        channels: list[tuple[str, Channel]] = []
        for _ in range(CALLS_AT_ONCE):
            try:
                end, _ = self._socket.accept()
            except BlockingIOError:
                break
            _, user, _ = _PEER.unpack(end.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size))
            if user in self._hosts:
                channels.append((self._hosts[user], Channel(end)))
            else:
                self._refuse(end, user)
        return channels

    def _refuse(self, end: socket.socket, user: int) -> None:
        end.close()
        self.refused += 1
        if self.refused <= LOGGED or self.refused % 1000 == 0:
            LOG.warning("%s: user %d is no member's, and was turned away (%d so far)", self._path, user, self.refused)

    def release(self, channel: Channel) -> None:
        """See `ChannelSource`; it may outlast this process, as containers do."""
        channel.end_with_process()

    def close(self) -> None:
        """Let nobody report any more."""
        self._socket.close()
        with contextlib.suppress(OSError):
            self._path.unlink()
