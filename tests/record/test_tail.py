"""A record followed while it is written: nothing twice, nothing lost, an ended task again."""

import pytest
from msgspec.structs import replace

from testbed.model.errors import UsageError
from testbed.model.task import COMPLETED, DECIDED
from testbed.protocol.rows import EventRow, TaskRow
from testbed.record import directory
from testbed.record.tail import Tail
from testbed.record.writer import Recorder


def task(number, state):
    return TaskRow(
        ue="ue-1-1", number=number, cell=0, generated_ns=number, input_bits=1, cycles=1, deadline_ns=1, state=state
    )


def test_rows_come_once_and_a_task_again_when_it_has_ended(tmp_path):
    recorder = Recorder(tmp_path / directory.RECORD, {"run": "r"})
    tail = Tail(tmp_path)
    assert tail.news().rows == []
    first, second = task(0, DECIDED), task(1, DECIDED)
    recorder.add([first, second, EventRow(5, "es-1", "ready")])
    recorder.commit()
    news = tail.news()
    assert news.rows == [first, second, EventRow(5, "es-1", "ready")] and news.meta["run"] == "r"
    assert tail.news().rows == []
    done = replace(second, state=COMPLETED)
    recorder.add([done])
    recorder.put({"reason": ""})
    recorder.commit()
    news = tail.news()
    assert news.rows == [done] and news.meta["reason"] == ""
    recorder.close()
    assert tail.news().rows == []


def test_many_open_tasks_are_asked_about_in_parts(tmp_path):
    recorder = Recorder(tmp_path / directory.RECORD)
    tail = Tail(tmp_path)
    recorder.add([task(number, DECIDED) for number in range(1200)])
    recorder.commit()
    assert len(tail.news().rows) == 1200
    recorder.add([task(number, COMPLETED) for number in range(1200)])
    recorder.close()
    assert [row.number for row in tail.news().rows if isinstance(row, TaskRow)] == list(range(1200))


def test_what_is_no_record_or_newer_is_refused(tmp_path):
    with pytest.raises(UsageError, match="does not exist"):
        Tail(tmp_path).news()
    (tmp_path / directory.RECORD).write_bytes(b"no database" * 100)
    with pytest.raises(UsageError):
        Tail(tmp_path).news()
    (tmp_path / directory.RECORD).unlink()
    Recorder(tmp_path / directory.RECORD, {"schema_version": 99}).close()
    with pytest.raises(UsageError, match="version 99"):
        Tail(tmp_path).news()
