"""What a host may run out of while a run goes on: the run ends in order, says why, and keeps what was recorded."""

import resource
import sqlite3
from contextlib import closing

import pytest

from testbed.model.exit_codes import EXIT_START
from tests.chaos.support import LITTLE, begin, end, left, stop
from tests.command import document, start

pytestmark = [pytest.mark.live, pytest.mark.chaos]


def limited(what, most):
    """Lets a process that is about to be started have no more than ``most`` of ``what``."""
    return lambda: resource.setrlimit(what, (most, most))


def test_a_record_that_cannot_grow_ends_the_run_and_what_was_written_is_whole(tmp_path):
    """As on a full disk: the kernel refuses to let any file of the run become larger."""
    options = (*LITTLE, "--slots", "400", "--plain", "--out", "r")
    process = start("run", "smoke", *options, cwd=tmp_path, preexec_fn=limited(resource.RLIMIT_FSIZE, 120_000))
    try:
        _, err = end(process, EXIT_START)
    finally:
        stop(process)
    assert "cannot write the record" in err and "check free space" in err
    assert left(tmp_path / "r") == [] and not (tmp_path / "r" / "sock").exists()
    with closing(sqlite3.connect(tmp_path / "r" / "run.db")) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    found = document("report", "r", cwd=tmp_path)
    assert found["ended"] == "interrupted" and found["tasks"]["unaccounted"] == 0 and found["tasks"]["generated"] > 0


def test_a_run_that_may_not_open_enough_files_says_so_before_it_begins(tmp_path):
    options = (*LITTLE, "--slots", "4", "--plain", "--out", "r")
    process = start("run", "smoke", *options, cwd=tmp_path, preexec_fn=limited(resource.RLIMIT_NOFILE, 40))
    _, err = end(process, EXIT_START)
    assert "the limit is 40 (`ulimit -Hn`)" in err and "raise it to" in err
    assert left(tmp_path / "r") == []


def test_a_line_of_garbage_among_the_requests_does_not_end_a_run(tmp_path):
    process = begin(tmp_path, "--slots", "30")
    try:
        with open(tmp_path / "r" / "faults.jsonl", "ab") as file:
            file.write(b'{"do": "ki\xffll", "name": "es-1"}\n{"x": ' + b"[" * 5000 + b"\n")
        end(process, 0)
    finally:
        stop(process)
    found = document("report", "r", cwd=tmp_path)
    assert found["ended"] == "drained" and found["tasks"]["unaccounted"] == 0
