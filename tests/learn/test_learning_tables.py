"""Statistics of the benchmark of learning."""

import importlib
import sys
from pathlib import Path
from unittest import mock

import numpy as np
import pytest

PATH = Path(__file__).parents[2] / "benchmarks" / "learning_tables.py"
with mock.patch.object(sys, "path", [str(PATH.parent), *sys.path]):
    tables = importlib.import_module("learning_tables")


def line(algorithm, overhead, seed=0, **more):
    curve = [(1.0, 10, 0.9), (2.0, 20, 0.61), (3.0, 30, 0.6)]
    return {
        "scenario": "region",
        "changes": ["density=0.7"],
        "algorithm": algorithm,
        "seed": seed,
        "options": {},
        "overhead": overhead,
        "stable": [True] * len(overhead),
        "curve": curve,
        "cpu_s": 3.0,
        "updates_per_s": 10.0,
        **more,
    }


def test_a_backlog_without_end_has_no_ratio():
    assert tables.change([1.0, np.inf], [1.0, 1.0]) == "unstable"
    assert tables.stable([True, True, True, False]) and not tables.stable([True, False])


def test_time_to_near_final_is_that_of_the_first_evaluation_within_two_percent():
    assert tables.near_final_s([(1.0, 1, 0.7), (2.0, 2, 0.611), (3.0, 3, 0.6), (4.0, 4, 0.64)]) == 2.0


def test_tables_show_what_was_learned_against_the_tuned_baseline():
    base = {name: {"overhead": [x, x], "stable": [True, True]} for name, x in (("priced-do", 1.0), ("greedy-do", 2.0))}
    base["lc"] = {"overhead": [9.0, 9.0], "stable": [False, False]}
    lines = [
        line("baselines", [], strategies=base),
        line("a3c-do", [0.9, 0.9]),
        line("a3c-do", [0.7, 0.7], 1),
        line("dqn-do", [1.6, 1.6]),
    ]
    assert "| region | density=0.7 | 1.0000 | 2.0000 | unstable |" in tables.baseline_table(lines)
    shown = tables.learned_table(lines)
    assert "| a3c-do |  | 2 | 0.8000 | -20.0 % [-30.0, -10.0] | -60.0 %" in shown and "| 2 | 3 | 10 |" in shown
    assert "a3c-do against dqn-do | -50.0 %" in tables.order_table(lines, [("a3c-do", "dqn-do")])
    assert tables.summaries(lines)[0]["curve"] == [0.9, 0.61, 0.6]


def test_the_bounds_table_shows_how_far_above_the_best_found_strategies_are():
    def bound_of(best, above):
        policies = {"greedy-do": {"above_best": 0.2}, "a3c-do:x/y.npz": {"above_best": above}}
        return {"best_found": {"overhead": best}, "lower_bound": {"overhead": 0.4}, "policies": policies}

    lines = [
        line("bound", [], seed, bound=bound_of(best, above)) for seed, best, above in ((0, 0.5, 0.06), (1, 0.6, 0.08))
    ]
    shown = tables.bound_table(lines)
    assert "| region | density=0.7 | 2 | 0.5500 | 0.4000 | greedy-do +20.0 %, a3c-do +7.0 % |" in shown
    assert tables.summaries(lines) == []


def test_the_cost_of_what_is_left_is_that_of_its_like():
    lines = [line("a3c-do", [0.5], 0, all_cpu_s=60.0), line("a3c-do", [0.5], 1)]
    wanted = [{**line("a3c-do", [], seed), "table": "main"} for seed in range(3)]
    assert "| main | 3 | 94 | 2 | 32 |" in tables.cost_table(wanted, lines)
    assert "| main | 1 | unknown | 0 | unknown |" in tables.cost_table([{**line("dqn", []), "table": "main"}], lines)


def test_seeds_are_the_first_so_many_or_a_range_of_them(learning):
    assert (list(learning.seeds_of("3")), list(learning.seeds_of("5-7"))) == ([0, 1, 2], [5, 6, 7])
    jobs = [job for part in ("5", "5-9") for job in learning.jobs("main", learning.seeds_of(part))]
    assert {job.key for job in jobs} == {job.key for job in learning.jobs("main", range(10))}
    assert {job.seed for job in learning.jobs("head", range(10))} == {0, 1, 2}


@pytest.fixture
def learning(monkeypatch):
    monkeypatch.syspath_prepend(str(PATH.parent))
    return importlib.import_module("learning")
