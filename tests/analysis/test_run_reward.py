"""Queues of UEs and rewards of cells over time: recorded on every clock, equal between simulation and twin."""

import contextlib
import itertools
import sqlite3

import pytest

from testbed.analysis import run_reward
from testbed.analysis.earned import Earned
from testbed.experiments import runner
from testbed.experiments.runner import Order
from testbed.model.delay import NS_PER_S
from testbed.policy.heuristics import FixedChoice
from testbed.protocol.rows import RewardRow, TaskRow, identity
from testbed.protocol.table import ColumnTable
from testbed.record import reader
from testbed.scenario.load import load_scenario
from testbed.sim.simulation import simulate
from testbed.trace import inputs
from tests.command import call, document
from tests.support import MS, plan, region, system, task_of

TABLES = ("ue_slots", "rewards")
SLOT = NS_PER_S


def recorded(tmp_path, backend, name, *changes, policy="greedy-do"):
    resolved = inputs.resolve(load_scenario(name, ["slots=30", *changes]))
    workload = inputs.generate(resolved.scenario, resolved.system)
    return runner.execute(
        Order(resolved=resolved, workload=workload, policy=policy, backend=backend, out=str(tmp_path / backend))
    )


def rows(run, table):
    with contextlib.closing(sqlite3.connect(run.path / "run.db")) as db:
        return db.execute(f"SELECT * FROM {table} ORDER BY rowid").fetchall()


@pytest.mark.parametrize("policy", ["greedy-do", "random", "lc"])
@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("region", ()),
        ("region", ("density=0.9", "agent.reward=paper")),
        ("region", ("agent.reward=paper-sign", "cells.2.es.queue_limit=1")),
        ("shared-radio", ()),
        ("recorded", ()),
    ],
)
def test_simulation_and_twin_record_the_same_rows(tmp_path, name, changes, policy):
    simulated, twin = (recorded(tmp_path, backend, name, *changes, policy=policy) for backend in ("sim", "twin"))
    for table in TABLES:
        assert rows(simulated, table) == rows(twin, table) != []


@pytest.mark.parametrize("kind", ["holding", "paper", "paper-sign"])
def test_rewards_sum_to_the_reward_of_the_run(tmp_path, kind):
    run = recorded(tmp_path, "sim", "region", f"agent.reward={kind}")
    found = run.record.rewards
    total = sum(row.reward for row in found)
    assert total / 30 == pytest.approx(runner.summary_of(run).reward_per_slot)
    assert sum(row.energy_j for row in found) == pytest.approx(sum(row.energy_measured_j for row in run.tasks))
    assert sum(row.stay_ns for row in found) == sum(row.measured_ns for row in run.tasks)
    assert sum(row.decided for row in found) == len(run.tasks)
    assert sum(row.offloaded for row in found) == sum(row.choice == 1 for row in run.tasks)
    places = [(row.slot, row.cell) for row in found]
    assert places == sorted(set(places)) and all(row.stay_ns or row.energy_j or row.decided for row in found)


