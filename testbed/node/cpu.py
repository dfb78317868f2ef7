"""Burning cycles: a share of each execution's time is really spent on a CPU, outside the message loop.

A process of its own works in slices to absolute deadlines; each slice is a closed loop on its CPU time. It runs in the
scheduler's idle class, so that every message loop of the host goes before it at once, and shares no interpreter lock
with one. Where the host is so busy that a share is not done in time, nobody waits for it: what is missing counts as not
achieved.
"""

import hashlib
import heapq
import os
import select
import signal
import socket
import struct
import time

import msgspec

from testbed.node.clock import die_with_parent

SLICE_NS = 20_000_000
_BLOCK = bytes(4096)
_ORDER, _REPORT = struct.Struct("=4q"), struct.Struct("=2q")
_QUEUE_BYTES = 1 << 20


class Burn(msgspec.Struct):
    """One execution's share: from wall instant ``start_ns`` to ``end_ns``, ``cpu_ns`` of CPU time in all."""

    number: int
    start_ns: int
    end_ns: int
    cpu_ns: int
    achieved_ns: int = 0

    def due_ns(self, deadline_ns: int) -> int:
        """CPU time still to be spent by ``deadline_ns``."""
        length = self.end_ns - self.start_ns
        share = 1.0 if length <= 0 else min(1.0, (deadline_ns - self.start_ns) / length)
        return max(0, int(self.cpu_ns * share) - self.achieved_ns)


def burn_cpu(cpu_ns: int) -> int:
    """Spend at least ``cpu_ns`` of this thread's CPU time; returns what was spent."""
    begin = time.thread_time_ns()
    sha256 = hashlib.sha256
    while (spent := time.thread_time_ns() - begin) < cpu_ns:
        sha256(_BLOCK)
    return spent


class Burner:
    """The handle of a process that burns for many executions; ``fd`` is readable whenever some are done."""

    def __init__(self) -> None:
        self._channel, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        parent = os.getpid()
        self._pid = os.fork()
        if self._pid == 0:
            _begin(other, parent)
        other.close()
        self._channel.settimeout(0.0)
        self._channel.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _QUEUE_BYTES)
        self.fd = self._channel.fileno()

    def add(self, burn: Burn) -> bool:
        """Ask for an execution's share; False if so many wait that nothing more can be asked for."""
        try:
            self._channel.send(_ORDER.pack(burn.number, burn.start_ns, burn.end_ns, burn.cpu_ns))
        except (BlockingIOError, BrokenPipeError, ConnectionResetError):
            return False
        return True

    def take_done(self) -> list[tuple[int, int]]:
        """(number, CPU time spent) of the executions whose share has been burnt since the last call."""
        done: list[tuple[int, int]] = []
        while True:
            try:
                report = self._channel.recv(_REPORT.size)
            except (BlockingIOError, ConnectionResetError):
                return done
            if not report:
                return done
            number, achieved_ns = _REPORT.unpack(report)
            done.append((number, achieved_ns))

    def close(self) -> None:
        """End the process."""
        self._channel.close()
        os.kill(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)


def _begin(channel: socket.socket, parent: int) -> None:
    """The life of the burning process: it ends with its parent, whose descriptors it does not keep."""
    try:
        die_with_parent(signal.SIGKILL)
        if os.getppid() == parent:
            os.closerange(3, channel.fileno())
            os.closerange(channel.fileno() + 1, os.sysconf("SC_OPEN_MAX"))
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
            _work(channel)
    finally:
        os._exit(0)


def _work(channel: socket.socket) -> None:
    """Burn what is ordered until the other end closes."""
    poll = select.poll()
    poll.register(channel, select.POLLIN)
    slices: list[tuple[int, int, int, Burn]] = []
    age = 0

    def push(burn: Burn, deadline_ns: int) -> None:
        nonlocal age
        age += 1
        heapq.heappush(slices, (deadline_ns - burn.due_ns(deadline_ns), age, deadline_ns, burn))

    while True:
        wait_ns = slices[0][0] - time.monotonic_ns() if slices else None
        if wait_ns is None or wait_ns > 0 or poll.poll(0):
            if not poll.poll(None if wait_ns is None else max(0, -(-wait_ns // 1_000_000))):
                continue
            order = channel.recv(_ORDER.size)
            if not order:
                return
            burn = Burn(*_ORDER.unpack(order))
            push(burn, min(burn.start_ns + SLICE_NS, burn.end_ns))
            continue
        _, _, deadline, burn = heapq.heappop(slices)
        burn.achieved_ns += burn_cpu(burn.due_ns(deadline))
        if deadline < burn.end_ns:
            push(burn, min(deadline + SLICE_NS, burn.end_ns))
        else:
            channel.send(_REPORT.pack(burn.number, burn.achieved_ns))
