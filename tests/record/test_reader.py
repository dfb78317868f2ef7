"""Records of older versions, of other folders, of nobody: read whole, or refused with what is missing."""

import contextlib
import os
import shutil
import sqlite3
import tempfile
from pathlib import Path

import pytest

from testbed.experiments import rounds, runner
from testbed.model.errors import UsageError
from testbed.protocol.rows import EventRow, Row, UpdateRow
from testbed.record import database, reader
from testbed.record.writer import TABLES, Recorder
from tests.command import call

NOBODY = 65534


def make_run(folder):
    call("run", "smoke", "--backend", "sim", "--slots", "5", "--out", "r", cwd=folder)
    return folder / "r"


def alter(file, *statements):
    with contextlib.closing(sqlite3.connect(file)) as db:
        for statement in statements:
            db.execute(statement)
        db.commit()


def test_a_record_without_a_column_is_refused_by_that_columns_name(tmp_path):
    run = make_run(tmp_path)
    alter(
        run / "run.db",
        "ALTER TABLE tasks DROP COLUMN overhead",
        "UPDATE meta SET value = '0' WHERE key = 'schema_version'",
    )
    for verb in ("report", "export"):
        result = call(verb, "r", cwd=tmp_path, code=2).stderr
        assert "schema version 0" in result and "table tasks has no column overhead" in result
    assert "testbed replay r --on sim" in result
    assert "8 tasks in 5 slots" in call("replay", "r", "--on", "sim", cwd=tmp_path).stdout


def test_many_columns_are_counted(tmp_path):
    run = make_run(tmp_path)
    alter(run / "run.db", "DROP TABLE slots", "CREATE TABLE slots (es TEXT, slot INTEGER)")
    result = call("report", "r", cwd=tmp_path, code=2).stderr
    assert "table slots has no column at_ns, backlog_ns, waiting, own_cycles, forwarded_cycles and 3 more" in result


def test_a_table_that_came_later_is_said_to_be_unknown(tmp_path):
    run = make_run(tmp_path)
    drop = "DROP TABLE updates"
    alter(run / "run.db", drop)
    assert "has no table updates" in call("report", "r", cwd=tmp_path, code=2).stderr
    alter(run / "run.db", "UPDATE meta SET value = '0' WHERE key = 'schema_version'")
    read = reader.read_run(run)
    assert read.record.missing == ("updates",) and read.record.updates == [] and read.record.tasks
    assert any("recorded no updates" in warning for warning in runner.summary_of(read).warnings)


@pytest.mark.parametrize("version", ["true", "1.5", '"1"'])
def test_a_version_that_is_no_number_makes_no_record(tmp_path, version):
    run = make_run(tmp_path)
    alter(run / "run.db", f"UPDATE meta SET value = '{version}' WHERE key = 'schema_version'")
    with pytest.raises(UsageError, match="not the record of a run"):
        reader.read_run(run)


def test_a_value_of_another_type_is_damage(tmp_path):
    run = make_run(tmp_path)
    alter(run / "run.db", "UPDATE tasks SET finished_ns = 'soon' WHERE number = 0")
    result = call("report", "r", cwd=tmp_path, code=2).stderr
    assert "cannot be read: table tasks" in result and "damaged" in result


def test_every_row_comes_back_as_it_was_written(tmp_path):
    rows: list[Row] = [
        EventRow(5, "es-1", "died", "fault", 1.5),
        UpdateRow(
            at_ns=7, learner="learner", version=3, loss=0.1, entropy=0.2, reward=-1.0, updates=9, lag=0.5, rate=2.0
        ),
    ]
    recorder = Recorder(tmp_path / "run.db")
    recorder.add(rows)
    recorder.close()
    result = reader.read_record(tmp_path / "run.db")
    assert [*result.events, *result.updates] == rows and set(result.__struct_fields__) > set(TABLES.values())


