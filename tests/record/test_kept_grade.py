"""A run's grade is kept beside its record, holds for that record alone, and hurts nobody where it cannot be kept."""

import contextlib
import os
import shutil
import tempfile
from pathlib import Path

import pytest

from testbed.experiments import runner
from testbed.model.task import INTERRUPTED
from testbed.record import directory, kept_grade, reader
from testbed.record.kept_grade import GRADE_FILE, KeptGrade
from testbed.record.writer import Recorder
from tests.command import call

NOBODY = 65534


@pytest.fixture(scope="module")
def recorded_folder(tmp_path_factory):
    """A run that was simulated, and summarised."""
    place = tmp_path_factory.mktemp("verdict")
    call("run", "smoke", "--backend", "sim", "--out", "r", cwd=place)
    return place / "r"


@pytest.fixture
def run(recorded_folder, tmp_path):
    """A copy of it."""
    return Path(shutil.copytree(recorded_folder, tmp_path / "r"))


def test_a_summary_leaves_its_grade_which_a_copy_keeps(run):
    summary = runner.summary_of(reader.read_run(run))
    assert kept_grade.read_grade(run) == KeptGrade("exact", summary.overhead.mean)
    assert kept_grade.overhead_so_far(run / directory.RECORD) == summary.overhead.mean


def test_a_grade_is_not_that_of_a_record_that_changed(run):
    recorder = Recorder(run / directory.RECORD)
    recorder.put({"reason": INTERRUPTED})
    recorder.close()
    assert kept_grade.read_grade(run) is None
    runner.summary_of(reader.read_run(run))
    assert kept_grade.read_grade(run) is not None


def test_a_run_that_goes_on_has_no_grade(run, monkeypatch):
    (run / GRADE_FILE).unlink()
    monkeypatch.setattr(reader, "is_running", lambda meta, file: True)
    record = reader.read_record(run / directory.RECORD)
    del record.meta["reason"]
    going = reader.read_run(run)
    runner.summary_of(reader.assemble(run, record, going.resolved, going.workload))
    assert kept_grade.read_grade(run) is None


@pytest.mark.parametrize(
    "text", ["", "[]", '{"record": "", "verdict": {"grade": "A", "overhead": 1}}', '{"record": 1}', "x" * 2000, "\0"]
)
def test_what_is_no_grade_of_this_run_is_none(run, text):
    (run / GRADE_FILE).write_text(text)
    assert kept_grade.read_grade(run) is None


def test_a_grade_that_there_is_not_is_none(run):
    kept_grade.keep(run, KeptGrade("Z\x1b[2J", 0.5))
    assert kept_grade.read_grade(run) is None


def test_a_link_that_came_with_a_run_is_neither_read_nor_followed(run, tmp_path):
    (run / GRADE_FILE).rename(tmp_path / "elsewhere")
    (run / GRADE_FILE).symlink_to(tmp_path / "elsewhere")
    before = (tmp_path / "elsewhere").read_text()
    assert kept_grade.read_grade(run) is None
    kept_grade.keep(run, KeptGrade("A", 0.25))
    assert kept_grade.read_grade(run) == KeptGrade("A", 0.25) and (tmp_path / "elsewhere").read_text() == before


@contextlib.contextmanager
def stranger(folder):
    """Somebody who may read ``folder`` and write nothing there: another user, where this one may do everything."""
    folder.chmod(0o555)
    if os.getuid() == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if os.getuid() == 0:
            os.seteuid(0)
        folder.chmod(0o755)


def test_a_summary_of_a_run_in_a_folder_that_cannot_be_written_is_no_error(recorded_folder):
    with tempfile.TemporaryDirectory() as name:
        os.chmod(name, 0o755)
        run = Path(shutil.copytree(recorded_folder, Path(name) / "r"))
        (run / GRADE_FILE).unlink()
        with stranger(run):
            assert runner.summary_of(reader.read_run(run)).fidelity.grade == "exact"
        assert not (run / GRADE_FILE).exists()


@pytest.mark.skipif(os.getuid() != 0, reason="only the superuser can make a folder somebody else's")
def test_nothing_is_left_in_a_folder_of_somebody_elses_that_could_be_written(run):
    (run / GRADE_FILE).unlink()
    os.chown(run, NOBODY, NOBODY)
    runner.summary_of(reader.read_run(run))
    assert not (run / GRADE_FILE).exists()
