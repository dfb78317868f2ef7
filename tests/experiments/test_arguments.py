"""What is no scenario, policy, number or path for the Python interface is said in words, not by Python's own errors."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import testbed
from testbed.experiments import arguments

TEXT = "slots: 2\ncells: [{ues: 1}]\n"


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    (tmp_path / "s.yaml").write_text(TEXT)
    monkeypatch.chdir(tmp_path)


untyped: Any = testbed  # as a notebook uses it
WRONG = {
    "no source": (lambda: untyped.load_scenario(None), "source is None"),
    "bytes": (lambda: untyped.load_scenario(b"s.yaml"), "a name or a path is needed"),
    "a list of changes": (lambda: untyped.load_scenario("s.yaml", ["density=1"]), "a mapping is needed"),
    "an object as a change": (lambda: untyped.load_scenario("s.yaml", {"cells": [object()]}), "cells is [<object"),
    "a function": (lambda: untyped.run_scenario("s.yaml", lambda cell, rng: {}), "module:attribute"),
    "no policy": (lambda: untyped.run_scenario("s.yaml", None), "policy is None"),
    "no backend": (lambda: untyped.run_scenario("s.yaml", "lc", backend=None), "backend is None"),
    "an empty place": (lambda: untyped.run_scenario("s.yaml", "lc", out=""), "out is ''"),
    "a run to run": (lambda: untyped.run_scenario(case(), "lc"), "scenario is Run("),
    "no table": (lambda: case().columns(None), "the name of a table is needed"),
    "one policy as a text": (lambda: untyped.compare("s.yaml", "lc"), "a list of names is needed"),
    "a policy twice": (lambda: untyped.compare("s.yaml", ["lc", "lc"]), "give different ones"),
    "a number as a policy": (lambda: untyped.compare("s.yaml", ["lc", 3]), "policy is 3"),
    "half a workload": (lambda: untyped.compare("s.yaml", ["lc"], seeds=1.5), "seeds=1.5"),
    "yes as a number": (lambda: untyped.compare("s.yaml", ["lc"], seeds=True), "seeds=True"),
    "no runs": (lambda: untyped.compare([]), "no runs to compare"),
    "a number as a run": (lambda: untyped.compare([3]), "run is 3"),
    "no run": (lambda: untyped.read_run(None), "run is None"),
}


def case():
    """A run of the simulation."""
    return testbed.run_scenario("s.yaml", "lc")


@pytest.mark.parametrize(("call", "output"), WRONG.values(), ids=WRONG)
def test_a_wrong_kind_of_value_is_named_with_what_is_needed(call, output):
    with pytest.raises(testbed.TestbedError) as raised:
        call()
    assert output in str(raised.value)


def test_numpys_numbers_arrays_and_paths_are_changes():
    result = arguments.changes(
        {"slots": np.int64(3), "task.input": {"choice": np.array(["1 kB", "2 kB"])}, "cells": [{"ues": np.int32(2)}]}
    )
    assert result == ["slots=3", 'task.input={"choice": ["1 kB", "2 kB"]}', 'cells=[{"ues": 2}]']
    assert arguments.changes({"radio.trace": {"file": Path("up.csv")}}) == ['radio.trace={"file": "up.csv"}']
    scenario = testbed.load_scenario("s.yaml", {"slots": np.int64(3), "cells": [{"ues": np.int32(2)}]})
    assert scenario.slots == 3 and scenario.cells[0].ues == 2
