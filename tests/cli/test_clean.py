"""`clean` removes runs below `runs/` that were named, and nothing else."""

import pytest

from testbed.record import directory
from tests.command import call


def make_run(folder):
    """A directory that holds a record, which is all that makes it a run."""
    folder.mkdir(parents=True)
    (folder / directory.RECORD).touch()
    (folder / "notes.txt").write_text("mine")
    return folder


def test_a_negative_number_of_runs_to_keep_is_refused(tmp_path):
    run = make_run(tmp_path / "runs" / "a")
    result = call("clean", "--keep", "-1", "--yes", cwd=tmp_path, code=2)
    assert "--keep -1" in result.stderr and run.is_dir()


@pytest.mark.parametrize("arguments", ["run.db", "./run.db", "."])
def test_a_record_or_the_working_directory_is_not_taken_for_a_run_to_remove(tmp_path, arguments):
    run = make_run(tmp_path / "runs" / "a")
    call("clean", arguments, "--yes", cwd=run, code=2)
    assert (run / "notes.txt").read_text() == "mine" and (run / directory.RECORD).is_file()


@pytest.mark.parametrize("arguments", ["../other", "runs/../../other", "runs", "runs/link", "link", "runs/a/run.db"])
def test_only_what_lies_below_runs_is_removed(tmp_path, arguments):
    here, other = tmp_path / "here", make_run(tmp_path / "other")
    make_run(here / "runs" / "a")
    (here / "runs" / directory.RECORD).touch()
    (here / "runs" / "link").symlink_to(other)
    call("clean", arguments, "--yes", cwd=here, code=2)
    assert (other / "notes.txt").is_file() and (here / "runs" / "a" / "notes.txt").is_file()


def test_a_link_below_runs_is_not_among_all_runs(tmp_path):
    other = make_run(tmp_path / "other")
    make_run(tmp_path / "here" / "runs" / "a")
    (tmp_path / "here" / "runs" / "link").symlink_to(other)
    assert "removed 1 run\n" in call("clean", "--yes", cwd=tmp_path / "here").stdout
    assert (other / "notes.txt").is_file()


def test_runs_may_be_a_link_to_a_larger_disk(tmp_path):
    run = make_run(tmp_path / "disk" / "a")
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "runs").symlink_to(tmp_path / "disk")
    assert "removed 1 run\n" in call("clean", "a", "--yes", cwd=tmp_path / "here").stdout
    assert not run.exists()


def test_one_run_named_twice_is_one_run(tmp_path):
    make_run(tmp_path / "runs" / "a")
    assert "removed 1 run\n" in call("clean", "a", "runs/a", "runs/../runs/a", "--yes", cwd=tmp_path).stdout


def test_what_goes_is_named_before_and_after(tmp_path):
    for name in ("a", "b\x1b[2J"):
        make_run(tmp_path / "runs" / name)
    asked = call("clean", cwd=tmp_path, code=2).stdout
    assert "runs/a: 2 files, 4 B" in asked and "runs/b\\x1b[2J" in asked and "\x1b" not in asked
    output = call("clean", "--yes", cwd=tmp_path).stdout
    assert "runs/a: removed" in output and "runs/b\\x1b[2J: removed" in output
