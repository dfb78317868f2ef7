"""A run on the twin whose workload comes in parts: the same rows in the same order, however it is cut."""

import msgspec
import pytest

from testbed.model.errors import ScenarioError
from testbed.model.task import TaskTable
from testbed.policy import loading
from testbed.policy.heuristics import Priced
from testbed.scenario.load import load_scenario
from testbed.trace import inputs
from testbed.twin.run import run, stretches
from testbed.twin.window import Window

TABLES = ("tasks", "slots", "ue_slots", "links")
SPARSE = ["slots=40000", "density=0.0005", "cells=[{ues: 3}, {ues: 2}]"]
OVERLOADED = ["slots=60", "density=1.0", "cells=[{ues: 4, es: {cpu: 0.5 GHz}}]"]
LIMITED = ["slots=80", "cells=[{ues: 9, es: {queue_limit: 1}}, {ues: 5}]", "radio.jitter={uniform: [0 ms, 300 ms]}"]
SHARED = ["slots=80", "density=0.7", "radio.access=shared"]
FADING = ["slots=80", "radio.fading={coherence: 300 ms}", "workload.arrivals=poisson"]


def planned(changes, policy="greedy-do"):
    resolved = inputs.resolve(load_scenario("region", changes))
    workload = inputs.generate(resolved.scenario, resolved.system)
    return resolved.plan(workload, policy, second_offload=True, live=False)


def parts(workload, size):
    table = TaskTable.of(workload)
    return [table[first : first + size] for first in range(0, len(table), size)]


def put_together(plan, policy, cut):
    made = list(stretches(msgspec.structs.replace(plan, workload=()), policy, cut))
    rows = {name: [row for one in made for row in getattr(one, name)] for name in (*TABLES, "events")}
    return rows, made


@pytest.mark.parametrize("changes", [[], SPARSE, OVERLOADED, LIMITED, SHARED, FADING])
@pytest.mark.parametrize("size", [1, 7, 100])
def test_stretches_are_the_whole_run(changes, size):
    plan, policy = planned([*changes] or ["slots=80"]), Priced()
    whole = run(plan, policy)
    rows, made = put_together(plan, policy, parts(plan.workload, size))
    assert made[-1].end_ns == whole.end_ns
    for name in (*TABLES, "events"):
        assert rows[name] == list(getattr(whole, name)), name
    assert len(rows["tasks"]) == len(plan.workload) > 20


def test_policies_that_are_asked_and_decisions_that_are_repeated_are_cut_as_well():
    plan = planned(["slots=40"])
    policy, _ = loading.load("random")
    whole = run(plan, policy)
    assert put_together(plan, policy, parts(plan.workload, 5))[0]["tasks"] == list(whole.tasks)
    index = {ue.name: ue.index for ue in plan.system.ues}
    choices = {(index[row.ue], row.slot): row.choice for row in whole.tasks}
    made = list(stretches(plan, None, parts(plan.workload, 5), choices))
    assert [row for one in made for row in one.tasks] == list(whole.tasks)


def test_parts_may_be_empty_or_of_one_instant():
    plan = planned(["slots=30", "density=1.0"])
    table, none = TaskTable.of(plan.workload), TaskTable.of(())
    at_once = [none, *parts(table, 3), none]
    assert put_together(plan, Priced(), at_once)[0]["tasks"] == list(run(plan, Priced()).tasks)
    assert put_together(plan, Priced(), [])[0]["tasks"] == []
    late = TaskTable.of([table[0].at(plan.system.end_ns + 1)])
    with pytest.raises(ScenarioError, match="generated after the last slot"):
        list(stretches(plan, Priced(), [table, late]))


def test_the_twin_holds_what_is_under_way_and_no_more(monkeypatch):
    plan, most = planned(["slots=4000", "density=0.2"]), []
    hold = Window.add

    def added(window, tasks):
        hold(window, tasks)
        most.append((len(window._place), window._twin.state.tasks.shape[1], len(window._twin.fixed.rows)))

    monkeypatch.setattr(Window, "add", added)
    for _ in stretches(plan, Priced(), parts(plan.workload, 200)):
        pass
    assert len(plan.workload) > 5_000 and len(most) > 25
    assert max(map(max, most)) < 700
