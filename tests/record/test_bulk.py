"""Tables laid down as SQLite's pages: SQLite finds them sound, and reads what was written."""

import sqlite3

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from testbed.model.errors import StartError
from testbed.protocol.rows import EventRow, LinkRow, RewardRow, TaskRow, UeSlotRow
from testbed.protocol.table import ColumnTable, Labels
from testbed.record import bulk, reader, writer
from testbed.record.writer import SCHEMA_VERSION

META = {"schema_version": SCHEMA_VERSION, "policy": "lc"}
WHOLE = st.one_of(st.integers(-(2**63), 2**63 - 1), st.integers(-3, 300), st.sampled_from([2**k for k in range(62)]))
REAL = st.floats(allow_nan=False)


def rewards(whole, real):
    cell, slot, at_ns, stay_ns, decided, offloaded = (np.array(column, np.int64) for column in whole)
    columns = {"cell": cell, "slot": slot, "at_ns": at_ns, "stay_ns": stay_ns, "decided": decided}
    reward, energy = (np.array(column, np.float64) for column in real)
    return ColumnTable(RewardRow, columns | {"offloaded": offloaded, "reward": reward, "energy_j": energy})


def tasks(count):
    number = np.arange(count)
    ue = Labels([f"ue-{n}" for n in range(15)], (number % 15).astype(np.int32))
    state = Labels(["completed", "late"], (number % 2).astype(np.int8))
    columns: dict[str, Labels | NDArray[np.int64]] = {
        "ue": ue,
        "state": state,
        "number": number // 15,
        "cell": number % 3,
    }
    for name in ("generated_ns", "input_bits", "cycles", "deadline_ns"):
        columns[name] = number * 1_000_003
    return ColumnTable(TaskRow, columns)


def sound(file):
    db = sqlite3.connect(file)
    assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    return db


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(*[WHOLE] * 6, *[REAL] * 2), max_size=40))
def test_any_number_is_read_as_it_was_written(tmp_path_factory, rows):
    file = tmp_path_factory.mktemp("run") / "run.db"
    columns = list(zip(*rows, strict=True)) or [()] * 8
    bulk.write(file, META, [rewards(columns[:6], columns[6:])], [])
    names = "cell, slot, at_ns, stay_ns, decided, offloaded, reward, energy_j"
    found = sound(file).execute(f"SELECT {names}, typeof(reward) FROM rewards ORDER BY rowid").fetchall()
    assert found == [(*row, "real") for row in rows]


@pytest.mark.parametrize("count", [0, 1, 15, 16, 1000, 30_000])
def test_a_table_of_any_size_is_sound_and_its_tasks_are_found_by_name(tmp_path, count):
    file = tmp_path / "run.db"
    bulk.write(file, META, [tasks(count)], [EventRow(3, "controller", "policy_error", "why " * 2000)])
    with sound(file) as db:
        assert db.execute("SELECT count(*) FROM tasks").fetchone() == (count,)
        plan = db.execute("EXPLAIN QUERY PLAN SELECT * FROM tasks WHERE ue = 'ue-7' AND number = 1").fetchall()
        assert "sqlite_autoindex_tasks_1" in plan[0][3]
        found = db.execute("SELECT rowid FROM tasks WHERE ue = 'ue-7' AND number = 1").fetchall()
        assert found == ([(23,)] if count > 22 else [])
    record = reader.read_record(file)
    assert list(record.tasks) == list(tasks(count)) and len(record.events) == 1
    assert record.meta["policy"] == "lc"


