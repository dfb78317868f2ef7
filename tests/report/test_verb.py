"""``testbed report``: as before for one run, and what it says of several, of pages, plots and mistakes."""

import contextlib
import json
import os
import shutil
import signal
import sqlite3

import pytest

from tests.chaos.support import begin
from tests.command import PATIENCE_S, call, document
from tests.report.html_page import Page
from tests.report.runs import recorded


@pytest.fixture
def place(tmp_path):
    """A folder with two runs of the same tasks."""
    for policy in ("greedy-do", "lc"):
        shutil.copytree(recorded(policy), tmp_path / "runs" / policy)
    return tmp_path


def test_a_page_is_written_beside_what_is_printed_as_ever(place):
    plain = call("report", "lc", cwd=place).stdout
    result = call("report", "lc", "--html", "page.html", cwd=place)
    size = (place / "page.html").stat().st_size
    assert result.stdout == f"{plain}\npage.html: {size / 1000:.0f} kB\n"
    assert "page.html" not in result.stderr
    assert "lc" in Page((place / "page.html").read_text()).text
    assert document("report", "lc", cwd=place)["policy"] == "lc"


def test_json_stays_one_document_whatever_is_written(place):
    alone = call("report", "lc", "--json", cwd=place).stdout
    result = call("report", "lc", "--json", "--html", "page.html", "--plots", "figures", cwd=place)
    assert result.stdout == alone and (place / "page.html").exists()
    assert "page.html: " in result.stderr and "figures: " in result.stderr


def test_several_runs_are_summarized_and_compared(place):
    output = call("report", "greedy-do", "lc", "--baseline", "runs/lc", cwd=place).stdout
    assert output.startswith(call("report", "greedy-do", cwd=place).stdout)
    last = output.strip().splitlines()[-2:]
    assert last[0].startswith("greedy-do") and "% [" in last[0] and last[1].endswith("baseline")
    content = document("report", "greedy-do", "lc", cwd=place)
    assert [one["policy"] for one in content["runs"]] == ["greedy-do", "lc"]
    assert [one["baseline"] for one in content["comparison"]] == ["greedy-do"] * 2
    assert content["comparison"][1]["overhead_change"]["value"] > 0.0


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("lc", "runs/lc"), "runs/lc is given twice"),
        (("lc", "runs/lc/run.db"), "is given twice"),
        (("lc", "nothing"), 'there is no run "nothing"'),
        (("lc", "."), "is not a run"),
        (("lc", ""), "nothing is given"),
        (("lc", "--baseline", "lc"), "one run has nothing to be compared with"),
        (("lc", "greedy-do", "--baseline", "nothing"), 'there is no run "nothing"'),
        (("lc", "greedy-do", "--baseline", "third"), "--baseline third is none of the runs of this report"),
        (("lc", "--html", ""), "nothing is given"),
        (("lc", "--html", "runs/lc/run.db"), "is a file of the run itself"),
    ],
)
def test_a_mistake_is_said_and_nothing_is_written(place, words, why):
    shutil.copytree(place / "runs" / "lc", place / "runs" / "third")
    record = (place / "runs" / "lc" / "run.db").read_bytes()
    result = call("report", *words, "--plots", "figures", cwd=place, code=2)
    assert why in result.stderr and result.stdout == ""
    assert sorted(path.name for path in place.iterdir()) == ["runs"]
    assert (place / "runs" / "lc" / "run.db").read_bytes() == record


@pytest.mark.parametrize("words", [("--html", "runs"), ("--html", "no/page.html"), ("--plots", "runs/lc/run.db")])
def test_what_cannot_be_written_is_said_before_any_work(place, words):
    result = call("report", "lc", *words, cwd=place, code=3)
    assert "cannot be written" in result.stderr and words[0] in result.stderr and result.stdout == ""


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
def test_a_full_disk_is_said(place):
    assert "No space left" in call("report", "lc", "--html", "/dev/full", cwd=place, code=3).stderr


def test_a_record_of_a_newer_version_is_refused_by_that_name(place):
    with contextlib.closing(sqlite3.connect(place / "runs" / "lc" / "run.db")) as db:
        db.execute("UPDATE meta SET value = '99' WHERE key = 'schema_version'")
        db.commit()
    result = call("report", "greedy-do", "lc", "--html", "page.html", cwd=place, code=2)
    assert "schema version 99" in result.stderr and not (place / "page.html").exists()


def test_a_run_without_tasks_is_reported_without_a_number_that_is_none(place):
    shutil.copytree(recorded(density=0.0, slots=5), place / "runs" / "empty")
    result = call("report", "empty", "lc", "--html", "page.html", "--plots", "figures", cwd=place)
    assert "nan" not in result.stdout.lower().split() and "no task finished" in result.stdout
    assert (
        json.loads(call("report", "empty", "lc", "--json", cwd=place).stdout)["comparison"][0]["delay_s"]["mean"]
        is None
    )


@pytest.mark.live
@pytest.mark.chaos
def test_a_run_that_was_cut_by_a_kill_has_a_page_where_it_lies_and_where_nobody_may_write(tmp_path):
    process = begin(tmp_path, "--slots", "400")
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=PATIENCE_S)
    copy = tmp_path / "copy" / "r"
    copy.mkdir(parents=True)
    for name in ("run.db", "run.db-wal", "scenario.yaml", "workload.csv"):
        if (tmp_path / "r" / name).exists():
            shutil.copy(tmp_path / "r" / name, copy / name)
            (copy / name).chmod(0o444)
    copy.chmod(0o555)
    try:
        call("report", str(copy), "--html", "copy.html", cwd=tmp_path)
    finally:
        copy.chmod(0o755)
    call("report", "r", "--html", "page.html", "--plots", "figures", cwd=tmp_path)
    for name in ("page.html", "copy.html"):
        result = Page((tmp_path / name).read_text()).text
        assert "Ended: interrupted, after" in result and "not graded" in result and " nan " not in result.lower()
