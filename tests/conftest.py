"""What tests inherit from whoever started them is made alike."""

import os
import signal
import sys
import tempfile

from testbed.node import signals
from tests import properties

properties.load()

under_nohup = signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
signals.reset()
os.environ["XDG_CACHE_HOME"] = tempfile.mkdtemp(prefix="testbed-tests-")  # what this host was measured at stays out
if under_nohup:
    signal.signal(signal.SIGHUP, lambda number, frame: None)  # unlike SIG_IGN, this is not inherited by what is started


def pytest_sessionfinish() -> None:
    """Save which lines were run, if they are counted, before the end is reported: a worker of pytest-xdist that goes on
    for more than ten seconds after that is killed."""
    if "coverage" in sys.modules and (counting := sys.modules["coverage"].Coverage.current()) is not None:
        counting.stop()
        counting.save()
