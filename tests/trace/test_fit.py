"""Generators that resemble recordings: recovered where a scenario drew them, and called poor where none fits."""

import json

import numpy as np
import pytest

from testbed.model.errors import ScenarioError
from testbed.scenario import workload as tables
from testbed.scenario.fields import Draw
from testbed.scenario.load import load_scenario
from testbed.scenario.resolve import resolve
from testbed.scenario.schema import Workload
from testbed.trace import fit
from tests.command import call

ALL = ("ue", "input_bits", "cycles", "deadline_ns")


def fitted(*changes, columns=ALL, **replaced):
    scenario = load_scenario("region", ["slots=3000", *changes])
    system = resolve(scenario).system
    result = tables.columns_of(tables.generate(scenario, system)) | replaced
    plain = load_scenario("region")
    return fit.fit(tables.table_of(result), plain, resolve(plain).system, columns)


def test_a_drawn_workload_is_recovered():
    fit_result = fitted(
        "density=0.5", "seed=3", "task.cycles={per_bit: 250}", "task.deadline={choice: [1 s, 1 s, 2 s]}"
    )
    scenario = fit_result.scenario
    assert scenario.workload == Workload() and scenario.density == pytest.approx(0.5, rel=0.03)
    assert [cell.density_factor for cell in scenario.cells] == pytest.approx([0.6, 1.0, 1.4], rel=0.05)
    assert scenario.task.cycles == Draw("per_bit", (250.0,)) and scenario.task.input_bits.kind == "uniform"
    shares = scenario.task.deadline_ns.values
    assert shares.count(10**9) / len(shares) == pytest.approx(2 / 3, abs=0.03)
    assert [match.quality for match in fit_result.matches] == ["good"] * 5 and fit_result.notes == ()


def test_a_load_that_changes_is_met_in_steps_and_so_is_its_autocorrelation():
    profile = "{every: 2 min, factors: [0.2, 1.8, 0.5, 1.5]}"
    fit_result = fitted("workload.arrivals=poisson", f"workload.profile={profile}", columns=("cycles",))
    workload = fit_result.scenario.workload
    assert workload.arrivals == "poisson" and workload.profile is not None
    assert workload.profile.every_ns == 120 * 10**9 and workload.profile.factors[:4] == pytest.approx(
        [0.2, 1.8, 0.5, 1.5], rel=0.1
    )
    assert fit_result.autocorrelation[0].recorded > 0.3
    assert all(abs(one.recorded - one.generated) < 0.1 for one in fit_result.autocorrelation)
    assert {match.what: match.quality for match in fit_result.matches}["waiting times"] == "good"
    assert any("deadlines: they stay" in note for note in fit_result.notes)


def test_any_distribution_of_sizes_is_met_with_its_mean():
    rng = np.random.default_rng(5)
    cycles = np.exp(rng.normal(18.0, 1.5, 100_000)).astype(np.int64)
    whole = fitted("density=0.5", "seed=3")
    cycles = cycles[: whole.tasks]
    fit_result = fitted("density=0.5", "seed=3", cycles=cycles)
    assert {match.what: match.quality for match in fit_result.matches}["cycles"] == "good"
    values = np.array(fit_result.scenario.task.cycles.values)
    assert (values[1:] + values[:-1]).mean() / 2 == pytest.approx(cycles.mean(), rel=1e-6)


def test_what_no_generator_meets_is_said():
    scenario = load_scenario("region", ["slots=3000", "seed=3"])
    columns = tables.columns_of(tables.generate(scenario, resolve(scenario).system))
    batches = columns["generated_ns"] // (30 * 10**9) * 30 * 10**9
    fit_result = fitted(
        "seed=3",
        generated_ns=batches,
        cycles=np.sort(columns["input_bits"])[np.argsort(np.argsort(columns["input_bits"]))] ** 2,
    )
    verdicts = {match.what: match.quality for match in fit_result.matches}
    assert verdicts["waiting times"] == "poor"
    assert any("at the instant of another" in note for note in fit_result.notes)
    assert any(note.startswith("nothing fits well: ") and "waiting times" in note for note in fit_result.notes)
    assert any("input and cycles go together" in note for note in fit_result.notes)


def test_one_task_and_ten_years_are_no_obstacle_or_a_clear_one():
    scenario = load_scenario("region")
    system = resolve(scenario).system
    one = tables.table_of(
        {name: column[:1] for name, column in tables.columns_of(tables.generate(scenario, system)).items()}
    )
    assert fit.fit(one, scenario, system, ALL).tasks == 1
    late = tables.table_of(tables.columns_of(one) | {"generated_ns": np.array([10 * 366 * 86_400 * 10**9])})
    with pytest.raises(ScenarioError, match="the trace lasts") as caught:
        fit.fit(late, scenario, system, ALL)
    assert "slot=1min" in caught.value.remedy


def test_fit_writes_a_scenario_that_runs(tmp_path):
    rows = "".join(f"{n * 3 % 500},{n % 7 + 1}\n" for n in range(300))
    (tmp_path / "t.csv").write_text("when,work\n" + rows)
    options = ("--kind", "table", "--map", "time=when:s", "--map", "cycles=work:100M", "-o", "like.yaml")
    shown = call("fit", "t.csv", *options, cwd=tmp_path).stdout
    assert "300 tasks in" in shown and "KS distance" in shown and "nobody recorded inputs" in shown
    call("fit", "t.csv", *options, cwd=tmp_path, code=2)
    document = json.loads(call("fit", "t.csv", *options, "--force", "--json", cwd=tmp_path).stdout)
    assert (
        document["tasks"] == 300 and document["fit"]["cycles"]["verdict"] == "good" and document["out"] == "like.yaml"
    )
    ran = call("run", "like.yaml", "--backend", "sim", "--policy", "lc", "--json", cwd=tmp_path).stdout
    assert json.loads(ran)["tasks"]["generated"] == pytest.approx(300, rel=0.2)
    result = call("fit", "like.yaml", cwd=tmp_path, code=2)
    assert "say what it is" in result.stderr or "no workload" in result.stderr
