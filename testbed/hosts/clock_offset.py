"""How far another host's clock is ahead of this one's, and how far wrong that may be, from round trips (pure).

A probe that leaves at a, is answered there at t and is back at b says that the other clock is ahead by t − (a + b)/2,
give or take (b − a)/2: wherever in between it was read. The shortest round trip of several says it best; it bounds the
error whatever the queues on the way did to the others. What a probe said grows old: clocks drift apart, by no more than
`FASTEST_DRIFT`. What a probe says against all that could be is a step of one of the clocks.
"""

from collections import deque

import msgspec

ENOUGH, _KEPT, BLOCK = 16, 64, 8
FASTEST_DRIFT = 200e-6  # quartz drifts 50 ppm at most, and whoever sets clocks slews them by up to 500 for a short time


class _Sample(msgspec.Struct, frozen=True):
    """What a probe said: when it was back, its offset, and the bound of its error, in ns."""

    at_ns: int
    offset_ns: int
    half_ns: int

    def bound_ns(self, now_ns: int) -> int:
        """The bound of its error by now."""
        return self.half_ns + int(FASTEST_DRIFT * max(0, now_ns - self.at_ns))


class ClockOffset:
    """The offset of one clock; what is `used` is fixed once, and later probes say how far off it is by now."""

    def __init__(self) -> None:
        self._samples: deque[_Sample] = deque(maxlen=_KEPT)
        self._blocks: list[_Sample] = []
        self._block: list[_Sample] = []
        self.used_ns: int | None = None
        self._worst_ns = 0
        self.probes = self.steps = 0

    @property
    def known(self) -> bool:
        """Whether there are enough probes to go by."""
        return self.probes >= ENOUGH

    def add(self, sent_ns: int, told_ns: int, back_ns: int) -> None:
        """A probe that left at ``sent_ns`` and was back at ``back_ns`` of this clock, and read ``told_ns`` there."""
        sample = _Sample(back_ns, told_ns - (sent_ns + back_ns) // 2, (back_ns - sent_ns + 1) // 2)
        if self._is_step(sample):
            self.steps += 1
            self._samples.clear()
            self._blocks.clear()
            self._block.clear()
        self._samples.append(sample)
        self._block.append(sample)
        if len(self._block) == BLOCK:
            self._blocks.append(min(self._block, key=lambda one: one.half_ns))
            self._block = []
        self.probes += 1
        if self.used_ns is not None:
            self._worst_ns = max(self._worst_ns, self._error_ns(self.used_ns))

    def _is_step(self, sample: _Sample) -> bool:
        """Whether ``sample`` cannot be true of a clock that only drifts since the probe that is known best."""
        if not self._samples:
            return False
        best = self._best(sample.at_ns)
        return abs(sample.offset_ns - best.offset_ns) > sample.half_ns + best.bound_ns(sample.at_ns) + 1

    def use(self) -> int:
        """Fix the offset to go by, in ns."""
        if self.used_ns is None:
            self.used_ns = self.best_ns()
            self._worst_ns = self._error_ns(self.used_ns)
        return self.used_ns

    def best_ns(self) -> int:
        """The offset as it is known best by now, in ns."""
        return self._best(self._samples[-1].at_ns).offset_ns

    def uncertainty_ns(self) -> int:
        """By how much the offset that is used may have been wrong, at the worst moment so far."""
        return self._worst_ns

    def drift_ppm(self) -> tuple[float, float]:
        """By how many millionths the other clock runs faster since its last step, and by how many that may be wrong.

        (0, `FASTEST_DRIFT`) while too little time has passed to tell.
        """
        if len(self._blocks) < 2:
            return 0.0, 1e6 * FASTEST_DRIFT
        first, last = self._blocks[0], self._blocks[-1]
        since_ns = max(1, last.at_ns - first.at_ns)
        error = (first.half_ns + last.half_ns) / since_ns
        if error > FASTEST_DRIFT:
            return 0.0, 1e6 * FASTEST_DRIFT
        return 1e6 * (last.offset_ns - first.offset_ns) / since_ns, 1e6 * error

    def _best(self, now_ns: int) -> _Sample:
        """The sample that bounds the offset most narrowly by now."""
        return min(self._samples, key=lambda one: one.bound_ns(now_ns))

    def _error_ns(self, used_ns: int) -> int:
        """How far from ``used_ns`` the true offset may be, by what is known now."""
        now_ns = self._samples[-1].at_ns
        best = self._best(now_ns)
        return abs(best.offset_ns - used_ns) + best.bound_ns(now_ns)
