"""Options and fixtures that every test may use; what they inherit from whoever started them is made alike."""

import os
import signal
import tempfile

import pytest

from testbed.node import signals
from tests import properties

FAULT_SEEDS = 60
properties.load()

under_nohup = signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
signals.reset()
os.environ["XDG_CACHE_HOME"] = tempfile.mkdtemp(prefix="testbed-tests-")  # what this host was measured at stays out
if under_nohup:
    signal.signal(signal.SIGHUP, lambda number, frame: None)  # unlike SIG_IGN, this is not inherited by what is started


def pytest_addoption(parser):
    parser.addoption("--fault-seed", type=int, default=None, help="replay one seed of the random fault tests")
    parser.addoption("--fault-seeds", type=int, default=FAULT_SEEDS, help="how many seeds the random fault tests try")


def pytest_collection_modifyitems(config, items):
    """Whoever asks for more seeds than usual gets the time that they need: no limit then."""
    if config.getoption("--fault-seeds") > FAULT_SEEDS:
        for item in items:
            if "fault_seeds" in item.fixturenames:
                item.add_marker(pytest.mark.timeout(0))


@pytest.fixture
def fault_seeds(request):
    """Seeds of random fault schedules: one that is replayed, or the first ``--fault-seeds``."""
    one = request.config.getoption("--fault-seed")
    return [one] if one is not None else range(request.config.getoption("--fault-seeds"))
