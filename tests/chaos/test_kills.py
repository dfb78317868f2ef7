"""kill −9 of any process in the middle of a run: every task ends exactly once, nobody is left, the record is whole."""

import os
import select
import signal
import sqlite3
from pathlib import Path

import pytest

from tests.chaos.support import LITTLE, begin, end, events, left, pids, stop, wait_for
from tests.command import PATIENCE_S, call, document, start

pytestmark = [pytest.mark.live, pytest.mark.chaos]
LENGTH = ("--slots", "80")


@pytest.mark.parametrize("victim", ["ue-1-2", "es-1", "controller"])
def test_the_run_goes_on_without_whoever_is_killed(tmp_path, victim):
    process = begin(tmp_path, *LENGTH)
    try:
        before = pids(tmp_path / "r")
        os.kill(before[victim], signal.SIGKILL)
        end(process, 0)
    finally:
        stop(process)
    content = document("report", "r", cwd=tmp_path)
    assert content["ended"] == "drained" and content["tasks"]["unaccounted"] == 0
    assert content["failures"].keys() <= ({"ue died"} if victim == "ue-1-2" else set())
    assert [source for source, _, _ in events(tmp_path / "r", "died")] == [victim]
    assert left(tmp_path / "r") == []
    assert not (tmp_path / "r" / "sock").exists()
    again = document("replay", "r", "--as-recorded", cwd=tmp_path)
    assert again["tasks"]["generated"] == content["tasks"]["generated"]
    assert again["tasks"]["unaccounted"] == 0


@pytest.mark.parametrize("victim", ["ue-1-1", "es-1", "controller"])
def test_a_planned_death_with_restart_is_a_real_one(tmp_path, victim):
    faults = f"[{{at: 2 s, kill: {victim}, restart_after: 1 s}}]"
    process = begin(tmp_path, "--slots", "120", "--set", f"faults={faults}")
    try:
        end(process, 0)
    finally:
        stop(process)
    content = document("report", "r", cwd=tmp_path)
    assert content["tasks"]["unaccounted"] == 0
    first, second = (pid for source, _, pid in events(tmp_path / "r", "ready") if source == victim)
    assert first != second
    assert [source for source, _, _ in events(tmp_path / "r", "restarted")] == [victim]
    if victim == "controller":
        (back,) = (at for at, kind in instants(tmp_path / "r") if kind == "restarted")
        lost = [asked for asked, why in fallbacks(tmp_path / "r") if why == "controller lost"]
        assert lost and max(lost) < back, "whoever is back at a slot's beginning is asked in it"


def test_the_record_survives_the_launcher_and_nobody_outlives_it(tmp_path):
    process = begin(tmp_path, "--slots", "400")
    running = left(tmp_path / "r")
    assert len(running) >= len(pids(tmp_path / "r"))
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=PATIENCE_S)
    content = document("report", "r", cwd=tmp_path)
    assert content["ended"] == "interrupted" and content["tasks"]["unaccounted"] == 0
    with sqlite3.connect(tmp_path / "r" / "run.db") as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    for pid in running:
        gone(pid)
    (tmp_path / "runs").mkdir()
    (tmp_path / "r").rename(tmp_path / "runs" / "r")
    call("clean", "r", "--yes", cwd=tmp_path)
    assert not (tmp_path / "runs" / "r").exists()


def gone(pid):
    """Wait for the end of a process that is nobody's child here."""
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        poll = select.poll()
        poll.register(fd, select.POLLIN)
        assert poll.poll(30_000), f"process {pid} is left"
    finally:
        os.close(fd)


@pytest.mark.parametrize("phase", ["starting", "running", "draining"])
def test_an_interrupt_ends_any_phase_with_a_summary(tmp_path, phase):
    length = {"starting": "40", "running": "400", "draining": "1"}[phase]
    slow = ("--set", "task.cycles=40 G", "--set", "emulation.drain_limit=400 s") if phase == "draining" else ()
    options = (*LITTLE, "--slots", length, *slow, "--plain", "--out", "r")
    process = start("run", "smoke", *options, cwd=tmp_path, process_group=0)
    try:
        wait_for(process.stdout, {"starting": "tasks in", "running": "running", "draining": "draining"}[phase])
        os.killpg(process.pid, signal.SIGINT)
        out, _ = end(process, 130)
    finally:
        stop(process)
    assert "fidelity" in out and "interrupted" in out
    content = document("report", "r", cwd=tmp_path)
    assert content["tasks"]["unaccounted"] == 0 and content["failures"].keys() <= {"interrupted"}
    leaving = [at for at, kind in instants(tmp_path / "r") if kind == "lateness"]
    assert content["end_s"] <= min(leaving, default=0) * 1e-9, (
        "the run ends when it is interrupted, not when all have left"
    )
    assert not (tmp_path / "r" / "sock").exists()
    assert left(tmp_path / "r") == []


def instants(run):
    """(instant in ns, kind) of every event."""
    with sqlite3.connect(run / "run.db") as db:
        return db.execute("SELECT at_ns, kind FROM events").fetchall()


def fallbacks(run):
    """(instant asked in ns, why the fallback decided) of every task that it decided."""
    with sqlite3.connect(run / "run.db") as db:
        return db.execute("SELECT asked_ns, fallback FROM tasks WHERE fallback != ''").fetchall()


def test_a_run_whose_process_starter_is_killed_says_so(tmp_path):
    process = begin(tmp_path, "--slots", "400")
    try:
        starters = [int(pid) for pid in children_of(process.pid)]
        assert len(starters) == 1
        os.kill(starters[0], signal.SIGKILL)
        _, err = end(process, 4)
    finally:
        stop(process)
    assert "the process starter died" in err
    content = document("report", "r", cwd=tmp_path)
    assert content["tasks"]["unaccounted"] == 0 and content["failures"].keys() <= {"the process starter died"}
    assert left(tmp_path / "r") == []


def children_of(pid):
    """Process ids of its children."""
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
