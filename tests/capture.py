"""What passes a host's network interfaces, looked through for words: TCP over IPv4, each direction of a connection put
together. As a program (``python -c SOURCE WORD…``, words in hex) until it is told to end; it needs CAP_NET_RAW, and
CAP_NET_ADMIN for a buffer that is large enough."""

import json
import signal
import socket
import struct
import sys
import threading

IPV4, TCP, EVERYTHING = 0x0800, 6, 3  # a bridge takes its ports' packets before sockets of a single protocol see them
LONGEST, BUFFER, PERIOD_S = 1 << 18, 1 << 26, 0.1
SOL_PACKET, STATISTICS, IGNORE_OUTGOING, RCVBUFFORCE = 263, 6, 23, 33


class Capture:
    """Which of ``words`` were seen in traffic to and from addresses in ``among`` (None: any), and how much there
    was. ``missed`` counts packets that came too fast."""

    def __init__(self, words, among=None):
        self.words, self.among = list(words), among
        self.found, self.bytes, self.missed = set(), 0, 0
        self._ends = {}
        self._keep = max(map(len, self.words)) - 1
        self._stopped = threading.Event()
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(EVERYTHING))
        # what comes in somewhere has gone out elsewhere on this host
        self._socket.setsockopt(SOL_PACKET, IGNORE_OUTGOING, 1)
        self._socket.setsockopt(socket.SOL_SOCKET, RCVBUFFORCE, BUFFER)
        self._socket.settimeout(PERIOD_S)

    def stop(self, *_):
        """Let `run` return."""
        self._stopped.set()

    def run(self):
        """Listen until `stop`, then to what has come by then."""
        while True:
            try:
                packet, about = self._socket.recvfrom(LONGEST)
            except TimeoutError:
                if self._stopped.is_set():
                    break
                continue
            if about[1] == IPV4:
                self.take(packet)
        _, self.missed = struct.unpack("=2I", self._socket.getsockopt(SOL_PACKET, STATISTICS, 8))
        self._socket.close()

    def take(self, packet):
        """Look through one packet."""
        head = (packet[0] & 15) * 4
        length = int.from_bytes(packet[2:4], "big") or len(packet)  # 0: longer than the field can say
        addresses = socket.inet_ntoa(packet[12:16]), socket.inet_ntoa(packet[16:20])
        if packet[9] != TCP or (self.among is not None and self.among.isdisjoint(addresses)):
            return
        data = packet[head + (packet[head + 12] >> 4) * 4 : length]
        flow = (addresses, packet[head : head + 4])
        text = self._ends.get(flow, b"") + data
        self.bytes += len(data)
        self.found.update(word for word in self.words if word in text)
        self._ends[flow] = text[-self._keep :]


if __name__ == "__main__":
    capture = Capture(map(bytes.fromhex, sys.argv[1:]))
    signal.signal(signal.SIGTERM, capture.stop)
    print("listening", flush=True)
    capture.run()
    print(
        json.dumps({"found": [word.hex() for word in capture.found], "bytes": capture.bytes, "missed": capture.missed})
    )
