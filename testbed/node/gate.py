"""Connections to an inbox on a Unix socket that ZeroMQ closes because of what came over them, counted.

It closes one over which a frame beyond its limit is announced, and tells no more than that a connection has ended, as
of every peer that leaves. So a duplicate of each connection's descriptor is kept: who left has closed its end and all
that it sent was read; who was shut out has its end open still, or left bytes that nobody read.
"""

import os
import socket
import threading
from collections import deque

import zmq
from zmq.utils.monitor import parse_monitor_message

_NEWS = "inproc://gate"
SHUT_OUT_KEPT = 64  # connections


class Gate:
    """Watches the connections of ``inbox``, which is not bound yet. The context's end is the thread's."""

    def __init__(self, inbox: "zmq.Socket[bytes]") -> None:
        self.refused = 0
        self._connections: dict[int, socket.socket] = {}
        self._shut_out: deque[int] = deque(maxlen=SHUT_OUT_KEPT)
        self._news = inbox.context.socket(zmq.PAIR)
        self._news.setsockopt(zmq.RCVHWM, 0)  # a full queue would hold up whoever is in order
        inbox.monitor(_NEWS, zmq.EVENT_ACCEPTED | zmq.EVENT_DISCONNECTED)
        self._news.connect(_NEWS)
        threading.Thread(target=self._serve, name="gate", daemon=True).start()

    def _serve(self) -> None:
        try:
            while True:
                message = parse_monitor_message(self._news.recv_multipart())
                self._hear(message["event"], message["value"])
        except zmq.ContextTerminated:
            pass
        finally:
            self._news.close(0)
            for connection in self._connections.values():
                connection.close()

    def _hear(self, event: int, fd: int) -> None:
        """Note what became of the connection with descriptor ``fd``."""
        if event == zmq.EVENT_ACCEPTED:
            self._accept(fd)
        elif event == zmq.EVENT_DISCONNECTED and (connection := self._connections.pop(fd, None)) is not None:
            if was_shut_out(connection):
                self.refused += 1
                self._shut_out.append(os.fstat(connection.fileno()).st_ino)
            connection.close()

    def _accept(self, fd: int) -> None:
        """Keep a duplicate of descriptor ``fd``.

        When the news is old, the connection may be closed by now, and another have its descriptor: what was taken for
        one that was shut out is that other, as is seen when its own news comes.
        """
        try:
            connection = socket.socket(fileno=os.dup(fd))
        except OSError:
            return
        self._connections[fd] = connection
        if (inode := os.fstat(connection.fileno()).st_ino) in self._shut_out:
            self._shut_out.remove(inode)
            self.refused -= 1


def was_shut_out(connection: socket.socket) -> bool:
    """Whether the peer of a connection that nobody reads any more is still there, or left something unread."""
    try:
        return connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) != b""
    except BlockingIOError:
        return True
    except OSError:
        return False
