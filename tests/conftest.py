"""What tests inherit from whoever started them is made alike."""

import os
import signal
import tempfile

from testbed.node import signals
from tests import properties

properties.load()

under_nohup = signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
signals.reset()
os.environ["XDG_CACHE_HOME"] = tempfile.mkdtemp(prefix="testbed-tests-")  # what this host was measured at stays out
if under_nohup:
    signal.signal(signal.SIGHUP, lambda number, frame: None)  # unlike SIG_IGN, this is not inherited by what is started
