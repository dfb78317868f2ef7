"""A process that is stopped is seen to be silent and heard again; one that has too much to do never is."""

import os
import signal
import sqlite3
from contextlib import closing

import pytest

from testbed.node.launcher_session import TIMING
from tests.chaos.support import SPEED, begin, end, events, pids, stop, wait_for
from tests.command import document

pytestmark = [pytest.mark.live, pytest.mark.chaos]


def until_event(process, run, kind):
    """Follow the run's progress until its record has an event of ``kind``; returns its source."""
    while not (result := events(run, kind)):
        wait_for(process.stdout, "running")
    return result[0][0]


@pytest.mark.parametrize("victim", ["ue-1-2", "controller"])
def test_a_stopped_process_is_silent_until_it_goes_on(tmp_path, victim):
    process = begin(tmp_path, "--slots", "2000")  # it ends when it is interrupted
    try:
        pid = pids(tmp_path / "r")[victim]
        os.kill(pid, signal.SIGSTOP)
        try:
            assert until_event(process, tmp_path / "r", "silent") == victim
        finally:
            os.kill(pid, signal.SIGCONT)
        assert until_event(process, tmp_path / "r", "heard") == victim
        process.send_signal(signal.SIGINT)
        end(process, 130)
    finally:
        stop(process)
    content = document("report", "r", cwd=tmp_path)
    assert content["tasks"]["unaccounted"] == 0 and content["failures"].keys() <= {"interrupted"}
    ((silent, _, before),) = events(tmp_path / "r", "silent")
    ((heard, _, after),) = events(tmp_path / "r", "heard")
    assert silent == heard == victim and 2 < before < after


FAST = 600
THINKER = """
import time

def decide(cell, rng):
    if cell.slot == 3:
        until = time.process_time() + 4
        while time.process_time() < until:
            pass
    return {ue.name: 1 for ue in cell.ues}
"""


def test_a_controller_that_thinks_for_seconds_is_not_silent(tmp_path):
    """It answers nobody for far longer than the timeout, but it computes."""
    (tmp_path / "thinker.py").write_text(THINKER)
    nobody_silent(tmp_path, "--slots", "60", "--policy", "thinker:decide")
    with closing(sqlite3.connect(tmp_path / "r" / "run.db")) as db:
        unanswered = "SELECT max(generated_ns) - min(generated_ns) FROM tasks WHERE fallback = 'timeout'"
        ((spell_ns,),) = db.execute(unanswered).fetchall()
    assert spell_ns > TIMING.timeout_ns * SPEED


def test_full_load_is_no_silence(tmp_path):
    """A slot is over in less than a millisecond: nobody keeps up, nobody is silent."""
    nobody_silent(tmp_path, "--slots", "10000", "--set", "emulation.drain_limit=1000000 s", "--speed", str(FAST))
    late_ms = [value for *_, value in events(tmp_path / "r", "lateness")]
    assert max(late_ms) > 250 / FAST  # a slot of the scenario


def nobody_silent(cwd, *args):
    """Run to the end; the record must be whole, and tell of no silence."""
    process = begin(cwd, *args)
    try:
        end(process, 0)
    finally:
        stop(process)
    assert events(cwd / "r", "silent") == events(cwd / "r", "heard") == []
    assert document("report", "r", cwd=cwd)["tasks"]["unaccounted"] == 0
