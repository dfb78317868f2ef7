"""Whether a process of this host works: one that stands still does not, one with any thread that computes does."""

import os
import signal
import subprocess
import sys

import psutil
import pytest

from testbed.live.activity import DOUBT_NS, FORGOTTEN_NS, ROUNDS, Activity

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
    activity = Activity(child.pid)
    assert [activity.works() for _ in range(5)] == [True] * 5
    os.kill(child.pid, signal.SIGSTOP)
    os.waitid(os.P_PID, child.pid, os.WSTOPPED)
    activity.works()
    assert not activity.works()
    os.kill(child.pid, signal.SIGCONT)
    os.waitid(os.P_PID, child.pid, os.WCONTINUED)
    while not activity.works():
        pass
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    activity.works()
    assert not activity.works()


@pytest.fixture
def awake():
    """A process whose only thread goes to sleep again and again, as an event loop does."""
    process = subprocess.Popen([sys.executable, "-c", "import time\nwhile True: time.sleep(1e-3)"])
    try:
        yield psutil.Process(process.pid)
    finally:
        process.kill()
        process.wait()


def look_at(process, every_ns, count):
    """Whether a process works, at looks that are said to be ``every_ns`` apart; it goes round twice before each."""
    activity, result = Activity(process.pid), []
    for look in range(count):
        rounds = process.num_ctx_switches().voluntary
        while process.num_ctx_switches().voluntary < rounds + 2:
            pass
        result.append(activity.works(look * every_ns))
    return result


def test_a_process_that_is_not_heard_although_its_loop_goes_round_is_cut_off(awake):
    looks = max(ROUNDS, 27)
    every_ns = DOUBT_NS // (looks - 1) + 1
    assert look_at(awake, every_ns, looks) == [True] * (looks - 1) + [False]


def test_a_doubt_that_was_given_up_begins_anew(awake):
    assert all(look_at(awake, FORGOTTEN_NS, ROUNDS))
