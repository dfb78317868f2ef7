"""Several workers learn in a run, whoever dies meanwhile, and pause when they are asked to."""

import os
import signal
from contextlib import closing
from pathlib import Path
from sqlite3 import connect

import pytest

from testbed.model.task import UE_DIED
from testbed.policy import checkpoint
from testbed.protocol.rows import LEARNING_PAUSED, LEARNING_RESUMED
from tests.chaos.support import begin, end, events, left, pids, stop, wait_for, wait_until
from tests.command import call, document

pytestmark = [pytest.mark.live, pytest.mark.chaos]
CELL = "{es: {cpu: 2 GHz}, ues: 1}"
NAMES = ("learner-1", "learner-2")
TWO = (
    *("--policy", "a3c-do", "--learn", "--mode", "a3c", "--workers", "2", "--speed", "6"),
    *("--slots", "5000", "--set", f"cells=[{CELL}, {CELL}]"),  # it ends when it is interrupted
)
DYING = {"es-1": 20, "ue-2-1": 26, "controller": 32, "es-2": 38}
DEATHS = ", ".join(f"{{at: {at} s, kill: {name}, restart_after: 4 s}}" for name, at in DYING.items())


def by_worker(run: Path) -> dict[str, list[int]]:
    """The updates that each worker told of, row by row."""
    items: dict[str, list[int]] = {}
    with closing(connect(run / "run.db", timeout=10)) as db:
        for name, count in db.execute("SELECT learner, updates FROM updates ORDER BY rowid"):
            items.setdefault(name, []).append(count)
    return items


@pytest.mark.parametrize("dying", [("learner-1",), ("learner-1", "learner-2")])
def test_workers_that_are_killed_come_back_to_what_all_have_learned(tmp_path, dying):
    run = tmp_path / "r"
    process = begin(tmp_path, *TWO)
    try:
        wait_until(process, lambda: len(by_worker(run)) == 2)
        first = pids(run)
        for name in dying:
            os.kill(first[name], signal.SIGKILL)
        second = wait_until(
            process, lambda: (now := pids(run)) and all(now.get(n, first[n]) != first[n] for n in dying) and now
        )
        before = {name: len(rows) for name, rows in by_worker(run).items()}
        wait_until(process, lambda: all(len(rows) > before[name] + 1 for name, rows in by_worker(run).items()))
        process.send_signal(signal.SIGINT)
        out, _ = end(process, 130)
    finally:
        stop(process)
    content = document("report", "r", cwd=tmp_path)
    assert content["tasks"]["unaccounted"] == 0 and content["failures"].keys() <= {"interrupted"}
    assert sorted(source for source, _, _ in events(run, "restarted")) == list(dying)
    assert {name: pid for name, pid in second.items() if name not in dying} == {
        name: pid for name, pid in first.items() if name not in dying
    }
    rows = by_worker(run)
    assert set(rows) == set(NAMES) == set(content["learning"]["workers"])
    assert all(counts == sorted(set(counts)) for counts in rows.values())
    _, about = checkpoint.read(run / "learned.npz")
    assert content["learning"]["updates"] == sum(counts[-1] for counts in rows.values())
    assert about["learned"]["updates"] == content["learning"]["updates"]
    assert content["learning"]["restarts"] == len(dying) and all(f"{name}: " in out for name in NAMES)
    assert not left(run) and not (run / "node").exists()


def until_all_learn(process, run):
    """Wait until every worker has told of two more updates than it had."""
    before = {name: len(rows) for name, rows in by_worker(run).items()}
    wait_until(process, lambda: all(len(rows) > before.get(name, 0) + 1 for name, rows in by_worker(run).items()))


def interrupted(process, tmp_path):
    """Interrupt the run; returns what was recorded of it, in which every task has one end."""
    process.send_signal(signal.SIGINT)
    end(process, 130)
    content = document("report", "r", cwd=tmp_path)
    assert content["ended"] == "interrupted" and content["tasks"]["unaccounted"] == 0
    assert not left(tmp_path / "r")
    return content


def test_workers_learn_on_while_servers_a_ue_the_controller_and_one_of_them_die(tmp_path):
    run = tmp_path / "r"
    process = begin(tmp_path, *TWO, "--set", f"faults=[{DEATHS}]")
    try:
        wait_until(process, lambda: len(by_worker(run)) == 2)
        os.kill(pids(run)["learner-1"], signal.SIGKILL)
        dead = sorted([*DYING, "learner-1"])
        wait_until(process, lambda: sorted(source for source, *_ in events(run, "restarted")) == dead)
        until_all_learn(process, run)
        result = interrupted(process, tmp_path)
    finally:
        stop(process)
    assert set(by_worker(run)) == set(NAMES) == set(result["learning"]["workers"])
    assert result["failures"].keys() <= {"interrupted", UE_DIED}


def test_workers_pause_in_a_run_and_go_on(tmp_path):
    run = tmp_path / "r"
    process = begin(tmp_path, *TWO)
    try:
        wait_until(process, lambda: len(by_worker(run)) == 2)
        assert "is paused" in call("learn", "r", "pause", cwd=tmp_path).stdout
        wait_until(process, lambda: len(events(run, LEARNING_PAUSED)) == 2)
        paused = by_worker(run)
        for _ in range(2):
            wait_for(process.stdout, "running")
        after = by_worker(run)
        assert all(len(after[name]) <= len(paused[name]) + 1 for name in NAMES)  # one may tell of what was done before
        assert "goes on" in call("learn", "r", "resume", cwd=tmp_path).stdout
        until_all_learn(process, run)
        interrupted(process, tmp_path)
    finally:
        stop(process)
    assert sorted(source for source, *_ in events(run, LEARNING_RESUMED)) == list(NAMES)
