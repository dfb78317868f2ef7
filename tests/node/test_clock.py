"""Clocks and waiting: instants there and back, and a spinner that spends no more than its share."""

import os
import platform
import re
import time

import pytest

from testbed.node import clock
from testbed.node.clock import SCHEDULER_TURN_NS, Clock, Spinner, set_turn
from tests.command import ROOT


@pytest.mark.parametrize("speed", [0.5, 1.0, 3.0, 40.0])
def test_an_instant_is_never_early_on_the_wall(speed):
    made = Clock(1_000_000, speed)
    for at in (0, 1, 7, 999_999_999, 123_456_789_012):
        assert made.emulated_ns(made.wall_ns(at)) >= at
        assert made.emulated_ns(made.wall_ns(at) - 1) <= at


class Wall:
    """A clock that goes on by a microsecond whenever it is read."""

    def __init__(self):
        self.now_ns = 10**9

    def monotonic_ns(self):
        self.now_ns += 1_000
        return self.now_ns


def test_a_spinner_spends_no_more_than_a_hundredth_of_the_time(monkeypatch):
    wall = Wall()
    monkeypatch.setattr(time, "monotonic_ns", wall.monotonic_ns)
    spinner, begin = Spinner(200_000), wall.now_ns
    assert spinner.length_ns() == 0
    spent = 0
    for _ in range(2_000):
        wall.now_ns += 1_000_000
        length = spinner.length_ns()
        if length:
            before = wall.now_ns
            spinner.spin(before + length)
            assert 0 <= wall.now_ns - before - length < 5_000
            spent += wall.now_ns - before
    assert 0.009 < spent / (wall.now_ns - begin) <= 0.0101


def test_nobody_spins_for_what_is_far_away_or_without_leave(monkeypatch):
    wall = Wall()
    monkeypatch.setattr(time, "monotonic_ns", wall.monotonic_ns)
    spinner = Spinner(200_000)
    wall.now_ns += 10**9
    before = wall.now_ns
    spinner.spin(before + 1_000_000)
    assert wall.now_ns - before < 10_000
    assert Spinner(0).length_ns() == 0


def in_child(what):
    """What ``what()`` says in a process of its own, whose scheduling is nobody else's."""
    pid = os.fork()
    if pid == 0:
        os._exit(int(what()))
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@pytest.mark.skipif(platform.machine() not in clock._SCHED_SETATTR, reason="no number of the system call known here")
def test_short_turns_keep_niceness_and_leave_other_classes_alone():
    def nice():
        os.nice(3)
        return set_turn(SCHEDULER_TURN_NS) and os.nice(0) == 3 + before and os.sched_getscheduler(0) == os.SCHED_OTHER

    def idle():
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
        return not set_turn(SCHEDULER_TURN_NS) and os.sched_getscheduler(0) == os.SCHED_IDLE

    before = os.nice(0)
    assert in_child(nice) and in_child(idle)


def test_a_jump_of_the_hosts_clock_reaches_nothing_that_runs():
    """Who reads the time of day: when a run began, how old a file is. All else counts a clock that is never set and
    that stands still while the host is suspended."""
    allowed = {"testbed/record/reader.py", "testbed/live/host_costs.py", "testbed/experiments/describing.py"}
    allowed |= {"testbed/live/host_clocks.py"}  # which tells of jumps
    words = re.compile(
        r"time\.time\(|time\.time_ns\(|\.now\(|\.utcnow\(|CLOCK_REALTIME|CLOCK_BOOTTIME|clock_gettime|\.today\("
    )
    found = {
        str(path.relative_to(ROOT))
        for package in ("testbed", "ue_agent", "edge_server", "controller")
        for path in (ROOT / package).rglob("*.py")
        if words.search(path.read_text())
    }
    assert found <= allowed, found - allowed
