"""Whether a process works, as far as the kernel shows: one that computes, or waits for a core, is not hung.

A process whose loop goes round does neither for long. If it is not heard although it goes to sleep of its own accord
again and again, it is cut off: one that waits for a core does not get to sleep, and one that computes need not.
"""

import time
from pathlib import Path

ROUNDS, DOUBT_NS, FORGOTTEN_NS = 30, 8_000_000_000, 2_000_000_000
ABSENT = -1


class Activity:
    """What process ``pid`` does between one look at it and the next; to be looked at while it is not heard."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._active_ns = ABSENT
        self._look_ns = -FORGOTTEN_NS
        self._doubted_ns = self._first_round = 0

    def works(self, now_ns: int | None = None) -> bool:
        """Whether it has run since the last look, or waited for a core, unless its loop has gone round meanwhile:
        `ROUNDS` times in `DOUBT_NS` of looks at most `FORGOTTEN_NS` apart. A first look finds that it works.

        ``now_ns`` is the instant of the look on the host's monotonic clock.
        """
        now, rounds = time.monotonic_ns() if now_ns is None else now_ns, _rounds(self._pid)
        if now - self._look_ns >= FORGOTTEN_NS:
            self._doubted_ns, self._first_round = now, rounds
        self._look_ns = now
        before, self._active_ns = self._active_ns, _active_ns(self._pid)
        is_cut_off = now - self._doubted_ns >= DOUBT_NS and rounds - self._first_round >= ROUNDS
        return self._active_ns != before and not is_cut_off


def _active_ns(pid: int) -> int:
    """How long the threads of a process have run, or waited for a core, so far; while one of them does, an instant."""
    total = 0
    try:
        for thread in Path(f"/proc/{pid}/task").iterdir():
            words = (thread / "stat").read_text().rpartition(")")[2].split()
            if words[0] in "RD":
                return time.monotonic_ns()
            total += _scheduled_ns(thread, int(words[11]) + int(words[12]))
    except OSError:  # it has ended, or one of its threads has
        return ABSENT
    return total


def _scheduled_ns(thread: Path, ticks: int) -> int:
    """For how long a thread has run or waited; where the kernel does not tell that, its ``ticks`` of CPU time."""
    try:
        ran, waited, _ = (thread / "schedstat").read_text().split()
    except OSError:
        return ticks
    return int(ran) + int(waited)


def _rounds(pid: int) -> int:
    """How often the main thread of a process has gone to sleep of its own accord so far."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("voluntary_ctxt_switches")), 0)
