"""Recorded runs for the tests of reports, made once a session on the simulation."""

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path

import testbed
from testbed.experiments import runner
from testbed.record import reader
from testbed.report.reported import reported


@cache
def _folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="testbed-tests-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


@cache
def recorded(policy="greedy-do", slots=60, density=0.7, faults="[]", name="run"):
    """The directory of a run of ``region``; whoever changes it takes a copy."""
    changes = {"density": density, "faults": faults}
    scenario = testbed.load_scenario("region", changes)
    place = _folder() / str(len(list(_folder().iterdir()))) / name
    return testbed.run_scenario(scenario, policy, slots=slots, out=place).path


def listed(*paths):
    """The runs at ``paths`` as a report takes them."""
    runs = [reader.read_run(path) for path in paths]
    return reported([(run, runner.summary_of(run)) for run in runs])
