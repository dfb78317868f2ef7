"""Replays on virtual clocks: the same tasks, decided the same, leave the same record to the last bit."""

import sqlite3

import pytest

from testbed.record.writer import TABLES
from tests.command import call, document

ORDER = {"tasks": "ue, number", "links": "start_ns, ue, number, link", "rewards": "slot, cell"}


def rows(run):
    with sqlite3.connect(run / "run.db") as db:
        return {
            name: db.execute(f"SELECT * FROM {name} ORDER BY {ORDER.get(name, 1)}, 2").fetchall()
            for name in TABLES.values()
        }


@pytest.mark.parametrize("on", ["sim", "twin"])
def test_a_replay_is_the_run_to_the_last_bit(tmp_path, on):
    call("run", "region", "--slots", "40", "--policy", "random-do", "--backend", on, "--out", "one", cwd=tmp_path)
    for n, more in enumerate((["--on", on], ["--on", on, "--as-recorded"])):
        call("replay", "one", *more, "--out", f"again-{n}", cwd=tmp_path)
        assert rows(tmp_path / f"again-{n}") == rows(tmp_path / "one")
        workload = (tmp_path / "one" / "workload.csv").read_bytes()
        assert (tmp_path / f"again-{n}" / "workload.csv").read_bytes() == workload


def test_a_part_is_played_over_and_over_and_the_rest_is_told(tmp_path):
    whole = document("run", "region", "--slots", "30", "--backend", "sim", "--out", "one", cwd=tmp_path)
    words = ("replay", "one", "--on", "twin", "--from", "10s", "--for", "5s", "--rate", "2", "--loop", "3")
    done = call(*words, "--out", "part", cwd=tmp_path)
    assert "tasks are outside of the part that is played" in done.stderr
    with sqlite3.connect(tmp_path / "one" / "run.db") as db:
        (count,) = db.execute(
            "SELECT count(*) FROM tasks WHERE generated_ns >= 10e9 AND generated_ns < 15e9"
        ).fetchone()
    content = document("report", "part", cwd=tmp_path)
    assert content["tasks"]["generated"] == 3 * count < whole["tasks"]["generated"] and content["slots"] == 9


def test_faults_are_replayed_unless_they_are_left_out(tmp_path):
    fault = "faults=[{at: 5 s, kill: es-1, restart_after: 2 s}]"
    call("run", "region", "--slots", "20", "--backend", "sim", "--set", fault, "--out", "one", cwd=tmp_path)
    call("replay", "one", "--on", "sim", "--out", "with", cwd=tmp_path)
    assert rows(tmp_path / "with")["events"] == rows(tmp_path / "one")["events"] != []
    call("replay", "one", "--on", "twin", "--no-faults", "--out", "without", cwd=tmp_path)
    assert rows(tmp_path / "without")["events"] == []


@pytest.mark.parametrize(
    ("words", "output"),
    [
        (("--as-recorded", "--rate", "2"), "--rate"),
        (("--on", "sim", "--from", "90s"), "the recording ends at 8 s"),
        (("--on", "sim", "--loop", "0"), "--loop"),
        (("--on", "sim", "--for", "0 s"), "--for"),
        (("--as-recorded", "--on", "testbed"), "virtual clocks only"),
    ],
)
def test_what_cannot_be_replayed_is_said(tmp_path, words, output):
    call("run", "region", "--slots", "8", "--backend", "sim", "--out", "one", cwd=tmp_path)
    done = call("replay", "one", *words, cwd=tmp_path, code=2)
    assert output in done.stderr
