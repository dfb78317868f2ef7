"""The record: upserts, concurrent readers, survival of a kill."""

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
from collections import namedtuple

import msgspec
import psutil
import pytest

from testbed.model.errors import StartError
from testbed.protocol.rows import EventRow, TaskRow
from testbed.record import file_system
from testbed.record.writer import SCHEMA_VERSION, Recorder

ROW = TaskRow(
    ue="ue-1-1", number=0, cell=1, generated_ns=0, input_bits=8, cycles=9, deadline_ns=10, state="decided", choice=1
)


def read(path, query):
    with contextlib.closing(sqlite3.connect(path)) as db:
        return db.execute(query).fetchall()


def test_a_final_row_replaces_the_decided_one_and_never_the_other_way_round(tmp_path):
    recorder = Recorder(tmp_path / "run.db", {"seed": 7})
    final = msgspec.structs.replace(ROW, state="completed", finished_ns=5)
    recorder.add([ROW, final])
    recorder.add([ROW, EventRow(1, "es-1", "died")])
    recorder.close()
    assert read(tmp_path / "run.db", "SELECT state, finished_ns FROM tasks") == [("completed", 5)]
    assert read(tmp_path / "run.db", "SELECT kind FROM events") == [("died",)]
    meta = dict(read(tmp_path / "run.db", "SELECT * FROM meta"))
    assert meta == {"schema_version": str(SCHEMA_VERSION), "seed": "7"}
    assert os.listdir(tmp_path) == ["run.db"]


def test_what_was_recorded_of_a_task_is_at_hand_before_it_is_committed(tmp_path):
    recorder = Recorder(tmp_path / "run.db")
    rejected = msgspec.structs.replace(ROW, rejected=True, energy_j=0.25)
    recorder.add([rejected])
    assert repr(recorder.task("ue-1-1", 0)) == repr(rejected)
    assert recorder.task("ue-1-1", 1) is None and recorder.task("ue-1-2", 0) is None
    recorder.close()


def test_readers_see_committed_rows_while_it_runs(tmp_path):
    recorder = Recorder(tmp_path / "run.db")
    recorder.add([ROW])
    recorder.commit()
    assert read(tmp_path / "run.db", "SELECT count(*) FROM tasks") == [(1,)]
    recorder.close()


def test_whoever_reads_while_it_is_closed_keeps_reading_and_costs_the_run_nothing(tmp_path):
    recorder = Recorder(tmp_path / "run.db", {"seed": 7})
    with contextlib.closing(sqlite3.connect(tmp_path / "run.db", isolation_level=None)) as reader:
        reader.execute("BEGIN")
        assert reader.execute("SELECT count(*) FROM tasks").fetchone() == (0,)
        recorder.add([ROW])
        recorder.close()
        again = Recorder(tmp_path / "run.db", {"reason": ""})
        again.close()
        assert reader.execute("SELECT count(*) FROM tasks").fetchone() == (0,)
    assert read(tmp_path / "run.db", "SELECT count(*) FROM tasks") == [(1,)]
    Recorder(tmp_path / "run.db").close()
    assert os.listdir(tmp_path) == ["run.db"]


def test_a_full_disk_is_a_clear_error_wherever_it_shows(tmp_path):
    recorder = Recorder(tmp_path / "run.db")
    recorder._db.execute("PRAGMA max_page_count = 1")
    with pytest.raises(StartError, match="disk is full"):
        recorder.put({"much": "x" * 1_000_000})
    for more in (recorder.commit, recorder.close):  # SQLite has given up the transaction
        with pytest.raises(StartError, match="disk is full"):
            more()


def test_committed_rows_survive_a_kill(tmp_path):
    code = (
        "import sys; from pathlib import Path; from testbed.record.writer import Recorder;"
        "from testbed.protocol.rows import EventRow;"
        f"r = Recorder(Path({str(tmp_path / 'run.db')!r})); r.add([EventRow(1, 'a', 'b')]); r.commit();"
        "print('ready', flush=True); sys.stdin.read()"
    )
    child = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdin is not None and child.stdout is not None
    try:
        assert child.stdout.readline() == b"ready\n"
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()
        child.stdin.close()
        child.stdout.close()
    assert read(tmp_path / "run.db", "SELECT kind FROM events") == [("b",)]


def test_an_unwritable_place_is_a_clear_error(tmp_path):
    with pytest.raises(StartError, match="cannot write the record"):
        Recorder(tmp_path / "missing" / "run.db")


def test_rows_at_hand_are_seen_all_at_once_or_never(tmp_path):
    path = tmp_path / "run.db"
    Recorder(path, {"seed": 7}).close(ended=False)
    row = EventRow(1, "es-1", "died")

    def interrupted():
        yield from [row] * 5000
        raise KeyboardInterrupt

    def add(recorder):
        recorder.add([row])
        recorder.add(interrupted())

    with pytest.raises(KeyboardInterrupt), Recorder.whole(path) as recorder:
        add(recorder)
    assert events(path) == [] and events(path, "meta") != []
    with Recorder.whole(path) as recorder:
        for _ in range(3):
            recorder.add([row])
            recorder._committed_ns -= 10**9
        assert events(path) == []
        recorder.put({"reason": ""})
    assert len(events(path)) == 3


def events(path, table="events"):
    """What another connection sees."""
    with contextlib.closing(sqlite3.connect(path)) as db:
        return db.execute(f"SELECT * FROM {table}").fetchall()


@pytest.mark.parametrize(
    ("kind", "networked"), [("nfs4", True), ("cifs", True), ("fuse.sshfs", True), ("ext4", False), ("overlay", False)]
)
def test_where_a_file_lies_is_told_by_the_nearest_mount(tmp_path, monkeypatch, kind, networked):
    home = tmp_path / "home"
    home.mkdir()
    mounts = [namedtuple("mount", "mountpoint fstype")(*one) for one in (("/", "ext4"), (str(home), kind))]
    monkeypatch.setattr(psutil, "disk_partitions", lambda **_: mounts)
    assert file_system.is_networked(home / "r" / "run.db") is networked
    assert file_system.is_networked(tmp_path / "run.db") is False


@pytest.mark.parametrize("networked", [False, True])
def test_over_a_network_there_is_no_write_ahead_log_and_readers_see_committed_rows_all_the_same(
    tmp_path, monkeypatch, networked
):
    monkeypatch.setattr(file_system, "is_networked", lambda _: networked)
    path = tmp_path / "run.db"
    recorder = Recorder(path)
    assert read(path, "PRAGMA journal_mode") == [("delete" if networked else "wal",)]
    recorder.add([ROW])
    recorder.commit()
    assert read(path, "SELECT number FROM tasks") == [(0,)]
    assert ("run.db-wal" in os.listdir(tmp_path)) is not networked
    recorder.add([msgspec.structs.replace(ROW, number=1)])
    recorder.close()
    assert read(path, "SELECT number FROM tasks") == [(0,), (1,)] and os.listdir(tmp_path) == ["run.db"]
