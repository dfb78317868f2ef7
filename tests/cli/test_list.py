"""The list of runs: what each was and what came of it, however many there are and whatever some of them are."""

import json
import os
import shutil
import sqlite3
from pathlib import Path

import pytest

from testbed.cli.commands import list as listing
from testbed.record import directory, kept_grade, reader
from testbed.record.kept_grade import GRADE_FILE, KeptGrade
from testbed.sim.simulation import Simulation
from tests.command import call, document

CHECKPOINT = '{"policy": "priced", "beta": 0.1, "beta0": 0}'


@pytest.fixture(scope="module")
def folder_of_runs(tmp_path_factory):
    """A folder with two runs, the second the latest."""
    place = tmp_path_factory.mktemp("listed")
    (place / "priced.json").write_text(CHECKPOINT)
    for seconds, (name, policy) in enumerate((("one", "lc"), ("two", "priced:priced.json"))):
        call("run", "smoke", "--backend", "sim", "--policy", policy, "--out", f"runs/{name}", cwd=place)
        os.utime(place / "runs" / name / directory.RECORD, (seconds, seconds))
    return place


@pytest.fixture
def here(folder_of_runs, tmp_path, monkeypatch):
    """A copy of it, the working directory."""
    monkeypatch.chdir(tmp_path)
    return Path(shutil.copytree(folder_of_runs, tmp_path, dirs_exist_ok=True))


def listed():
    return {row["run"]: row for row in listing.runs()}


def test_runs_are_listed_with_what_came_of_them_the_latest_first(here):
    two, one = document("list", "runs", cwd=here)["runs"]
    assert (one["run"], two["run"]) == ("one", "two")
    assert two["overhead"] == document("report", "two", cwd=here)["overhead"]["mean"]
    assert (two["grade"], two["policy"], two["state"]) == ("exact", "priced:priced.json", "drained")
    assert set(one) == set(two) and one["started"].startswith("20") and one["overhead"] != two["overhead"]
    lines = call("list", "runs", cwd=here).stdout.splitlines()
    assert lines[2].split() == ["run", "scenario", "policy", "grade", "overhead", "state", "backend", "slots", "seed"]
    assert lines[3].split()[:5] == ["two", "smoke", "priced", "exact", f"{two['overhead']:.4f}"]


def test_a_list_simulates_nothing(here, monkeypatch):
    monkeypatch.setattr(Simulation, "run", lambda self: pytest.fail("a list has no time for that"))
    (here / "runs" / "one" / GRADE_FILE).unlink()
    assert listed()["one"]["grade"] == "exact" and listed()["one"]["overhead"] > 0.0


def test_a_live_run_has_the_grade_of_its_last_summary_or_none_yet(here):
    run = here / "runs" / "one"
    with sqlite3.connect(run / directory.RECORD) as db:
        db.execute("UPDATE meta SET value = 'testbed' WHERE key = 'backend'")
    db.close()
    row = listed()["one"]
    assert (row["grade"], row["state"]) == (None, "drained") and row["overhead"] > 0.0
    assert "`testbed report one` grades a run" in call("list", "runs", cwd=here).stdout
    kept_grade.keep(run, KeptGrade("B", 0.75))
    assert (listed()["one"]["grade"], listed()["one"]["overhead"]) == ("B", 0.75)
    assert "grades a run" not in call("list", "runs", cwd=here).stdout


@pytest.mark.parametrize("damage", ["no database", "empty", "no scenario", "no workload", "cut"])
def test_a_broken_run_is_listed_as_broken(here, damage):
    run = here / "runs" / "one"
    record = run / directory.RECORD
    match damage:
        case "no database":
            record.write_text("nonsense")
        case "empty":
            record.write_bytes(b"")
        case "cut":
            record.write_bytes(record.read_bytes()[:3000])
        case _:
            (run / {"no scenario": directory.SCENARIO, "no workload": directory.WORKLOAD}[damage]).unlink()
    row = listed()["one"]
    assert row["state"] == "broken" and listed()["two"]["state"] == "drained"
    assert "broken" in call("list", "runs", cwd=here).stdout
    json.dumps(document("list", "runs", cwd=here), allow_nan=False)


def test_what_a_record_says_of_itself_is_not_trusted(here):
    with sqlite3.connect(here / "runs" / "one" / directory.RECORD) as db:
        db.executemany(
            "INSERT OR REPLACE INTO meta VALUES (?, ?)",
            [("policy", '["x"]'), ("scenario", '{"a": "\\u001b[2J"}'), ("slots", "\x1b[2J"), ("seed", "1e400")],
        )
        db.execute("UPDATE tasks SET overhead = 9e999")
    db.close()
    row = listed()["one"]
    assert (row["policy"], row["scenario"], row["seed"], row["overhead"]) == (None, None, None, None)
    text = call("list", "runs", cwd=here).stdout
    assert "\x1b" not in text and "nan" not in text and "inf" not in text


def test_hundreds_of_runs_are_read_once_each(here, monkeypatch):
    for number in range(100):
        shutil.copytree(here / "runs" / "one", here / "runs" / f"copy-{number:03d}")
    opened = []
    real = reader.read_meta

    def read_meta(file):
        opened.append(file)
        return real(file)

    monkeypatch.setattr(reader, "read_meta", read_meta)
    monkeypatch.setattr(kept_grade, "overhead_so_far", lambda file: pytest.fail("its grade is known"))
    rows = listing.runs()
    assert len(rows) == len(opened) == 102 and {row["grade"] for row in rows} == {"exact"}
