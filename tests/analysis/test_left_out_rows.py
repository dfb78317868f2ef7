"""Who reads a record says the same of it whether idle boundaries have rows, as in older records, or not."""

import math

import pytest

from testbed.analysis import per_server
from testbed.analysis.summary import tally_of
from testbed.experiments import runner
from testbed.experiments.runner import Order
from testbed.protocol.idle import Boundaries
from testbed.record.backends import SIM
from testbed.report import series
from testbed.scenario.load import load_scenario
from testbed.sim import simulation
from testbed.trace import inputs
from testbed.watch.telemetry import Telemetry

FAULTS = "faults=[{at: 20 s, kill: es-1, restart_after: 8 s}, {at: 40.5 s, kill: es-3}]"
CASES = {
    "sparse": ("density=0.02", "slots=300"),
    "dense": ("density=0.9", "slots=60"),
    "faults": ("density=0.3", "slots=60", FAULTS),
    "over": ("density=0.25", "slots=80", "second_offload.threshold=1 ms", "cells.0.density_factor=4"),
}


def every(self, row):
    """In place of `Boundaries.records`: all of them."""
    return True


@pytest.fixture(params=CASES)
def runs(request, tmp_path, monkeypatch):
    """A run without rows of idle boundaries, and the same with them."""
    resolved = inputs.resolve(load_scenario("region", CASES[request.param]))
    workload = inputs.generate(resolved.scenario, resolved.system)
    made = []
    for folder in ("few", "all"):
        out = str(tmp_path / folder)
        made.append(runner.execute(Order(resolved=resolved, workload=workload, policy="offload", backend=SIM, out=out)))
        monkeypatch.setattr(Boundaries, "records", every)
        monkeypatch.setattr(simulation, "Sleep", lambda plan: None)
    assert len(made[0].record.slots) < len(made[1].record.slots) or request.param == "dense"
    return made


def test_a_summary_says_the_same(runs):
    few, many = runs
    found = [per_server.summarise(run, tally_of(run).servers) for run in (few, many)]
    assert found[0] == found[1]


@pytest.mark.parametrize("what", [series.TASKS_WAITING, series.BUSY])
def test_lines_over_time_are_the_same(runs, what):
    few, many = (series.server_series(run, what) for run in runs)
    assert repr(few) == repr(many)
    assert all(0 < len(line.x) <= series.MOST_POINTS for line in few)


def test_a_screen_shows_the_same_of_servers_that_live(runs):
    shown = []
    for run in runs:
        telemetry = Telemetry(run.resolved.system, run.record.meta, [task.generated_ns for task in run.workload])
        for rows in (run.tasks, run.record.slots, run.record.events):
            telemetry.take(rows)
        telemetry.advance(run.end_ns)
        shown.append([es for es in telemetry.snapshot().servers if es.alive and not run.absences.get(es.name)])
    for one, other in zip(*shown, strict=True):
        assert math.isclose(one.utilisation, other.utilisation)
        assert (one.busy, one.waiting_by_slot) == (other.busy, other.waiting_by_slot)
        assert (one.waiting, one.backlog_s, one.executed) == (other.waiting, other.backlog_s, other.executed)
