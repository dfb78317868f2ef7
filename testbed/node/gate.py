"""Connections to an inbox on a Unix socket that ZeroMQ closes because of what came over them, counted.

It closes one over which a frame beyond its limit is announced, and tells no more than that a connection has ended, as
of every peer that leaves. So a duplicate of each connection's descriptor is kept: who left has closed its end and all
that it sent was read; who was shut out has its end open still, or left bytes that nobody read.
"""

import os
import socket
import threading

import zmq
from zmq.utils.monitor import parse_monitor_message

_NEWS = "inproc://gate"


class Gate:
    """Watches the connections of ``inbox``, which is not bound yet. The context's end is the thread's."""

    def __init__(self, inbox: "zmq.Socket[bytes]") -> None:
        self.refused = 0
        self._connections: dict[int, socket.socket] = {}
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
            try:
                self._connections[fd] = socket.socket(fileno=os.dup(fd))
            except OSError:
                self.refused += 1  # it was closed at once: nobody of the run comes and goes so quickly
        elif event == zmq.EVENT_DISCONNECTED and (connection := self._connections.pop(fd, None)) is not None:
            self.refused += was_shut_out(connection)
            connection.close()


def was_shut_out(connection: socket.socket) -> bool:
    """Whether the peer of a connection that nobody reads any more is still there, or left something unread."""
    try:
        return connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) != b""
    except BlockingIOError:
        return True
    except OSError:
        return False
