"""Who may connect to an inbox on TCP: members of the run, each by a key that it proves to have; the others are counted.

ZeroMQ asks about keys (ZAP, RFC 27) and tells what became of connections; a thread answers and counts, so that neither
waits while the process has other things to do.
"""

import threading
import time
from collections.abc import Collection

import zmq
from zmq.utils import z85
from zmq.utils.monitor import parse_monitor_message

DOMAIN = b"testbed"
QUESTIONS, NEWS = "inproc://zeromq.zap.01", "inproc://door"
HANDSHAKE_MS, SETTLED_NS = 2_000, 2_500_000_000
UNKNOWN_KEY, _SILENT, UNSOUND = "unknown key", "closed or silent before it was known", "no sound handshake"
REASONS: dict[int, str] = {
    zmq.EVENT_HANDSHAKE_FAILED_AUTH: UNKNOWN_KEY,
    zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL: _SILENT,
    zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL: UNSOUND,
}
_HEARD = zmq.EVENT_ACCEPTED | zmq.EVENT_HANDSHAKE_SUCCEEDED | zmq.EVENT_DISCONNECTED | sum(REASONS)


class Doorkeeper:
    """Guards ``inbox``, not bound yet, whose secret key is ``secret_key``; ``members`` are the public keys let in.

    Keys are in Z85. The context's end is the thread's.
    """

    def __init__(self, inbox: "zmq.Socket[bytes]", secret_key: str, members: Collection[str]) -> None:
        context = inbox.context
        self._members = {key.encode() for key in members}
        self.refused, self.reason = 0, UNSOUND
        self._accepted = self._admitted = 0
        self._young: dict[int, int] = {}
        self._questions, self._news = context.socket(zmq.REP), context.socket(zmq.PAIR)
        self._questions.bind(QUESTIONS)
        self._news.setsockopt(zmq.RCVHWM, 0)  # a full queue would hold up whoever is in order
        inbox.setsockopt(zmq.HANDSHAKE_IVL, HANDSHAKE_MS)
        inbox.setsockopt(zmq.CURVE_SERVER, 1)
        inbox.setsockopt(zmq.CURVE_SECRETKEY, secret_key.encode())
        inbox.setsockopt(zmq.ZAP_DOMAIN, DOMAIN)
        inbox.monitor(NEWS, _HEARD)
        self._news.connect(NEWS)
        threading.Thread(target=self._serve, name="doorkeeper", daemon=True).start()

    def count(self) -> int:
        """How many connections were refused, as far as that is certain: one that is young may yet be let in."""
        since = time.monotonic_ns() - SETTLED_NS
        open_yet = sum(came >= since for came in list(self._young.values()))
        self.refused = max(self.refused, self._accepted - self._admitted - open_yet)
        return self.refused

    def _serve(self) -> None:
        poller = zmq.Poller()
        poller.register(self._questions, zmq.POLLIN)
        poller.register(self._news, zmq.POLLIN)
        try:
            while True:
                for source, _ in poller.poll():
                    if source is self._questions:
                        self._answer()
                    else:
                        self._hear()
        except zmq.ContextTerminated:
            pass
        finally:
            self._questions.close(0)
            self._news.close(0)

    def _answer(self) -> None:
        """Say whether a key is a member's, and that it be told with each message."""
        version, request, _domain, _address, _identity, mechanism, *proof = self._questions.recv_multipart()
        key = z85.encode(proof[0]) if mechanism == b"CURVE" and len(proof) == 1 else b""
        known = key in self._members
        status, text, user = (b"200", b"OK", key) if known else (b"400", UNKNOWN_KEY.encode(), b"")
        self._questions.send_multipart([version, request, status, text, user, b""])

    def _hear(self) -> None:
        """Note what became of a connection."""
        message = parse_monitor_message(self._news.recv_multipart())
        event = message["event"]
        if event == zmq.EVENT_ACCEPTED:
            self._young[message["value"]] = time.monotonic_ns()  # before it counts: `count` may be called in between
            self._accepted += 1
        elif event == zmq.EVENT_HANDSHAKE_SUCCEEDED:
            self._admitted += 1
        elif event == zmq.EVENT_DISCONNECTED:
            self._young.pop(message["value"], None)
        else:
            self.reason = REASONS[event]
