"""Runs on the twin that are recorded and summed up in stretches: the same to the byte, in memory that does not grow."""

import math
import tracemalloc

import msgspec
import pytest

from testbed.experiments import recording, runner, streamed
from testbed.experiments.runner import Order
from testbed.experiments.streamed import Summed
from testbed.model.errors import ScenarioError
from testbed.model.task import TaskTable
from testbed.policy import loading
from testbed.record import directory, reader
from testbed.record.backends import TWIN
from testbed.scenario import workload as tables
from testbed.scenario.load import load_scenario
from testbed.trace import inputs, lines, table_file
from testbed.trace.table_file import TableFile
from testbed.twin import run as twin_run
from tests.command import call, document

REWARDS = ("holding", "paper")


def resolved_of(*changes):
    return inputs.resolve(load_scenario("region", list(changes)))


def played(folder, at_once, monkeypatch, *changes):
    """The bytes of a record whose workload came so many tasks at a time, and the summary."""
    monkeypatch.setattr(streamed, "TASKS_IN_A_PART", at_once)
    monkeypatch.setattr(twin_run, "STRETCH_ROWS", 4 * at_once)
    resolved = resolved_of(*changes)
    workload = inputs.generate(resolved.scenario, resolved.system)
    policy, double = loading.load("greedy-do")
    plan = resolved.plan(workload, "greedy-do", second_offload=double, live=False)
    path = folder / "run"
    path.mkdir(parents=True)
    recording.note(path, {"run": "run", "backend": TWIN, "policy": "greedy-do"}, TWIN)
    one = streamed.PlayedPlan(path=path, plan=plan, resolved=resolved, policy=policy, choices=None)
    summed = streamed.by_twin(one, lambda result, rewards: None)
    return (path / directory.RECORD).read_bytes(), msgspec.to_builtins(summed.summary)


@pytest.mark.parametrize("reward", REWARDS)
def test_record_and_summary_are_the_same_however_the_workload_is_cut(tmp_path, monkeypatch, reward):
    changes = ["slots=120", "cells=[{ues: 5}, {ues: 4, es: {queue_limit: 1}}, {ues: 3}]", f"agent.reward={reward}"]
    whole, summary = played(tmp_path / "whole", 10**9, monkeypatch, *changes)
    assert len(whole) > 100_000 and summary["tasks"]["rejected"] > 0 and summary["tasks"]["forwarded"] > 0
    for at_once in (11, 256):
        record, result = played(tmp_path / str(at_once), at_once, monkeypatch, *changes)
        assert record == whole
        assert result == summary


def test_the_summary_is_that_of_the_record_read_back_and_rows_are_kept_for_who_wants_them(tmp_path, monkeypatch):
    monkeypatch.setattr(streamed, "TASKS_IN_A_PART", 100)
    resolved = resolved_of("slots=60")
    workload = inputs.generate(resolved.scenario, resolved.system)
    order = Order(resolved=resolved, workload=workload, policy="greedy-do", backend=TWIN, out=str(tmp_path / "a"))
    summed = runner.perform(order)
    assert isinstance(summed, Summed)
    read = reader.read_run(summed.path)
    again = msgspec.to_builtins(runner.summary_of(read))
    assert again == msgspec.to_builtins(summed.summary) and again["tasks"]["generated"] == len(workload)
    remaining = runner.execute(msgspec.structs.replace(order, out=str(tmp_path / "b")))
    for name in ("tasks", "slots", "ue_slots", "links", "rewards", "events"):
        assert list(getattr(remaining.record, name)) == list(getattr(read.record, name)), name


FAULTS = "faults=[{at: 10 s, for: 5 s, overload: cell 1 x 4}, {at: 25 s, for: 5 s, slow: es-2 to 25%}]"


def test_a_run_is_judged_by_its_recovery_as_its_report_is(tmp_path, monkeypatch):
    monkeypatch.setattr(streamed, "TASKS_IN_A_PART", 100)
    monkeypatch.setattr(twin_run, "STRETCH_ROWS", 100)
    resolved = resolved_of("slots=60", "density=0.6", FAULTS, "thresholds.mttr=< 60 s")
    workload = inputs.generate(resolved.scenario, resolved.system)
    order = Order(resolved=resolved, workload=workload, policy="greedy-do", backend=TWIN, out=str(tmp_path / "a"))
    summed = runner.perform(order)
    assert isinstance(summed, Summed)
    summary = summed.summary
    assert [one.unknown for one in summary.recovery] == ["", ""] and summary.mttr_s > 0.0
    assert [check.holds for check in summary.thresholds] == [True]
    again = runner.summary_of(reader.read_run(summed.path))
    assert (summary.recovery, summary.thresholds) == (again.recovery, again.thresholds)


def test_a_workload_without_tasks_is_summed_up_too(tmp_path):
    resolved = resolved_of("slots=3")
    order = Order(resolved=resolved, workload=TaskTable.of(()), policy="lc", backend=TWIN, out=str(tmp_path / "a"))
    summed = runner.perform(order)
    assert isinstance(summed, Summed) and math.isnan(summed.summary.delay_s.mean)
    assert summed.summary.tasks["generated"] == 0 and summed.summary.stable


def written(path, *changes):
    resolved = resolved_of(*changes)
    tables.write_csv(path, inputs.generate(resolved.scenario, resolved.system), resolved.system)
    return resolved.system


