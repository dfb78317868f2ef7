"""The circuit breaker of one UE (sans-IO): closed, open for a time, or on trial with one task."""

from testbed.model.delay import NS_PER_S
from testbed.model.resilience import Breaker

CLOSED_NS, NO_TRIAL = -1, -1


class CircuitBreaker:
    """``failures`` in a row open it. When ``open_ns`` have passed one task is let through; its end decides."""

    def __init__(self, options: Breaker) -> None:
        self._options = options
        self._failures = 0
        self._open_until_ns = CLOSED_NS
        self._trial = NO_TRIAL

    @property
    def open_s(self) -> float:
        """How long it is open, emulated seconds."""
        return self._options.open_ns / NS_PER_S

    def lets(self, number: int, now_ns: int) -> bool:
        """Whether task ``number`` may be offloaded at ``now_ns``."""
        if self._open_until_ns == CLOSED_NS or self._trial == number:
            return True
        if now_ns < self._open_until_ns or self._trial != NO_TRIAL:
            return False
        self._trial = number
        return True

    def failed(self, number: int, now_ns: int) -> bool:
        """An attempt to offload task ``number`` came to nothing; whether the breaker opens now.

        While it is open, only the task on trial counts.
        """
        if self._open_until_ns != CLOSED_NS and number != self._trial:
            return False
        self._failures += 1
        if self._trial == NO_TRIAL and self._failures < self._options.failures:
            return False
        self._open_until_ns, self._trial, self._failures = now_ns + self._options.open_ns, NO_TRIAL, 0
        return True

    def succeeded(self, number: int) -> bool:
        """An ES executed task ``number``; whether the breaker closes now."""
        if self._open_until_ns == CLOSED_NS:
            self._failures = 0
        if self._trial != number:
            return False
        self._open_until_ns, self._trial, self._failures = CLOSED_NS, NO_TRIAL, 0
        return True

    def withdrew(self, number: int) -> None:
        """Task ``number`` was not offloaded after all."""
        if self._trial == number:
            self._trial = NO_TRIAL
