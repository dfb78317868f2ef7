"""Simulations that are recorded and summed up in stretches: the same to the byte, in memory that does not grow."""

import signal
import tracemalloc

import msgspec
import pytest

from testbed.cli.main import main
from testbed.experiments import runner, streamed
from testbed.experiments.runner import Order
from testbed.experiments.streamed import Summed
from testbed.model import task as model_task
from testbed.model.system import Fault
from testbed.model.task import INTERRUPTED, TasksInTurn, TaskTable
from testbed.record import directory, reader
from testbed.record.backends import SIM
from testbed.record.reader import RecordedRun
from testbed.scenario import workload as tables
from testbed.scenario.load import load_scenario
from testbed.trace import inputs, lines, table_file
from testbed.trace.by_ue import by_ue
from testbed.trace.table_file import TableFile

REWARDS = ("holding", "paper")


def order_of(out, *changes, workload=None, policy="greedy-do"):
    resolved = inputs.resolve(load_scenario("region", list(changes)))
    tasks = inputs.generate(resolved.scenario, resolved.system) if workload is None else workload(resolved.system)
    return Order(resolved=resolved, workload=tasks, policy=policy, backend=SIM, out=str(out / "run"))


def tables_of(path):
    record = msgspec.structs.asdict(reader.read_record(path / directory.RECORD))
    return {name: list(rows) for name, rows in record.items() if name not in ("meta", "missing")}


@pytest.mark.parametrize(
    "changes",
    [
        ("slots=80", "cells=[{ues: 5}, {ues: 4, es: {queue_limit: 1}}, {ues: 3}]", "agent.reward=holding"),
        ("slots=40", "agent.reward=paper"),
        ("slots=30", "agent.epoch=arrival"),
    ],
)
def test_record_and_summary_are_those_of_rows_that_were_kept(tmp_path, monkeypatch, changes):
    order = order_of(tmp_path / "kept", *changes)
    whole = runner.execute(order)
    assert isinstance(whole, RecordedRun) and whole.tasks
    summary = msgspec.to_builtins(runner.summary_of(whole))
    for every in (7, 10**9):
        monkeypatch.setattr(streamed, "ROWS_IN_A_STRETCH", every)
        summed = runner.perform(msgspec.structs.replace(order, out=str(tmp_path / str(every) / "run")))
        assert isinstance(summed, Summed)
        assert msgspec.to_builtins(summed.summary) == summary
        assert tables_of(summed.path) == tables_of(whole.path)
        ended = (reader.read_meta(path / directory.RECORD) for path in (summed.path, whole.path))
        assert len({(meta["reason"], meta["end_ns"]) for meta in ended}) == 1


def test_a_run_that_was_broken_off_accounts_for_what_came(tmp_path, monkeypatch):
    monkeypatch.setattr(runner, "PROGRESS_EVENTS", 300)
    monkeypatch.setattr(streamed, "ROWS_IN_A_STRETCH", 50)
    order, seen = order_of(tmp_path, "slots=60"), []

    def broken_off(progress):
        signal.raise_signal(signal.SIGINT)
        seen.append(progress.finished)

    whole = runner.execute(msgspec.structs.replace(order, out=str(tmp_path / "kept" / "run")), broken_off)
    summed = runner.perform(order, broken_off)
    assert isinstance(summed, Summed) and seen[0] == seen[1] > 0
    summary = summed.summary
    assert summary.ended == INTERRUPTED and summary.tasks["failed"] > 0 and summary.tasks["unaccounted"] == 0
    assert summary.tasks["generated"] < len(order.workload)
    assert msgspec.json.encode(summary) == msgspec.json.encode(runner.summary_of(whole))
    assert tables_of(summed.path) == tables_of(whole.path)


def test_rows_are_kept_where_the_summary_needs_them(tmp_path):
    order = order_of(tmp_path, "slots=20")
    faults = (Fault(name="es-1", at_ns=10**9, restart_ns=3 * 10**9),)
    performed = runner.perform(msgspec.structs.replace(order, deaths=faults))
    assert isinstance(performed, RecordedRun) and runner.summary_of(performed).recovery


