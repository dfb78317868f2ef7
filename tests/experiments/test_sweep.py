"""Sweeps of a scenario's key."""

import pytest

from testbed.experiments.sweep import Grid, Sweep, grid, parse, scenario_at
from testbed.model.errors import ScenarioError, UsageError
from testbed.scenario.load import load


@pytest.mark.parametrize(
    ("text", "key", "values"),
    [
        ("density=0.3..0.9:4", "density", ("0.3", "0.5", "0.7", "0.9")),
        ("cells.0.es.cpu=2..4 GHz:3", "cells.0.es.cpu", ("2 GHz", "3 GHz", "4 GHz")),
        ("radio.noise=-110 dBm..-90 dBm:2", "radio.noise", ("-110 dBm", "-90 dBm")),
        ("radio.loss=.1..1e-1:2", "radio.loss", ("0.1", "0.1")),
    ],
)
def test_values_are_equally_far_apart(text, key, values):
    assert parse(text) == Sweep(key, values)


NONE = ("density", "density=1..2", "density=a..b:3", "slot=1 s..2 ms:3", "x=1..2:0", "=1..2:3", "x=1..2:5000", "x=..:3")


@pytest.mark.parametrize("text", NONE)
def test_what_is_no_sweep_is_refused(text):
    with pytest.raises(UsageError, match="--sweep"):
        parse(text)


def test_two_keys_are_swept_with_each_other_and_none_is_the_scenario_itself():
    both = grid(["density=0.3..0.9:2", "cells.0.es.cpu=2..4 GHz:2"])
    assert both.points == (("0.3", "2 GHz"), ("0.3", "4 GHz"), ("0.9", "2 GHz"), ("0.9", "4 GHz"))
    assert both.changes(both.points[1]) == ["density=0.3", "cells.0.es.cpu=4 GHz"]
    assert both.named(both.points[1]) == "density = 0.3, cells.0.es.cpu = 4 GHz"
    scenario = scenario_at(both, both.points[1], lambda changes: load("region", changes)).scenario
    assert (scenario.density, scenario.cells[0].es.cpu_hz, scenario.cells[1].es.cpu_hz) == (0.3, 4e9, 3e9)
    assert grid([]) == Grid() and Grid().points == ((),) and Grid().changes(()) == []


def test_a_mistake_in_a_value_of_either_key_is_told_in_the_name_of_the_sweep():
    both = grid(["density=0.3..0.9:2", "cells.0.es.cpu=-4..4 GHz:2"])
    with pytest.raises(ScenarioError) as error:
        scenario_at(both, both.points[0], lambda changes: load("region", changes))
    assert error.value.file == "--sweep cells.0.es.cpu"


@pytest.mark.parametrize(
    ("texts", "why"),
    [
        (["a=1..2:2", "b=1..2:2", "c=1..2:2"], "given 3 times"),
        (["a=1..2:2", "a=3..4:2"], "a is given twice"),
        (["a=1..2:50", "b=1..2:50"], "2500 points"),
    ],
)
def test_sweeps_that_make_no_grid_are_refused(texts, why):
    with pytest.raises(UsageError, match=why):
        grid(texts)
