"""What tests inherit from whoever started them is made alike."""

import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from unittest import mock

import pytest

from testbed.node import signals
from tests import properties

ON_REQUEST = {"containers": "containers", "hosts": "several hosts"}

properties.load()

under_nohup = signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
signals.reset()
own_cache = tempfile.mkdtemp(prefix="testbed-tests-")  # what this host was measured at stays out
os.environ["XDG_CACHE_HOME"] = own_cache
if under_nohup:
    signal.signal(signal.SIGHUP, lambda number, frame: None)  # unlike SIG_IGN, this is not inherited by what is started


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tests that bring up an engine, servers or namespaces take minutes: they run when they are asked for by ``-m``."""
    for item in items:
        for mark, what in ON_REQUEST.items():
            if item.get_closest_marker(mark) is not None and mark not in config.getoption("-m"):
                item.add_marker(pytest.mark.skip(reason=f"tests of {what} run by `make test-{mark}`"))


@pytest.fixture(autouse=True)
def own_environment() -> Iterator[None]:
    """What a test lets the command do to the environment of this process ends with the test.

    The command tells Python not to import from the working directory: programs that later tests start would not find
    the package `tests`.
    """
    with mock.patch.dict(os.environ):
        yield


def pytest_sessionfinish() -> None:
    """Save which lines were run, if they are counted, before the end is reported: a worker of pytest-xdist that goes on
    for more than ten seconds after that is killed."""
    if "coverage" in sys.modules and (counting := sys.modules["coverage"].Coverage.current()) is not None:
        counting.stop()
        counting.save()


def pytest_unconfigure() -> None:
    """Leave nothing in the temporary directory."""
    shutil.rmtree(own_cache, ignore_errors=True)
