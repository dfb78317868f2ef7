"""Emulated time on the monotonic clock, and timers that fire at absolute instants."""

import ctypes
import gc
import os
import platform
import struct
import time

from testbed.model.delay import NS_PER_S

_LIBC = ctypes.CDLL(None, use_errno=True)
_CLOCK_MONOTONIC = 1
_TFD_TIMER_ABSTIME = 1
_TFD_FLAGS = os.O_NONBLOCK | os.O_CLOEXEC
_PR_SET_PDEATHSIG, _PR_SET_TIMERSLACK = 1, 29
_SCHED_SETATTR = {"x86_64": 314, "aarch64": 274}
_SCHED_ATTR = struct.Struct("=IIQiIQQQII")
SCHEDULER_TURN_NS = 100_000
SPARE = 100


class Clock:
    """Emulated time is ``(monotonic − epoch) × speed``, in integer nanoseconds."""

    def __init__(self, epoch_ns: int, speed: float) -> None:
        self.epoch_ns, self.speed = epoch_ns, speed

    def now_ns(self) -> int:
        """Emulated time now."""
        return int((time.monotonic_ns() - self.epoch_ns) * self.speed)

    def emulated_ns(self, wall_ns: int) -> int:
        """Emulated time at monotonic instant ``wall_ns``."""
        return int((wall_ns - self.epoch_ns) * self.speed)

    def wall_ns(self, emulated_ns: int) -> int:
        """Monotonic instant of an emulated one, rounded up so that nothing is early."""
        return self.epoch_ns + -int(-emulated_ns // self.speed)


class _Timespec(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


class _Itimerspec(ctypes.Structure):
    _fields_ = (("interval", _Timespec), ("value", _Timespec))


class Timer:
    """A Linux timerfd on CLOCK_MONOTONIC, armed at absolute instants."""

    def __init__(self) -> None:
        self.fd = _LIBC.timerfd_create(_CLOCK_MONOTONIC, _TFD_FLAGS)
        if self.fd < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create")
        self._spec = _Itimerspec()
        self._armed_ns = -1

    def arm(self, wall_ns: int) -> None:
        """Become readable at ``wall_ns`` (at once if that has passed)."""
        if wall_ns == self._armed_ns:
            return
        self._armed_ns = wall_ns
        value = max(1, wall_ns)
        self._spec.value.seconds, self._spec.value.nanoseconds = divmod(value, NS_PER_S)
        _LIBC.timerfd_settime(self.fd, _TFD_TIMER_ABSTIME, ctypes.byref(self._spec), None)

    def clear(self) -> None:
        """Consume an expiration."""
        self._armed_ns = -1
        try:
            os.read(self.fd, 8)
        except BlockingIOError:
            return

    def close(self) -> None:
        """Release the descriptor."""
        os.close(self.fd)


class Spinner:
    """Busy waiting for the last ``most_ns`` before an instant, which a timer alone reaches a tenth of a ms late.

    It takes no more than 1/`SPARE` of the time, so that a process with much to do leaves the CPU to others.
    """

    def __init__(self, most_ns: int) -> None:
        self._most_ns = most_ns
        self._begin_ns, self._spent_ns = time.monotonic_ns(), 0

    def length_ns(self) -> int:
        """How long before the next instant to wake up: 0 for those who cannot spare it."""
        if not self._most_ns or (self._spent_ns + self._most_ns) * SPARE > time.monotonic_ns() - self._begin_ns:
            return 0
        return self._most_ns

    def spin(self, wall_ns: int) -> None:
        """Wait until ``wall_ns`` if that is near enough."""
        begin = now = time.monotonic_ns()
        if wall_ns - begin > self._most_ns:
            return
        while now < wall_ns:
            now = time.monotonic_ns()
        self._spent_ns += now - begin


def sharpen() -> None:
    """Make this process's timers precise and its turns short; to be called before it has other threads.

    Timer slack is 1 ns. Of the scheduler it asks for short turns, which lets it and its threads go before others that
    compute when they wake (Linux 6.12; an older kernel takes no notice).
    """
    _LIBC.prctl(_PR_SET_TIMERSLACK, 1, 0, 0, 0)
    set_turn(SCHEDULER_TURN_NS)


def tame_garbage() -> None:
    """Collect garbage seldom, and never look at what exists already."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


def die_with_parent(signal_number: int) -> None:
    """Ask the kernel to send this process ``signal_number`` when its parent dies."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, int(signal_number), 0, 0, 0)


def set_turn(length_ns: int) -> bool:
    """Ask for scheduler turns of ``length_ns`` for this thread, at the niceness it has; whether that is possible.

    A process that was given another scheduling class than the common one keeps it.
    """
    number = _SCHED_SETATTR.get(platform.machine())
    if number is None or os.sched_getscheduler(0) != os.SCHED_OTHER:
        return False
    values = (_SCHED_ATTR.size, os.SCHED_OTHER, 0, os.nice(0), 0, length_ns, 0, 0, 0, 0)
    attributes = _SCHED_ATTR.pack(*values)
    return int(_LIBC.syscall(number, 0, attributes, 0)) == 0
