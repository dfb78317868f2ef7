"""Whether a process of this host works: one that stands still does not, one with any thread that computes does."""

import os
import signal
import subprocess
import sys

import pytest

from testbed.live.local_supervisor import _Handle

THREADS = """
import threading

def compute():
    while True:
        pass

threading.Thread(target=compute, daemon=True).start()
print("there", flush=True)
input()
"""


@pytest.fixture
def child():
    """A process whose first thread waits for a word while another one computes."""
    process = subprocess.Popen(
        [sys.executable, "-c", THREADS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None and process.stdout.readline() == "there\n"
        yield process
    finally:
        process.kill()
        process.communicate()


def test_a_process_works_as_long_as_one_of_its_threads_does_and_not_while_it_is_stopped(child):
    handle = _Handle(child.pid, -1)
    assert [handle.works() for _ in range(5)] == [True] * 5
    os.kill(child.pid, signal.SIGSTOP)
    os.waitid(os.P_PID, child.pid, os.WSTOPPED)
    handle.works()
    assert not handle.works()
    os.kill(child.pid, signal.SIGCONT)
    os.waitid(os.P_PID, child.pid, os.WCONTINUED)
    while not handle.works():
        pass
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    handle.works()
    assert not handle.works()
