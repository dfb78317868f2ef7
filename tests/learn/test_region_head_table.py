"""The benchmark of the regional head: what it trains, and how soon a training is near an end."""

import importlib
import math
import sys
from pathlib import Path
from unittest import mock

FOLDER = Path(__file__).parents[2] / "benchmarks"
with mock.patch.object(sys, "path", [str(FOLDER), *sys.path]):
    region_head = importlib.import_module("region_head")

CURVE = [(2.0, 600, 0.615), (4.0, 1200, 0.609), (6.0, 1800, 0.6), (8.0, 2400, 0.604)]


def entry(**more):
    known = {"density": 0.7, "updates": 2400, "options": ["rate=0.004", "gamma=0.95"], "seed": 1, "cpu_s": 8.2}
    return {**known, "overhead": [0.6, 0.7], "curve": CURVE, **more}


def test_a_training_is_near_an_end_from_its_first_evaluation_within_two_percent():
    assert region_head.near_s(entry(), 0.6) == 4.0
    assert region_head.near_s(entry(), 0.592) == 6.0
    assert math.isnan(region_head.near_s(entry(), 0.58))


def test_the_end_is_the_least_of_the_density_unless_it_is_given():
    longer = entry(updates=7200, curve=[(20.0, 7200, 0.59)])
    elsewhere = entry(density=0.9, curve=[(5.0, 1200, 0.5)])
    lines = region_head.shown([entry(), longer, elsewhere], {}).splitlines()
    assert lines[2] == "| 0.7 | 2,400 | rate=0.004 gamma=0.95 | 1 | 0.6500 | 8 | 6.0 |"
    assert [line.split("|")[-2].strip() for line in lines[2:]] == ["6.0", "20.0", "5.0"]
    ended = region_head.shown([entry(), elsewhere], {0.7: 0.6}).splitlines()
    assert [line.split("|")[-2].strip() for line in ended[2:]] == ["4.0", "5.0"]


def test_settings_are_trained_with_one_seed_after_another():
    rows = list(region_head.rows(2))
    assert [row["seed"] for row in rows] == sorted(row["seed"] for row in rows)
    assert {"density": 0.7, "updates": 12_000, "options": ["rate=0.004"], "seed": 2} in rows
