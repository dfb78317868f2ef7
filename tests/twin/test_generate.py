"""Tasks drawn as the twin goes are the workload's, whatever they are drawn from and however many UEs draw at once."""

import numpy as np
import pytest

from testbed.model.errors import ScenarioError
from testbed.policy.heuristics import Priced
from testbed.scenario.dump import dump_resolved
from testbed.scenario.load import load_scenario, parse_scenario
from testbed.trace import inputs
from testbed.twin import build
from testbed.twin.twin import Twin
from tests.twin.test_parity import compare

SIZES = "{uniform: [300 kB, 500 kB]}", "{choice: [100 kB, 200 kB, 900 kB]}", "400 kB"
CYCLES = "{uniform: [0.5 G, 1.5 G]}", "{choice: [0.2 G, 0.4 G, 0.9 G, 1.6 G]}", "{per_bit: 300}", "1 G"
CROWD = "cells=[{es: {cpu: 8 GHz}, ues: 17}, {es: {cpu: 10 GHz}, ues: 1}, {es: {cpu: 12 GHz}, ues: 31}]"


def resolved(*settings):
    """The scenario `region` with settings."""
    return inputs.resolve(load_scenario("region", ["slots=20", *settings]))


@pytest.mark.parametrize("arrivals", ["bernoulli", "poisson"])
@pytest.mark.parametrize("cycles", CYCLES)
@pytest.mark.parametrize("size", SIZES)
def test_drawn_tasks_are_those_of_the_workload(arrivals, size, cycles):
    scenario = resolved(f"workload.arrivals={arrivals}", f"task.input={size}", f"task.cycles={cycles}", "density=0.9")
    system, earned = scenario.system, []
    tasks = inputs.generate(scenario.scenario, system)
    for source in (build.generator(scenario.scenario, system, endless=False), build.table(system, tasks)):
        twin = Twin(system, source, 2, double=True)
        twin.use(Priced())
        twin.reset(system.seed)
        earned.append(twin.drain().copy())
    assert earned[0]["finished"].sum() == 2 * len(tasks) > 100
    assert np.array_equal(earned[0], earned[1])


def test_many_ues_are_simulated_alike():
    scenario = resolved(CROWD)
    workload = inputs.generate(scenario.scenario, scenario.system)
    compare(scenario.plan(workload, "greedy-do", second_offload=True, live=False), Priced())


@pytest.mark.parametrize("arrivals", ["bernoulli", "poisson"])
@pytest.mark.parametrize("shape", ["steps", "curve"])
def test_a_load_that_changes_over_time_is_the_workloads(arrivals, shape):
    scenario = resolved(
        f"workload.arrivals={arrivals}",
        f"workload.profile={{every: 3 s, factors: [0, 2, 0.5], shape: {shape}}}",
        "task.input={quantiles: [100 kB, 120 kB, 900 kB]}",
        "task.cycles={quantiles: [0.1 G, 0.5 G]}",
    )
    system, earned = scenario.system, []
    tasks = inputs.generate(scenario.scenario, system)
    for source in (build.generator(scenario.scenario, system, endless=False), build.table(system, tasks)):
        twin = Twin(system, source, 2, double=True)
        twin.use(Priced())
        twin.reset(system.seed)
        earned.append(twin.drain().copy())
    assert earned[0]["finished"].sum() == 2 * len(tasks) > 100
    assert np.array_equal(earned[0], earned[1])


OWN = (
    "cells=[{ues: 3, task: {cycles: 0.3 G, classes: [{weight: 3, input: 20 kB}, {input: 70 kB}]}},"
    " {ues: 2, ue_tasks: [{}, {input: {uniform: [1 kB, 2 kB]}, classes: [{deadline: 0.7 s}]}]}, {ues: 1}]"
)


@pytest.mark.parametrize("classes", ["[]", "[{weight: 1}, {weight: 1, cycles: {per_bit: 90}, input: 1 MB}]"])
@pytest.mark.parametrize("arrivals", ["bernoulli", "poisson"])
def test_tasks_of_a_cell_and_of_a_ue_are_of_their_own_classes(classes, arrivals):
    scenario = resolved(OWN, f"task.classes={classes}", f"workload.arrivals={arrivals}", "density=0.9", "slots=60")
    system, earned = scenario.system, []
    tasks = inputs.generate(scenario.scenario, system)
    of = {ue: [task for task in tasks if task.ue == ue] for ue in range(6)}
    for ue in (0, 1, 2):
        assert {(task.input_bits, task.cycles) for task in of[ue]} == {(160_000, 3 * 10**8), (560_000, 3 * 10**8)}
    assert {task.deadline_ns for task in of[4]} == {7 * 10**8}
    assert all(8_000 <= task.input_bits <= 16_000 for task in of[4])
    large = {ue: sum(task.input_bits == 8_000_000 for task in of[ue]) / len(of[ue]) for ue in (3, 5)}
    assert all(0.25 < share < 0.75 if classes != "[]" else share == 0.0 for share in large.values())
    for source in (build.generator(scenario.scenario, system, endless=False), build.table(system, tasks)):
        twin = Twin(system, source, 2, double=True)
        twin.use(Priced())
        twin.reset(system.seed)
        earned.append(twin.drain().copy())
    assert earned[0]["finished"].sum() == 2 * len(tasks) > 100
    assert np.array_equal(earned[0], earned[1])
    assert inputs.generate(parse_scenario(dump_resolved(scenario)), system) == tasks


def test_own_tasks_are_one_section_for_each_ue_and_none_beside_a_trace():
    with pytest.raises(ScenarioError, match="1 sections for 2 UEs"):
        load_scenario("region", ["cells=[{ues: 2, ue_tasks: [{input: 1 kB}]}]"])
    with pytest.raises(ScenarioError, match="no place for task of a cell"):
        load_scenario("recorded", ["cells.0.task.input=1 kB"])


def test_tasks_of_classes_are_the_workloads_and_theirs_go_together():
    scenario = resolved(
        "task.classes=[{weight: 3, input: {uniform: [10 kB, 20 kB]}, cycles: 0.1 G, deadline: 0.5 s},"
        " {cycles: {per_bit: 300}, input: {quantiles: [100 kB, 150 kB, 400 kB]}}]",
        "density=0.9",
        "slots=60",
    )
    system, earned = scenario.system, []
    tasks = inputs.generate(scenario.scenario, system)
    small = [task for task in tasks if task.input_bits <= 160_000]
    assert len(small) / len(tasks) == pytest.approx(0.75, abs=0.05)
    assert {(task.cycles, task.deadline_ns) for task in small} == {(10**8, 5 * 10**8)}
    rest = [task for task in tasks if task.input_bits > 160_000]
    assert rest and all(task.cycles == 300 * task.input_bits and task.deadline_ns >= 10**9 for task in rest)
    for source in (build.generator(scenario.scenario, system, endless=False), build.table(system, tasks)):
        twin = Twin(system, source, 2, double=True)
        twin.use(Priced())
        twin.reset(system.seed)
        earned.append(twin.drain().copy())
    assert earned[0]["finished"].sum() == 2 * len(tasks) > 100
    assert np.array_equal(earned[0], earned[1])
    assert inputs.generate(parse_scenario(dump_resolved(scenario)), system) == tasks
    with pytest.raises(ScenarioError, match="no place for classes"):
        load_scenario("recorded", ["task.classes=[{weight: 2}]"])
