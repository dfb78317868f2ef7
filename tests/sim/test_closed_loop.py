"""Closed loops: a UE's next task waits for the end of its last one; think times are kept."""

import json
from itertools import groupby, pairwise

import msgspec
import pytest

from testbed.policy import loading
from testbed.scenario import closed_loop
from testbed.scenario import workload as tables
from testbed.scenario.load import load_scenario
from testbed.scenario.resolve import resolve
from testbed.sim.simulation import simulate
from tests.command import call

S = 10**9


def played(policy, *changes, workload=None):
    resolved = resolve(load_scenario("region", ["slots=60", *changes]))
    tasks = workload or closed_loop.with_think_times(tables.generate(resolved.scenario, resolved.system), {})
    decides, double = loading.load(policy)
    plan = resolved.plan(tasks, policy, second_offload=double, live=False)
    plan = msgspec.structs.replace(plan, system=msgspec.structs.replace(plan.system, closed_loop=True))
    return plan, simulate(plan, decides)


@pytest.mark.parametrize("policy", ["lc", "greedy-do"])
def test_a_task_comes_its_think_time_after_the_end_of_the_last_one(policy):
    plan, result = played(policy, "density=0.9")
    think = {(plan.system.ues[task.ue].name, task.number): task.generated_ns for task in plan.workload}
    rows = sorted(result.tasks, key=lambda row: (row.ue, row.number))
    assert len(rows) > 100 and all(row.finished_ns >= 0 for row in rows)
    for ue, group in groupby(rows, key=lambda row: row.ue):
        own = list(group)
        assert [row.number for row in own] == list(range(len(own)))
        assert own[0].generated_ns == think[ue, 0]
        for before, after in pairwise(own):
            pause = think[ue, after.number] - think[ue, before.number]
            assert after.generated_ns == before.finished_ns + pause < plan.system.end_ns
        if (ue, len(own)) in think:
            pause = think[ue, len(own)] - think[ue, len(own) - 1]
            assert own[-1].finished_ns + pause >= plan.system.end_ns


def test_a_faster_policy_gets_more_tasks_and_a_slow_one_no_backlog():
    slow, fast = played("lc", "density=1")[1], played("greedy-do", "density=1")[1]
    assert len(fast.tasks) > len(slow.tasks)
    for result in (slow, fast):
        assert max(row.present for row in result.ue_slots) == 1


def test_what_came_is_a_workload_that_plays_alike_in_an_open_loop():
    plan, result = played("greedy-do")
    came = [(row.ue, row.number, row.generated_ns) for row in result.tasks]
    tasks = closed_loop.realised(plan.workload, came, plan.system)
    open_loop = msgspec.structs.replace(plan.system, closed_loop=False)
    again = simulate(msgspec.structs.replace(plan, system=open_loop, workload=tasks), loading.load("greedy-do")[0])
    assert list(again.tasks) == list(result.tasks)


def test_think_times_count_from_recorded_ends_and_are_never_below_zero():
    tasks = tables.parse_csv(
        "time_s,ue,input_bits,cycles,deadline_s\n1,ue-1-1,8,8,1\n4,ue-1-1,8,8,1\n5,ue-1-1,8,8,1\n2,ue-1-2,8,8,1\n",
        "w",
        resolve(load_scenario("region")).system,
    )
    result = closed_loop.with_think_times(tasks, {(0, 0): 3 * S, (0, 1): 9 * S})
    assert [(task.ue, task.number, task.generated_ns // S) for task in result] == [
        (0, 0, 1),
        (0, 1, 2),
        (0, 2, 2),
        (1, 0, 2),
    ]


def test_a_run_is_replayed_in_a_closed_loop_on_the_simulation_and_refused_by_the_twin(tmp_path):
    call("run", "region", "--policy", "lc", "--backend", "sim", "--slots", "40", "--out", "a", cwd=tmp_path)
    done = call(
        "replay", "a", "--policy", "offload-do", "--closed-loop", "--on", "sim", "--out", "b", "--json", cwd=tmp_path
    )
    result = json.loads(done.stdout)["tasks"]
    assert result["unaccounted"] == result["failed"] == 0
    rows = len((tmp_path / "b" / "workload.csv").read_text().splitlines()) - 1
    assert result["generated"] == rows > 50
    again = call("replay", "b", "--as-recorded", "--json", cwd=tmp_path)
    assert json.loads(again.stdout)["tasks"] == result
    table = call("replay", "a/workload.csv", "--closed-loop", "--on", "sim", cwd=tmp_path)
    assert "think time" in table.stderr
    for options, words in (
        (("--on", "twin"), "the twin plays"),
        (("--on", "sim", "--loop", "2"), "--loop"),
        (("--as-recorded",), "--closed-loop"),
        (("--on", "sim", "--set", "agent.epoch=arrival"), "every slot"),
    ):
        assert words in call("replay", "a", "--closed-loop", *options, cwd=tmp_path, code=2).stderr