def test_a_tree_that_has_just_grown_is_sound(tmp_path, monkeypatch):
    """With room for three children a page, every shape of a tree occurs, those too in which one child would be left."""
    monkeypatch.setattr(bulk, "CHILD", 4096 // 4)
    for leaves in range(1, 30):
        count = 20 * leaves
        file = tmp_path / f"{leaves}.db"
        bulk.write(file, META, [tasks(count)], [])
        with sound(file) as db:
            assert db.execute("SELECT count(*), max(rowid) FROM tasks").fetchone() == (count, count)


def test_a_deep_tree_keeps_the_order_of_its_rows(tmp_path):
    count = 100_000
    ue = Labels(["ue-1-1"], np.broadcast_to(np.int32(0), count))
    names = ("slot", "at_ns", "queue_ns", "radio_wait_ns", "present", "undecided")
    columns = {name: np.arange(count) * 10**12 for name in names}
    bulk.write(tmp_path / "run.db", META, [ColumnTable(UeSlotRow, columns | {"ue": ue})], [])
    with sound(tmp_path / "run.db") as db:
        assert [slot for (slot,) in db.execute("SELECT slot FROM ue_slots")] == columns["slot"].tolist()
        assert db.execute("SELECT slot FROM ue_slots WHERE rowid = 77777").fetchone() == (77776 * 10**12,)


def test_more_can_be_written_to_the_file_as_to_any_other(tmp_path):
    bulk.write(tmp_path / "run.db", META, [tasks(100)], [])
    recorder = writer.Recorder(tmp_path / "run.db")
    recorder.add([next(iter(tasks(1))), EventRow(1, "es-1", "died")])
    recorder.close()
    assert sound(tmp_path / "run.db").execute("SELECT count(*) FROM tasks").fetchone() == (100,)


def test_the_page_of_sqlites_locks_is_left_out(tmp_path):
    writer.Recorder(tmp_path / "run.db", logged=False).close()
    file = bulk.BulkFile(tmp_path / "run.db")
    first = file.count + 1
    file._locked = first + 2
    file.append(np.zeros((4, file.size), np.uint8))
    file.append(np.zeros((1, file.size), np.uint8))
    assert file.count == first + 5
    assert file.numbers(first, 5).tolist() == [first, first + 1, first + 3, first + 4, first + 5]
    assert file.numbers(first + 2, 2).tolist() == [first + 3, first + 4]
    assert file.numbers(first + 3, 2).tolist() == [first + 3, first + 4]
    file._file.close()


@pytest.mark.parametrize("size", [1, 13, 700, 10_000])
def test_a_record_is_the_same_to_the_byte_however_its_rows_are_cut(tmp_path, size):
    whole, slots, count = tasks(3000), rewards([range(5000)] * 6, [[0.5] * 5000] * 2), 5000
    event = EventRow(3, "controller", "policy_error")
    bulk.write(tmp_path / "whole.db", META, [whole, slots], [event])
    with bulk.writing(tmp_path / "cut.db", META) as record:
        for first in range(0, count, size):
            record.add(slots.take(slice(first, first + size)))
            record.add(whole.take(slice(first, first + size)))
        record.events.append(event)
    assert (tmp_path / "cut.db").read_bytes() == (tmp_path / "whole.db").read_bytes()
    assert sound(tmp_path / "cut.db").execute("SELECT max(rowid) FROM rewards").fetchone() == (count,)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cut.db", "whole.db"]


def test_who_reads_the_record_before_goes_on_reading_it(tmp_path):
    writer.Recorder(tmp_path / "run.db", META, logged=False).close()
    with sqlite3.connect(tmp_path / "run.db") as before:
        before.execute("BEGIN")
        assert before.execute("SELECT count(*) FROM tasks").fetchone() == (0,)
        bulk.write(tmp_path / "run.db", META, [tasks(50)], [])
        assert before.execute("SELECT count(*) FROM tasks").fetchone() == (0,)
    assert sound(tmp_path / "run.db").execute("SELECT count(*) FROM tasks").fetchone() == (50,)
    assert [path.name for path in tmp_path.iterdir()] == ["run.db"]


def test_a_record_that_cannot_be_written_leaves_the_one_before(tmp_path):
    class Broken(ColumnTable[LinkRow]):
        def column(self, name):
            raise OSError(28, "No space left on device")

    writer.Recorder(tmp_path / "run.db", META, logged=False).close()
    with pytest.raises(StartError, match="No space left"):
        bulk.write(tmp_path / "run.db", META, [Broken(LinkRow, {}, 3)], [])
    assert reader.read_record(tmp_path / "run.db").meta["policy"] == "lc"
    assert [path.name for path in tmp_path.iterdir()] == ["run.db"]
