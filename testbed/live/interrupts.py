"""Interrupts as orderly ends: the first SIGINT, SIGTERM or hang-up asks a run to stop, the next one breaks off."""

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType


@contextlib.contextmanager
def stop_on_interrupt(stop: Callable[[], None]) -> Iterator[None]:
    """Call ``stop`` at the first signal while inside; a second one raises `KeyboardInterrupt`."""

    def handle(number: int, frame: FrameType | None) -> None:
        signal.signal(number, signal.default_int_handler)
        stop()

    with _handling(handle):
        yield


@contextlib.contextmanager
def collected_signals() -> Iterator[list[int]]:
    """Collect interrupts in a list instead of raising; outside of the main thread, which alone gets them, nothing."""
    seen: list[int] = []
    with _handling(lambda number, _: seen.append(number)):
        yield seen


@contextlib.contextmanager
def _handling(handle: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Let ``handle`` have the signals that interrupt; a hang-up that is ignored, as under nohup, stays so.

    Outside of the main thread Python has no handlers to set: whoever has that thread is interrupted.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
        numbers.append(signal.SIGHUP)
    before = {number: signal.signal(number, handle) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