@contextlib.contextmanager
def unwritable_folder():
    """A folder whose files can be read by a user who may write nothing there, and that user's rights."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        try:
            yield folder
        finally:
            os.seteuid(0) if os.getuid() == 0 else folder.chmod(0o700)


def give_up_rights(folder):
    """Read-only for whoever runs this: a stranger, if that is the superuser."""
    for file in folder.iterdir():
        file.chmod(0o444)
    folder.chmod(0o555)
    if os.getuid() == 0:
        os.seteuid(NOBODY)


def crashed(folder, rows):
    """What a kill −9 leaves, copied elsewhere: a record whose last rows are in its log only."""
    recorder = Recorder(folder / "live.db", {"policy": "lc"})
    recorder.add(rows)
    recorder.commit()
    for log in ("", "-wal"):
        shutil.copyfile(folder / f"live.db{log}", folder / f"run.db{log}")
    recorder.close()
    return folder / "run.db"


def test_a_log_in_a_folder_that_cannot_be_written_is_read_too():
    rows = [EventRow(at, "es-1", "died") for at in range(50)]
    with unwritable_folder() as folder:
        file = crashed(folder, rows)
        give_up_rights(folder)
        assert reader.read_record(file).events == rows
        assert reader.read_meta(file)["policy"] == "lc"


def test_a_log_that_cannot_be_read_is_said_to_be_missing():
    with unwritable_folder() as folder:
        file = crashed(folder, [EventRow(1, "es-1", "died")])
        give_up_rights(folder)
        with contextlib.ExitStack() as stack:
            if os.getuid() == 0:
                os.seteuid(0)
                stack.callback(os.seteuid, 0)
            (folder / "run.db-wal").chmod(0)
            if os.getuid() == 0:
                os.seteuid(NOBODY)
            with pytest.raises(UsageError, match=r"run.db-wal cannot be read .*last rows"):
                reader.read_record(file)


def test_a_record_that_changes_while_it_is_copied_is_not_taken_half(tmp_path, monkeypatch):
    file = tmp_path / "run.db"
    Recorder(file).close()
    (tmp_path / "copy").mkdir()
    stamps = iter(range(10**6))
    monkeypatch.setattr(database, "_stamps", lambda path: {path: (next(stamps), 0)})
    with pytest.raises(UsageError, match="is being written"):
        database._copied(file, tmp_path / "copy")


def test_escapes_in_a_record_are_shown_and_not_sent(tmp_path):
    run = make_run(tmp_path)
    alter(
        run / "run.db",
        "UPDATE tasks SET reason = 'a' || char(27) || '[2Jb', state = 'failed' WHERE number = 0",
        "UPDATE meta SET value = 'lc' || char(27) || ']0;x' || char(7) WHERE key = 'policy'",
    )
    read = reader.read_run(run)
    assert read.policy == "lc\\x1b]0;x\\x07"
    assert {row.reason for row in read.record.tasks if row.number == 0} == {"a\\x1b[2Jb"}
    assert "\x1b" not in call("report", "r", cwd=tmp_path, code=None).stdout


def test_a_recorded_task_that_the_workload_lacks_is_unaccounted_for(tmp_path):
    other = make_run(tmp_path)
    run = tmp_path / "short"
    shutil.copytree(other, run)
    lines = (run / "workload.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    (run / "workload.csv").write_text("".join(lines[:-1]), encoding="utf-8")
    read = reader.read_run(run)
    summary = runner.summary_of(read)
    assert summary.tasks["unaccounted"] == 1 and "never generated" in summary.problems[0]
    assert "unaccounted" in rounds.doubts([read, reader.read_run(other)])[0]
    assert not rounds.doubts([reader.read_run(other)])


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ("UPDATE meta SET value = 'x' WHERE key = 'end_ns'", "end_ns"),
        ("UPDATE meta SET value = 'NaN' WHERE key = 'speed'", "speed"),
        ("UPDATE tasks SET energy_j = 9e999", "energy_j"),
    ],
)
def test_what_is_no_number_is_damage(tmp_path, change, why):
    run = make_run(tmp_path)
    alter(run / "run.db", change)
    with pytest.raises(UsageError, match=why):
        reader.read_run(run)


def test_a_run_without_its_scenario_is_refused_by_name(tmp_path):
    run = make_run(tmp_path)
    (run / "scenario.yaml").unlink()
    with pytest.raises(UsageError, match="has no scenario"):
        reader.read_run(run)
