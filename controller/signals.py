"""What a terminal sends to all its processes, kept from those that are started here: their end is their parent's."""

import contextlib
import signal
from collections.abc import Iterator

TERMINAL = (signal.SIGINT, signal.SIGHUP)


@contextlib.contextmanager
def sheltered() -> Iterator[None]:
    """Block Ctrl-C and hang-ups while inside. A process started meanwhile inherits that from its first instruction on;
    this one hears of them afterwards.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, TERMINAL)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
