"""How fast the link between two hosts is: their agents send each other some bytes before the run begins.

The receiver opens a port for one sender, who names a number that only the launcher told both, and answers with a byte
once all has come. Whoever does not name it is hung up on after `GREETING_S` at the latest. What is sent is as much as
fits into a second, or `MOST_PUSHED`, so a slow link is not held up long.
"""

import contextlib
import secrets
import socket
import threading
import time

NUMBER_BYTES, MOST_PUSHED = 16, 4_000_000
OPEN_S, PUSH_S, ANSWER_S, GREETING_S = 20.0, 1.0, 10.0, 2.0
_PIECE, _SMALL_QUEUE = bytes(64 * 1024), 256 * 1024


class Receiver:
    """Waits in a thread for who knows its ``number``, in hex, at its ``port``; gives up after `OPEN_S`."""

    def __init__(self, port: int) -> None:
        self._listener = socket.create_server(("", port))
        self.port = int(self._listener.getsockname()[1])
        self._secret = secrets.token_bytes(NUMBER_BYTES)
        self.number = self._secret.hex()
        threading.Thread(target=self._receive, name="link", daemon=True).start()

    def _receive(self) -> None:
        until = time.monotonic() + OPEN_S
        with self._listener, contextlib.suppress(OSError):
            while (left_s := until - time.monotonic()) > 0:
                self._listener.settimeout(left_s)
                end, _ = self._listener.accept()
                with end, contextlib.suppress(OSError):
                    if self._hear(end):
                        return

    def _hear(self, end: socket.socket) -> bool:
        """Take what is sent over ``end``, if it is the sender that is waited for."""
        end.settimeout(GREETING_S)
        secret = end.recv(NUMBER_BYTES, socket.MSG_WAITALL)
        if not secrets.compare_digest(secret, self._secret):
            return False
        end.settimeout(ANSWER_S)
        while end.recv(len(_PIECE)):
            pass
        end.sendall(b"\0")
        return True


def push(address: str, port: int, number: str) -> float:
    """The rate, in bit/s, at which the receiver at ``address``:``port`` takes what is sent; raises `OSError`."""
    with socket.create_connection((address, port), ANSWER_S) as end:
        end.settimeout(ANSWER_S)
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SMALL_QUEUE)
        end.sendall(bytes.fromhex(number))
        begin, sent = time.monotonic(), 0
        while sent < MOST_PUSHED and time.monotonic() - begin < PUSH_S:
            sent += end.send(_PIECE)
        end.shutdown(socket.SHUT_WR)
        if end.recv(1) != b"\0":
            raise ConnectionResetError("it was not taken")
        return 8.0 * sent / (time.monotonic() - begin)
