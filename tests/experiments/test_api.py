"""The Python interface: what its page shows works, and agrees with the command line."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import testbed
from tests.command import PATIENCE_S, ROOT, document, environment

BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("page", ["docs/reference/python-api.md", "README.md"])
def test_what_the_page_shows_runs_as_it_stands(page, here):
    shown = "".join(BLOCK.findall((ROOT / page).read_text()))
    assert "import testbed" in shown
    done = subprocess.run(
        [sys.executable, "-c", shown],
        cwd=here,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) >= shown.count("print(") - 1


def test_a_run_agrees_with_the_command_line(here):
    run = testbed.run_scenario("region", "random-do", seed=3, slots=12, out=here / "a")
    content = document(
        "run",
        "region",
        "--policy",
        "random-do",
        "--seed",
        "3",
        "--slots",
        "12",
        "--backend",
        "sim",
        "--out",
        "b",
        cwd=here,
    )
    assert run.summary == {**content, "run": "a"}
    assert (run.name, run.policy, run.backend, run.path) == ("a", "random-do", "sim", here / "a")
    assert run.scenario.slots == 12
    again = testbed.read_run("a")
    assert again.summary == run.summary and repr(again) == "Run('a')"


def test_columns_are_arrays_of_the_columns_types():
    run = testbed.run_scenario("region", slots=12, backend="twin")
    tasks = run.columns()
    assert {len(column) for column in tasks.values()} == {run.summary["tasks"]["generated"]}
    kinds = {name: tasks[name].dtype for name in ("measured_ns", "overhead", "forwarded", "ue")}
    assert kinds == {"measured_ns": np.int64, "overhead": np.float64, "forwarded": np.bool_, "ue": np.object_}
    assert tasks["overhead"].mean() == pytest.approx(run.summary["overhead"]["mean"])
    assert (tasks["ue"] == "ue-1-1").any()
    queues, rewards = run.columns("ue_slots"), run.columns("rewards")
    assert queues["queue_ns"].shape == queues["slot"].shape and queues["queue_ns"].max() > 0
    assert rewards["reward"].sum() / 12 == pytest.approx(run.summary["reward_per_slot"])
    assert set(run.tables) == {"tasks", "slots", "ue_slots", "rewards", "links", "updates", "events"}
    assert run.columns("updates")["loss"].shape == (0,)


def test_changes_are_those_of_set():
    changed = testbed.load_scenario(
        "region",
        {"density": 0.5, "radio.bandwidth": "3 MHz", "cells.0.ues": 2, "ue.cpu": {"uniform": ["1 GHz", "2 GHz"]}},
    )
    assert (changed.density, changed.radio.bandwidth_hz, changed.cells[0].ues) == (0.5, 3e6, 2)
    assert changed.ue.cpu_hz.values == (10**9, 2 * 10**9)


def test_comparisons_agree_with_the_command_line(here):
    heard: list[object] = []
    comparison = testbed.compare("smoke", ["lc", "greedy"], seeds=3, backend="twin", progress=heard.append)
    content = document("compare", "smoke", "--policies", "lc,greedy", "--seeds", "3", cwd=here)
    assert comparison.policies["lc"].overhead.mean == content["policies"]["lc"]["overhead"]["mean"]
    assert [pair.p_holm for pair in comparison.pairs if pair.metric == "overhead"] == [
        one["p_holm"] for one in content["pairs"] if one["metric"] == "overhead"
    ]
    assert len(heard) == 6


def test_runs_are_compared_too(here):
    scenario = testbed.load_scenario("smoke")
    runs = [testbed.run_scenario(scenario, policy, out=here / policy) for policy in ("lc", "greedy")]
    comparison = testbed.compare([runs[0], "greedy"])
    assert comparison.policies["greedy"].overhead.mean == runs[1].summary["overhead"]["mean"]


@pytest.mark.parametrize(
    ("call", "output"),
    [
        (lambda: testbed.load_scenario("regoin"), 'did you mean "region"'),
        (lambda: testbed.load_scenario("region", {"densty": 1}), "densty"),
        (lambda: testbed.run_scenario("region", "gredy"), "greedy"),
        (lambda: testbed.run_scenario("region", backend="local"), "known: testbed, sim, twin"),
        (lambda: testbed.run_scenario("region", slots=0), "slots=0"),
        (lambda: testbed.run_scenario("region", seed=-1), "seed=-1"),
        (lambda: testbed.run_scenario("region", speed=0), "speed=0"),
        (lambda: testbed.read_run("nothing"), "nothing"),
        (lambda: testbed.run_scenario("smoke").columns("task"), 'did you mean "tasks"'),
        (lambda: testbed.compare("region"), "policies="),
        (lambda: testbed.compare("region", ["lc"], seeds=0), "seeds=0"),
        (lambda: testbed.compare(["a"], ["lc"]), "leave out policies"),
    ],
)
def test_mistakes_are_told_with_a_remedy(call, output):
    with pytest.raises(testbed.TestbedError) as raised:
        call()
    assert output in str(raised.value)


@pytest.mark.live
def test_processes_are_a_backend_like_the_others(here):
    run = testbed.run_scenario("smoke", "lc", backend="testbed", slots=4, speed=2, out=here / "live")
    assert run.backend == "testbed" and run.summary["tasks"]["unaccounted"] == 0
    assert run.summary["speed"] == 2 and run.summary["slots"] == 4


def test_importing_the_package_imports_nothing_else():
    script = "import sys, testbed; print(dir(testbed)); assert not {'testbed.run', 'numpy'} & set(sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], env=environment(), capture_output=True, text=True, check=True)
    assert "run_scenario" in done.stdout
    stub = (Path(testbed.__file__).parent / "__init__.pyi").read_text()
    assert set(re.findall(r"import (\w+) as", stub)) == set(vars(testbed)["__all__"])
    with pytest.raises(AttributeError, match="nonsense"):
        _ = testbed.nonsense  # type: ignore[attr-defined] # there is no such name
