"""What a screen finds out beside the run: the best baseline on the same tasks, and the grade."""

import shutil

import pytest

from testbed.experiments.runner import summary_of
from testbed.record import reader
from testbed.watch import assessment
from testbed.watch.assessment import Assessor, assess, best_baseline
from tests.watch.runs import recorded


def test_the_better_heuristic_on_the_same_tasks_is_the_baseline():
    baseline = best_baseline(recorded("region", "slots=20", policy="lc"))
    assert baseline is not None and baseline.policy == "greedy-do"
    assert baseline.overhead == pytest.approx(summary_of(recorded("region", "slots=20")).overhead.mean)


def test_a_run_of_the_same_tasks_that_lies_beside_it_is_known_too(tmp_path, monkeypatch):
    monkeypatch.setattr(assessment, "BASELINES", ())
    for policy in ("lc", "greedy-do"):
        shutil.copytree(recorded("region", "slots=20", policy=policy).path, tmp_path / policy)
    shutil.copytree(recorded("region", "slots=10", policy="offload").path, tmp_path / "other tasks")
    baseline = best_baseline(reader.read_run(tmp_path / "lc"))
    assert baseline is not None and baseline.policy == "greedy-do"
    assert baseline.overhead == pytest.approx(summary_of(recorded("region", "slots=20")).overhead.mean)


def test_the_child_says_what_is_found_here():
    run = recorded("region", "slots=20", policy="lc")
    child = Assessor(run.path)
    child._process.wait(60)
    result = child.result()
    assert result == assess(run.path) and result.grade == "exact"
