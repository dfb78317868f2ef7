"""Learning in a run goes on, whoever dies: a learner, all of them, or a learner and the controller together."""

import os
import signal
from contextlib import closing
from pathlib import Path
from sqlite3 import connect

import pytest

from testbed.policy import checkpoint, network
from tests.chaos.support import begin, end, events, left, pids, stop, wait_until
from tests.command import call, document

pytestmark = [pytest.mark.live, pytest.mark.chaos]
LEARN = ("--policy", "a3c-do", "--learn", "--speed", "6", "--slots", "5000")  # it ends when it is interrupted
ONE = ("--workers", "1")


def updates(run: Path) -> list[tuple[int, int]]:
    """(updates, version) of every row of the learner."""
    with closing(connect(run / "run.db", timeout=10)) as db:
        return db.execute("SELECT updates, version FROM updates ORDER BY rowid").fetchall()


def returned(run: Path, before: int) -> dict[str, int]:
    """The processes of a run once its learner is another one than ``before``; none until then."""
    now = pids(run)
    return now if now.get("learner", before) != before else {}


def until_it_learns_again(process, run, killed):
    """Wait until a learner has come back for the ``killed`` one and updates, interrupt the run.

    Returns its processes, and how many updates there were when the learner had come back.
    """
    result = wait_until(process, lambda: returned(run, killed))
    before = len(updates(run))
    wait_until(process, lambda: len(updates(run)) > before + 1)
    process.send_signal(signal.SIGINT)
    end(process, 130)
    return result, before


def test_a_learner_that_is_killed_returns_and_goes_on_from_its_checkpoint(tmp_path):
    run = tmp_path / "r"
    process = begin(tmp_path, *LEARN, *ONE)
    try:
        wait_until(process, lambda: updates(run) and (run / "learned.npz").exists())
        first = pids(run)
        os.kill(first["learner"], signal.SIGKILL)
        second, _ = until_it_learns_again(process, run, first["learner"])
    finally:
        stop(process)
    content = document("report", "r", cwd=tmp_path)
    assert content["ended"] == "interrupted" and content["tasks"]["unaccounted"] == 0
    assert content["failures"].keys() <= {"interrupted"}
    assert [source for source, _, _ in events(run, "died")] == ["learner"]
    assert [source for source, _, _ in events(run, "restarted")] == ["learner"]
    assert second["learner"] != first["learner"]
    assert {name: pid for name, pid in second.items() if name != "learner"} == {
        name: pid for name, pid in first.items() if name != "learner"
    }
    rows = updates(run)
    assert [version for _, version in rows] == sorted({version for _, version in rows})
    assert content["learning"]["updates"] == rows[-1][0] and content["learning"]["restarts"] == 1
    arrays, about = checkpoint.read(run / "learned.npz")
    assert about["learned"]["updates"] == int(arrays["progress"][0]) == rows[-1][0]
    assert not left(run) and not (run / "node").exists()


def test_controller_and_learner_die_together_and_both_return(tmp_path):
    run = tmp_path / "r"
    faults = "[{at: 30 s, kill: controller, restart_after: 4 s}]"
    process = begin(tmp_path, *LEARN, *ONE, "--set", f"faults={faults}")
    try:
        first = wait_until(process, lambda: events(run, "died") and pids(run).get("learner"))
        os.kill(first, signal.SIGKILL)
        _, before = until_it_learns_again(process, run, first)
    finally:
        stop(process)
    content = document("report", "r", cwd=tmp_path)
    assert content["tasks"]["unaccounted"] == 0 and content["failures"].keys() <= {"interrupted"}
    assert sorted(source for source, _, _ in events(run, "restarted")) == ["controller", "learner"]
    with closing(connect(run / "run.db")) as db:
        (latest,) = db.execute("SELECT version FROM tasks ORDER BY slot DESC LIMIT 1").fetchone()
    assert latest >= updates(run)[before][1]
    assert not left(run)


def test_an_interrupt_ends_learning_with_a_checkpoint(tmp_path):
    run = tmp_path / "r"
    process = begin(tmp_path, *LEARN, *ONE)
    try:
        wait_until(process, lambda: updates(run))
        process.send_signal(signal.SIGINT)
        out, _ = end(process, 130)
    finally:
        stop(process)
    assert "learning" in out and not left(run)
    _, about = checkpoint.read(run / "learned.npz")
    assert about["learned"]["updates"] == updates(run)[-1][0]
    again = document("run", "smoke", "--policy", "a3c-do:r/learned.npz", "--backend", "sim", "--out", "s", cwd=tmp_path)
    assert again["tasks"]["unaccounted"] == 0 and again["learning"] is None


@pytest.mark.parametrize(
    ("change", "output"),
    [
        (("--policy", "greedy-do"), "cannot learn in a run"),
        (("--policy", "a3c-do", "--workers", "5"), "cells of its own"),
        (("--policy", "a3c-do", "--backend", "sim"), "what a testbed measured"),
        (("--policy", "a3c-do", "--set", "agent.epoch=arrival"), "agent.epoch"),
        (("--policy", "a3c-do", "--set", "agent.reward=paper"), "agent.reward"),
        (("--policy", "a3c-do:nowhere.npz"), "nowhere.npz"),
    ],
)
def test_what_cannot_learn_says_so_before_anything_starts(tmp_path, change, output):
    done = call("run", "smoke", "--learn", *change, cwd=tmp_path, code=2)
    assert output in done.stderr and not (tmp_path / "runs").exists()


def test_a_head_that_decides_at_once_cannot_learn_in_a_run(tmp_path):
    shape = network.layout(network.JOINT, 2)
    about = {"algorithm": "a3c", "head": network.JOINT, "cell_ues": 2, "second_offload": True}
    checkpoint.save(tmp_path / "joint.npz", {"parameters": network.initial(1, shape)}, about)
    done = call("run", "smoke", "--learn", "--policy", "a3c-do:joint.npz", cwd=tmp_path, code=2)
    assert 'head "joint" cannot learn in a run' in done.stderr
