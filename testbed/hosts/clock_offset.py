"""How far another host's clock is ahead of this one's, and how far wrong that may be, from round trips (pure).

A probe that leaves at a, is answered there at t and is back at b says that the other clock is ahead by t − (a + b)/2,
give or take (b − a)/2: wherever in between it was read. The shortest round trip of several says it best; it bounds the
error whatever the queues on the way did to the others.
"""

from collections import deque

ENOUGH, _KEPT = 16, 64


class ClockOffset:
    """The offset of one clock; what is `used` is fixed once, and later probes say how far off it is by now."""

    def __init__(self) -> None:
        self._samples: deque[tuple[int, int]] = deque(maxlen=_KEPT)
        self.used_ns: int | None = None
        self._worst_ns = 0
        self.probes = 0

    @property
    def known(self) -> bool:
        """Whether there are enough probes to go by."""
        return self.probes >= ENOUGH

    def add(self, sent_ns: int, told_ns: int, back_ns: int) -> None:
        """A probe that left at ``sent_ns`` and was back at ``back_ns`` of this clock, and read ``told_ns`` there."""
        self._samples.append((back_ns - sent_ns, told_ns - (sent_ns + back_ns) // 2))
        self.probes += 1
        if self.used_ns is not None:
            self._worst_ns = max(self._worst_ns, self._error_ns(self.used_ns))

    def use(self) -> int:
        """Fix the offset to go by, in ns."""
        if self.used_ns is None:
            _, self.used_ns = min(self._samples)
            self._worst_ns = self._error_ns(self.used_ns)
        return self.used_ns

    def uncertainty_ns(self) -> int:
        """By how much the offset that is used may have been wrong, at the worst moment so far."""
        return self._worst_ns

    def _error_ns(self, used_ns: int) -> int:
        """How far from ``used_ns`` the true offset may be, by what is known now."""
        trip_ns, offset_ns = min(self._samples)
        return abs(offset_ns - used_ns) + (trip_ns + 1) // 2