def test_a_local_task_is_paid_for_in_the_slots_it_is_there():
    made = system()
    task = task_of(0, 0, at=MS * 500, cycles=2_000_000_000)
    done = simulate(plan(made, (task,), "lc", double=False), FixedChoice(0))
    found = run_reward.by_slot(done.tasks, made, "holding")
    assert [(row.slot, row.stay_ns // MS) for row in found] == [(0, 500), (1, 1000), (2, 1000)]
    assert [row.energy_j for row in found] == pytest.approx([0.0, 1.0, 1.0])
    assert [row.reward for row in found] == pytest.approx([-0.25, -1.0, -1.0])
    assert [(row.slot, row.decided, row.offloaded) for row in found if row.decided] == [(1, 1, 0)]


def test_queues_of_a_ue_are_what_its_tasks_say():
    made, tasks = region(0.9, slots=30)
    done = simulate(plan(made, tasks, double=False), FixedChoice(0))
    for row in done.ue_slots:
        mine = [task for task in done.tasks if task.ue == row.ue and task.generated_ns <= row.at_ns]
        ends = [task.end_ns for task in mine if task.asked_ns < row.at_ns]
        assert row.queue_ns == max(0, max(ends, default=0) - row.at_ns)
        assert row.present == sum(task.finished_ns > row.at_ns for task in mine)
        assert row.undecided == sum(task.asked_ns == row.at_ns for task in mine)
    there = {(row.slot, row.ue) for row in done.ue_slots}
    for k, ue in itertools.product(range(1, 30), made.ues):
        mine = [task for task in done.tasks if task.ue == ue.name]
        idle = [not any(t.generated_ns <= at < t.finished_ns for t in mine) for at in ((k - 1) * SLOT, k * SLOT)]
        assert ((k, ue.name) in there) is not all(idle)


def test_a_dead_ue_has_no_rows_and_one_that_asks_at_once_has(tmp_path):
    (tmp_path / "deaths.yaml").write_text("slots: 9\nfaults:\n  - {at: 2.5 s, kill: ue-1-1, restart_after: 4 s}\n")
    run = recorded(tmp_path, "sim", tmp_path / "deaths.yaml", "slots=9")
    seen = {row.slot for row in run.record.ue_slots if row.ue == "ue-1-1"}
    assert {0, 7} <= seen <= {0, 1, 2, 7, 8}
    at_once = recorded(tmp_path / "b", "sim", "region", "slots=5", "agent.epoch=arrival", policy="lc")
    found = at_once.record.ue_slots
    assert {row.ue for row in found} == {ue.name for ue in at_once.resolved.system.ues}
    assert max(row.queue_ns for row in found) > 0 and not any(row.undecided for row in found)


@pytest.mark.live
def test_processes_record_both_tables(tmp_path):
    found = document("run", "smoke", "--set", "emulation.burn=0.02", "--out", "r", cwd=tmp_path)
    run = reader.read_run(tmp_path / "r")
    seen = sorted((row.slot, row.ue) for row in run.record.ue_slots)
    assert {(0, "ue-1-1"), (0, "ue-1-2")} <= set(seen) <= {(k, f"ue-1-{n}") for k in range(8) for n in (1, 2)}
    assert len(seen) == len(set(seen)) and any(row.present for row in run.record.ue_slots)
    total = sum(row.reward for row in run.record.rewards)
    assert total / 8 == pytest.approx(found["reward_per_slot"])
    assert sum(row.decided for row in run.record.rewards) == found["tasks"]["generated"]


def test_a_record_of_the_version_before_is_read_without_them(tmp_path):
    call("run", "smoke", "--backend", "sim", "--out", "r", cwd=tmp_path)
    with contextlib.closing(sqlite3.connect(tmp_path / "r" / "run.db")) as db, db:
        db.execute("DROP TABLE ue_slots")
        db.execute("DROP TABLE rewards")
        db.execute("UPDATE meta SET value = '1' WHERE key = 'schema_version'")
        db.execute("UPDATE meta SET value = 'local' WHERE key = 'backend'")
    before = reader.read_run(tmp_path / "r")
    assert before.tasks and before.record.ue_slots == [] and before.record.rewards == []
    assert document("report", "r", cwd=tmp_path)["backend"] == "testbed"


def test_a_task_that_stays_for_thousands_of_slots_is_not_counted_slot_by_slot():
    made = system((1,), (2_000_000_000,), slots=5_000)
    (ue,), slot_ns = made.ues, made.slot_ns
    row = TaskRow(
        **identity(ue, task_of(0, 0)),
        state="late",
        slot=0,
        choice=0,
        start_ns=4_000 * slot_ns,
        end_ns=4_001 * slot_ns,
        finished_ns=4_001 * slot_ns,
        measured_ns=4_001 * slot_ns,
        local_execution_ns=slot_ns,
        energy_measured_j=2.0,
        overhead=0.5 * 4_001 + 0.5 * 2.0,
    )
    spent = Earned(made, holding=True)
    spent.spend(ColumnTable.of(TaskRow, [row]))
    assert sum(len(part.place) for part in spent._paid) == 2
    found = run_reward.by_slot([row], made, run_reward.HOLDING)
    assert [(reward.slot, reward.stay_ns) for reward in found] == [(k, slot_ns) for k in range(4_001)]
    assert [reward.energy_j for reward in found] == [0.0] * 4_000 + [2.0]
    assert sum(reward.reward for reward in found) == pytest.approx(-row.overhead)


@pytest.mark.parametrize("kind", ["holding", "paper", "paper-sign"])
@pytest.mark.parametrize("density", [0.3, 0.95])
def test_rewards_of_tasks_that_come_in_parts_are_the_same_to_the_bit(kind, density):
    made, tasks = region(density, slots=60)
    done = ColumnTable.of(TaskRow, simulate(plan(made, tasks), FixedChoice(1)).tasks)
    rewards = run_reward.Rewards(made, kind)
    found: list[RewardRow] = []
    for first in range(0, len(done), 9):
        begin = int(done[first].generated_ns) // made.slot_ns
        found += rewards.rows(begin)
        rewards.add(done.take(slice(first, first + 9)))
    found += rewards.rows()
    assert found == list(run_reward.by_slot(done, made, kind)) and len(found) > 100