def test_a_large_table_stays_in_its_file_and_is_replayed_the_same(tmp_path, monkeypatch):
    written(tmp_path / "w.csv", "slots=200")
    call("replay", "w.csv", "--on", "twin", "--out", "whole", "--plain", cwd=tmp_path)
    monkeypatch.setattr(table_file, "STREAMED_BYTES", 0)
    monkeypatch.setattr(table_file, "TASKS_IN_A_PART", 50)
    monkeypatch.setattr(lines, "READ_AT_ONCE", 999)
    monkeypatch.chdir(tmp_path)
    order_of(tmp_path / "w.csv", tmp_path / "parts")
    for name in ("tasks", "slots", "ue_slots", "links", "rewards"):
        result, known = (getattr(reader.read_record(tmp_path / run / "run.db"), name) for run in ("parts", "whole"))
        assert list(result) == list(known), name
    assert (tmp_path / "parts" / "workload.csv").read_bytes() == (tmp_path / "w.csv").read_bytes()


def order_of(table, out):
    """Replay ``table`` in this process, from its file."""
    resolved = resolved_of("slots=200")
    workload = table_file.read(table, resolved.system)
    assert isinstance(workload, TableFile)
    runner.perform(Order(resolved=resolved, workload=workload, policy="greedy-do", backend=TWIN, out=str(out)))


def test_tables_in_order_are_read_part_by_part_and_others_as_a_whole(tmp_path, monkeypatch):
    system = written(tmp_path / "w.csv", "slots=100")
    monkeypatch.setattr(table_file, "TASKS_IN_A_PART", 20)
    monkeypatch.setattr(lines, "READ_AT_ONCE", 999)
    whole = TaskTable.of(tables.read_csv(tmp_path / "w.csv", system))
    tasks = TableFile(tmp_path / "w.csv", system)
    assert tasks.is_sorted and len(tasks) == len(whole) and tasks.last_ns == whole[-1].generated_ns
    assert list(tasks) == list(whole) and tasks[3] == whole[3] and tasks[-1] == whole[-1]
    assert max(len(part) for part in tasks.parts()) < 100 and TaskTable.of(tasks) == whole
    text = (tmp_path / "w.csv").read_text()
    (tmp_path / "spaced.csv").write_text("\n\n" + text.replace(",", ", ").replace("\n", "\r\n"))
    assert TaskTable.of(TableFile(tmp_path / "spaced.csv", system)) == whole
    head, *rows = text.splitlines(keepends=True)
    (tmp_path / "back.csv").write_text(head + "".join(reversed(rows)))
    assert not TableFile(tmp_path / "back.csv", system).is_sorted
    monkeypatch.setattr(table_file, "STREAMED_BYTES", 0)
    assert isinstance(table_file.read(tmp_path / "back.csv", system), TaskTable)


def test_a_mistake_far_down_a_large_table_has_its_line(tmp_path):
    system = written(tmp_path / "w.csv", "slots=3000")
    text = (tmp_path / "w.csv").read_text()
    (tmp_path / "w.csv").write_text(text + "9000.0,ue-9-9,1,1,1\n")
    with pytest.raises(ScenarioError, match="unknown UE") as caught:
        TableFile(tmp_path / "w.csv", system)
    assert caught.value.line == text.count("\n") + 1 > 10_000 and caught.value.column == 8


def peak(table, out, monkeypatch):
    monkeypatch.setattr(streamed, "TASKS_IN_A_PART", 500)
    monkeypatch.setattr(twin_run, "STRETCH_ROWS", 2000)
    resolved = resolved_of("slots=8000", "density=0.2")
    tasks = TableFile(table, resolved.system)
    order = Order(resolved=resolved, workload=tasks, policy="lc", backend=TWIN, out=str(out))
    tracemalloc.start()
    try:
        runner.perform(order)
        return tracemalloc.get_traced_memory()[1], len(tasks)
    finally:
        tracemalloc.stop()


def test_memory_does_not_grow_with_the_workload(tmp_path, monkeypatch):
    monkeypatch.setattr(table_file, "TASKS_IN_A_PART", 500)
    monkeypatch.setattr(lines, "READ_AT_ONCE", 1 << 14)
    written(tmp_path / "long.csv", "slots=8000", "density=0.2")
    rows = (tmp_path / "long.csv").read_text().splitlines(keepends=True)
    (tmp_path / "short.csv").write_text("".join(rows[: len(rows) // 5]))
    peak(tmp_path / "short.csv", tmp_path / "first", monkeypatch)  # compiled code is loaded
    short, few = peak(tmp_path / "short.csv", tmp_path / "a", monkeypatch)
    long, many = peak(tmp_path / "long.csv", tmp_path / "b", monkeypatch)
    assert many > 4 * few > 10_000
    assert long < 1.2 * short + 500_000


def test_a_planner_plans_in_a_run_and_a_replay_on_the_twin_as_in_the_simulation(tmp_path):
    options = ("--policy", "plan-do", "--think", "2ms")
    known = [
        document("run", "region", "--slots", "12", "--backend", backend, *options, "--out", backend, cwd=tmp_path)
        for backend in ("twin", "sim")
    ]
    known.append(document("replay", "sim", "--on", "twin", *options, "--out", "again", cwd=tmp_path))
    assert known[0]["tasks"] == known[1]["tasks"] == known[2]["tasks"]
    assert known[0]["overhead"] == known[1]["overhead"] == known[2]["overhead"]
    assert known[0]["tasks"]["fallback"] == 0 < known[0]["tasks"]["offloaded"]