def test_the_file_is_the_same_to_the_byte_however_it_is_cut(tmp_path, monkeypatch):
    order, contents = order_of(tmp_path, "slots=60"), []
    monkeypatch.setattr(
        "testbed.experiments.runner.described",
        lambda *of, **more: {
            "run": "run",
            "backend": SIM,
            "burn": 0.0,
            "policy": "greedy-do",
            "speed": 1.0,
            "versions": {},
        },
    )
    for every in (11, 500, 10**9):
        monkeypatch.setattr(streamed, "ROWS_IN_A_STRETCH", every)
        path = runner.path_of(runner.perform(msgspec.structs.replace(order, out=str(tmp_path / str(every)))))
        contents.append((path / directory.RECORD).read_bytes())
    whole = runner.execute(msgspec.structs.replace(order, out=str(tmp_path / "kept"))).path
    assert contents == 3 * [(whole / directory.RECORD).read_bytes()] and len(contents[0]) > 50_000


def test_tasks_in_turn_are_those_of_each_ue_wherever_they_are(tmp_path, monkeypatch):
    monkeypatch.setattr(model_task, "ROWS_IN_TURN", 3)
    monkeypatch.setattr(table_file, "TASKS_IN_A_PART", 20)
    monkeypatch.setattr(lines, "READ_AT_ONCE", 999)
    order = order_of(tmp_path, "slots=30")
    system, tasks = order.resolved.system, TaskTable.of(order.workload)
    tables.write_csv(tmp_path / "w.csv", tasks, system)
    there = TableFile(tmp_path / "w.csv", system)
    by_ue = [[task for task in there if task.ue == ue.index] for ue in system.ues]
    for one in (TasksInTurn.of(there, len(system.ues)), TasksInTurn.of(TaskTable.of(there), len(system.ues))):
        assert [list(own) for own in one] == by_ue and [len(own) for own in one] == list(map(len, by_ue))
        assert one[0][-1] == by_ue[0][-1] and one[0][1:4] == by_ue[0][1:4]
        with pytest.raises(IndexError):
            one[0][len(by_ue[0])]


def peak(table, out, monkeypatch):
    monkeypatch.setattr(streamed, "ROWS_IN_A_STRETCH", 500)
    order = order_of(out, "slots=1500", "density=0.2", workload=lambda system: TableFile(table, system), policy="lc")
    tracemalloc.start()
    try:
        runner.perform(order)
        return tracemalloc.get_traced_memory()[1], len(order.workload)
    finally:
        tracemalloc.stop()


def test_memory_does_not_grow_with_the_workload(tmp_path, monkeypatch):
    monkeypatch.setattr(table_file, "TASKS_IN_A_PART", 200)
    monkeypatch.setattr(lines, "READ_AT_ONCE", 1 << 12)
    order = order_of(tmp_path / "any", "slots=1500", "density=0.2")
    tables.write_csv(tmp_path / "long.csv", order.workload, order.resolved.system)
    rows = (tmp_path / "long.csv").read_text().splitlines(keepends=True)
    (tmp_path / "short.csv").write_text("".join(rows[: len(rows) // 4]))
    peak(tmp_path / "short.csv", tmp_path / "first", monkeypatch)
    short, few = peak(tmp_path / "short.csv", tmp_path / "a", monkeypatch)
    long, many = peak(tmp_path / "long.csv", tmp_path / "b", monkeypatch)
    assert many > 3 * few > 1000
    assert long < 1.2 * short + 300_000


def test_a_large_table_stays_in_its_file_and_is_replayed_the_same(tmp_path, monkeypatch):
    order = order_of(tmp_path, "slots=60")
    tables.write_csv(tmp_path / "w.csv", order.workload, order.resolved.system)
    monkeypatch.chdir(tmp_path)
    assert main(["replay", "w.csv", "--on", "sim", "--out", "whole", "--json"]) == 0
    monkeypatch.setattr(table_file, "STREAMED_BYTES", 0)
    monkeypatch.setattr(table_file, "TASKS_IN_A_PART", 20)
    monkeypatch.setattr(lines, "READ_AT_ONCE", 999)
    read = []

    def noted(tasks, ues):
        read.append(ues)
        return by_ue(tasks, ues)

    monkeypatch.setattr(table_file, "by_ue", noted)
    assert main(["replay", "w.csv", "--on", "sim", "--out", "parts", "--json"]) == 0
    assert read and tables_of(tmp_path / "parts") == tables_of(tmp_path / "whole")
