"""What a terminal sends to all its processes, kept from those that are started here: their end is their parent's.

So is the working directory: a file there that is named like a module of Python's would be what they import.
"""

import contextlib
import os
import signal
from collections.abc import Iterator

SAFE_PATH = "PYTHONSAFEPATH"
TERMINAL = (signal.SIGINT, signal.SIGHUP)


@contextlib.contextmanager
def sheltered() -> Iterator[None]:
    """Block Ctrl-C and hang-ups while inside. A process started meanwhile inherits that from its first instruction on;
    this one hears of them afterwards.
    """
    before, path = signal.pthread_sigmask(signal.SIG_BLOCK, TERMINAL), os.environ.get(SAFE_PATH)
    os.environ[SAFE_PATH] = "1"
    try:
        yield
    finally:
        if path is None:
            del os.environ[SAFE_PATH]
        else:
            os.environ[SAFE_PATH] = path
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
