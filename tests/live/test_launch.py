"""Runs on real processes through the command line: summaries, interrupts, deaths; of timing only medians."""

import json
import os
import signal
import sqlite3
from pathlib import Path

import pytest

from tests.command import PATIENCE_S, call, document, start

pytestmark = pytest.mark.live
LITTLE = ("--set", "emulation.burn=0.02")


def alive(pid: int) -> bool:
    """Whether a process exists and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def lines_until(process, word: str) -> None:
    """Read the process' standard error until a line holds ``word``."""
    for line in process.stderr:
        if word in line:
            return
    raise AssertionError(f"it ended without saying {word}")


def children(run: Path) -> list[int]:
    """Process ids of a run, from its table of processes."""
    return [one["pid"] for one in json.loads((run / "processes.json").read_text())]


def test_live_run_agrees_with_its_simulation(tmp_path):
    content = document("run", "smoke", *LITTLE, "--policy", "greedy-do", "--out", "r", cwd=tmp_path)
    assert content["backend"] == "testbed" and content["tasks"]["unaccounted"] == 0
    assert content["tasks"]["generated"] == content["tasks"]["completed"] + content["tasks"]["late"] == 13
    exact = content["fidelity"]["grade"] in "AB"
    assert content["fidelity"]["delay_error"]["median"] < 0.5 or not exact, (
        "a run that is far off does not get a good grade"
    )
    assert content["fidelity"]["cpu"]["asked_s"] > 0
    assert (content["fidelity"]["burn"], content["fidelity"]["payload"]) == (0.02, "real")
    assert {path.name for path in (tmp_path / "r").iterdir()} >= {"processes.json", "run.db", "scenario.yaml"}
    again = document("replay", "r", "--as-recorded", cwd=tmp_path)
    assert again["tasks"] == content["tasks"]
    assert again["delay_s"]["p50"] == pytest.approx(content["delay_s"]["p50"], rel=0.5) or not exact
    assert not [pid for pid in children(tmp_path / "r") if alive(pid)]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_interrupt_prints_the_summary(tmp_path, number):
    process = start("run", "smoke", "--slots", "400", "--json", "--out", "r", cwd=tmp_path)
    lines_until(process, "running")
    process.send_signal(number)
    out, _ = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130 and '"ended": "interrupted"' in out
    content = document("report", "r", cwd=tmp_path)
    assert content["tasks"]["completed"] > 0 and content["tasks"]["unaccounted"] == 0
    assert content["failures"].keys() <= {"interrupted"}
    assert not [pid for pid in children(tmp_path / "r") if alive(pid)]


def test_record_survives_the_launcher(tmp_path):
    process = start("run", "smoke", "--slots", "400", "--json", "--out", "r", cwd=tmp_path)
    lines_until(process, "running")
    going = document("report", "r", cwd=tmp_path)
    assert going["ended"] == "still running" and going["tasks"]["generated"] > 0
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=PATIENCE_S)
    content = document("report", "r", cwd=tmp_path)
    assert content["ended"] == "interrupted" and content["tasks"]["unaccounted"] == 0
    assert going["fidelity"]["grade"] is content["fidelity"]["grade"] is content["fidelity"]["slipped"] is None
    assert content["fidelity"]["cpu"] == {"asked_s": None, "achieved_s": None}
    assert "fidelity   not graded" in call("report", "r", cwd=tmp_path).stdout
    assert content["tasks"]["completed"] >= going["tasks"]["completed"] > 0
    with sqlite3.connect(tmp_path / "r" / "run.db") as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_killed_ue_costs_only_its_own_tasks(tmp_path):
    process = start("run", "smoke", "--slots", "40", "--json", "--out", "r", cwd=tmp_path)
    lines_until(process, "running")
    table = {one["name"]: one["pid"] for one in json.loads((tmp_path / "r" / "processes.json").read_text())}
    os.kill(table["ue-1-2"], signal.SIGKILL)
    out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, err
    data = json.loads(out)
    assert data["ended"] == "drained" and data["tasks"]["unaccounted"] == 0
    assert data["failures"].keys() <= {"ue died"}


def test_what_the_host_cannot_hold_is_graded_so(tmp_path):
    fast = ("--speed", "1000", "--set", "emulation.burn=1", "--set", "emulation.drain_limit=50000 s")
    content = document("run", "smoke", *fast, "--strict", "--out", "r", cwd=tmp_path, code=5)
    assert content["fidelity"]["grade"] in "CF" and content["fidelity"]["worst"]
    with sqlite3.connect(tmp_path / "r" / "run.db") as db:
        ((advised,),) = db.execute("SELECT value FROM meta WHERE key = 'advised_speed'").fetchall()
    assert f"--speed {float(advised):g}" in content["fidelity"]["remedy"] and content["tasks"]["unaccounted"] == 0


OWN = """
def note_do(cell, rng):
    with open("asked.txt", "a") as file:
        file.write(f"{cell.slot} {cell.cell}\\n")
    return {ue.name: 1 for ue in cell.ues}
"""


def test_the_warm_up_leaves_nothing_behind(tmp_path):
    (tmp_path / "mine.py").write_text(OWN)
    content = document("run", "smoke", *LITTLE, "--policy", "mine:note_do", "--out", "r", cwd=tmp_path)
    assert content["tasks"]["generated"] == 13 and content["tasks"]["unaccounted"] == 0
    asked = (tmp_path / "r" / "asked.txt").read_text().splitlines()
    assert len(asked) == len(set(asked)) > 0
    with sqlite3.connect(tmp_path / "r" / "run.db") as db:
        assert db.execute("SELECT count(*) FROM events WHERE kind = 'dropped_frame'").fetchone() == (0,)
        assert db.execute("SELECT count(*) FROM tasks").fetchone() == (13,)
