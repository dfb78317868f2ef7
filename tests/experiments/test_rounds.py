"""Strategies over workloads: the clocks agree, traces are played once, recorded runs are paired by workload."""

import msgspec
import pytest

from testbed.analysis import comparison
from testbed.cli.comparison_text import text
from testbed.experiments import rounds, runner
from testbed.experiments.rounds import Rounds
from testbed.model.errors import UsageError
from testbed.record import reader
from testbed.record.backends import SIM, TWIN
from testbed.scenario.load import load_scenario
from testbed.trace import inputs


def quiet(output):
    assert output


def played(on, names=("greedy-do", "random"), seeds=(1, 2), scenario="region", changes=("slots=30",)):
    result = Rounds(names, on, quiet)
    result.play(load_scenario(scenario, list(changes)), seeds)
    return result.samples


def test_simulation_and_twin_measure_the_same():
    assert played(SIM) == played(TWIN)


HEURISTICS = ("lc", "offload-do", "random-do", "greedy", "greedy-do")


@pytest.mark.parametrize(
    ("scenario", "changes"),
    [
        ("region", ("slots=60", "density=0.95")),
        ("region", ("slots=45", "cells.2.es.queue_limit=1")),
        ("shared-radio", ("slots=60",)),
        ("recorded", ()),
        ("region", ("slots=30", "density=0")),
    ],
)
def test_a_sample_of_outcomes_is_that_of_rows(monkeypatch, scenario, changes):
    at_once = played(TWIN, HEURISTICS, (1,), scenario, changes)
    monkeypatch.setattr(rounds, "sample_by_twin", lambda plan, policy: None)
    assert repr(at_once) == repr(played(TWIN, HEURISTICS, (1,), scenario, changes))
    stable = {one.stable for own in at_once.values() for one in own.values()}
    assert stable == {True, False} or "density=0.95" not in changes


def test_every_strategy_meets_every_workload():
    samples = played(SIM)
    assert {name: list(own) for name, own in samples.items()} == {"greedy-do": [1, 2], "random": [1, 2]}
    assert samples["greedy-do"][1] != samples["greedy-do"][2]


def test_the_workload_of_a_table_is_played_once(tmp_path):
    (tmp_path / "tasks.csv").write_text("time_s,ue,input_bits,cycles,deadline_s\n1,ue-1-1,1000000,1000000000,2\n")
    trace = f"workload.trace={tmp_path / 'tasks.csv'}"
    assert list(played(SIM, changes=("slots=5", trace))["random"]) == [1]


def test_an_unknown_strategy_is_found_before_anything_runs():
    with pytest.raises(UsageError, match="gredy"):
        Rounds(["greedy", "gredy"], SIM, quiet)


def test_recorded_runs_are_paired_by_their_workload(tmp_path):
    runs = []
    for seed in (1, 2):
        resolved = inputs.resolve(msgspec.structs.replace(load_scenario("region", ["slots=10"]), seed=seed))
        workload = inputs.generate(resolved.scenario, resolved.system)
        for policy in ("lc", "greedy"):
            order = runner.Order(
                resolved=resolved, workload=workload, policy=policy, backend=SIM, out=str(tmp_path / f"{policy}-{seed}")
            )
            runs.append(runner.execute(order))
    result = comparison.compare(rounds.of_runs([reader.read_run(run.path) for run in runs]))
    assert (result.workloads, set(result.policies)) == (2, {"lc", "greedy"})
    twice = rounds.of_runs([runs[0], runs[0]])
    assert list(twice) == ["lc", "lc (lc-1)"]
    assert {name: len(own) for name, own in rounds.of_runs([runs[0], runs[2]]).items()} == {"lc": 2}
    runs[0].meta["learn"] = True
    assert list(rounds.of_runs([runs[0], runs[0], runs[2]])) == ["lc, learning", "lc, learning (lc-1)", "lc"]


def test_runs_of_one_strategy_are_averaged_unless_their_lengths_differ(tmp_path):
    runs = []
    for slots in (10, 20):
        resolved = inputs.resolve(load_scenario("smoke", [f"slots={slots}"]))
        workload = inputs.generate(resolved.scenario, resolved.system)
        runs.append(
            runner.execute(
                runner.Order(
                    resolved=resolved, workload=workload, policy="lc", backend=SIM, out=str(tmp_path / f"{slots}")
                )
            )
        )
    with pytest.raises(UsageError, match="all of lc, on workloads of different lengths") as error:
        rounds.of_runs(runs)
    assert "replay" in error.value.remedy


def test_a_strategy_that_fails_is_warned_of(tmp_path, monkeypatch):
    name = f"own_{tmp_path.name}"
    (tmp_path / f"{name}.py").write_text("def fails(cell, rng):\n    raise ValueError\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    for on in (SIM, TWIN):
        result = comparison.compare(played(on, (f"{name}:fails", "lc"), (1,), "smoke", ("slots=4",)))
        failures = result.policies[f"{name}:fails"].policy_errors
        assert failures > 0 and result.policies["lc"].policy_errors == 0
        assert text(result).count("WARNING") == 1
        assert f"WARNING: {name}:fails failed {failures} times" in text(result)
