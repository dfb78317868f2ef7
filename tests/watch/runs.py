"""Recorded runs for the screens' tests, made by the simulation."""

from functools import cache
from pathlib import Path
from tempfile import mkdtemp

from testbed.experiments.runner import Order, perform
from testbed.record import reader
from testbed.record.backends import SIM
from testbed.record.reader import RecordedRun
from testbed.scenario.load import load_scenario
from testbed.trace import inputs


@cache
def recorded(scenario: str = "smoke", *changes: str, policy: str = "greedy-do") -> RecordedRun:
    """A simulated run, read back."""
    resolved = inputs.resolve(load_scenario(scenario, list(changes)))
    workload = inputs.generate(resolved.scenario, resolved.system)
    folder = Path(mkdtemp(prefix="testbed-test-")) / "run"
    perform(Order(resolved=resolved, workload=workload, policy=policy, backend=SIM, out=str(folder)))
    return reader.read_run(folder)
