"""What futures are drawn from: the scenario's task model, or what the run has shown."""

import numpy as np
import pytest

from testbed.planning.expectation import Expectation
from testbed.scenario.load import load_scenario
from testbed.trace import inputs
from testbed.twin import build, state
from testbed.twin.twin import Twin
from testbed.twin.views import cell_view
from tests.support import region


def test_the_scenarios_own_model_is_what_its_workloads_are_drawn_from():
    resolved = inputs.resolve(load_scenario("region", ["slots=30"]))
    workload = inputs.generate(resolved.scenario, resolved.system)
    plan = resolved.plan(workload, "lc", second_offload=True, live=False)
    expectation = Expectation(resolved.system, plan.task_model, double=True)
    assert plan.task_model is not None
    source = build.drawn(plan.task_model, resolved.system.slots)
    drawn, table = (Twin(resolved.system, one, double=True) for one in (source, build.table(resolved.system, workload)))
    for twin in (drawn, table):
        twin.reset(resolved.system.seed)
    for _ in range(30):
        assert (drawn.state.ues["number"] == table.state.ues["number"]).all()
        drawn.advance(1), table.advance(1)
    assert (expectation.fixed.values == drawn.fixed.values).all()
    assert (expectation.fixed.ues == drawn.fixed.ues).all()


def test_a_recorded_workload_has_no_model(tmp_path):
    table = tmp_path / "workload.csv"
    table.write_text("time_s,ue,input_bits,cycles,deadline_s\n0.000000000,ue-1-1,8000,1000,1.000000000\n")
    resolved = inputs.resolve(load_scenario("region", [f"workload.trace={table}", "slots=5"]))
    assert resolved.plan((), "lc", second_offload=False, live=False).task_model is None


def test_without_a_model_it_expects_what_it_has_seen():
    system, tasks = region(0.7, 3, 400)
    expectation = Expectation(system, None, double=True)
    assert expectation.fixed.system["arrivals"][0] == state.POISSON and not expectation.fixed.ues["rate"].any()
    twin = Twin(system, build.table(system, tasks), double=True, capacity=len(tasks))
    twin.reset(system.seed)
    for _ in range(400):
        expectation.learn([cell_view(twin, 0, es.index) for es in system.edge_servers])
        twin.advance(1)
    rates = [0.7 * (0.6, 1.0, 1.4)[ue.cell] for ue in system.ues]
    assert np.abs(expectation.fixed.ues["rate"] - rates).max() < 0.15
    assert expectation.fixed.ues["rate"].mean() == pytest.approx(0.7, abs=0.05)
    for field, (low, high) in enumerate(((2.4e6, 4.0e6), (0.5e9, 1.5e9), (1e9, 3e9))):
        quantiles = expectation.fixed.values[field]
        assert (np.diff(quantiles) >= 0).all()
        assert quantiles[[0, -1]] == pytest.approx([low, high], rel=0.05)


@pytest.mark.parametrize("arrivals", ["bernoulli", "poisson"])
def test_no_task_is_expected_after_an_end_that_is_set(arrivals):
    resolved = inputs.resolve(load_scenario("region", ["slots=20", f"workload.arrivals={arrivals}"]))
    model = resolved.plan((), "lc", second_offload=True, live=False).task_model
    expectation = Expectation(resolved.system, model, double=True)
    assert model is not None
    twin = Twin(resolved.system, build.drawn(model, -1), double=True)
    twin.fixed = expectation.fixed
    came = []
    for end in (3, 40):
        expectation.end(end)
        twin.reset(1)
        counts = []
        for _ in range(25):
            counts.append(int(twin.state.ues["number"].sum()))
            twin.advance(1)
        came.append([slot for slot in range(1, 25) if counts[slot] > counts[slot - 1]][-1])
    last = 1 if arrivals == "poisson" else 0  # those of a slot are there at its end
    assert came == [2 + last, 19 + last]


def test_a_density_that_changes_has_brought_what_its_slots_brought():
    resolved = inputs.resolve(
        load_scenario("region", ["workload.profile={every: 2 s, factors: [0.5, 2]}", "workload.arrivals=poisson"])
    )
    model = resolved.plan((), "lc", second_offload=False, live=False).task_model
    assert model is not None and model.arrivals == "poisson"
    expectation = Expectation(resolved.system, model, double=True)
    assert [expectation.load(slot) for slot in range(6)] == [0.0, 0.5, 1.0, 3.0, 5.0, 5.5]
