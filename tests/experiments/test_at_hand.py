"""A virtual clock's run at hand is the one that is read back from its directory."""

import msgspec
import pytest

from testbed.experiments import runner
from testbed.experiments.runner import Order
from testbed.record import reader
from testbed.record.backends import SIM, TWIN
from testbed.scenario.load import load_scenario
from testbed.trace import inputs

FAILS = """
class Policy:
    def decide(self, view, rng):
        raise ValueError("red \\x1b[31m\\u202e or not")


POLICY = Policy()
"""
CHANGES = [
    ("region", ()),
    ("region", ("agent.reward=paper",)),
    ("shared-radio", ()),
    ("recorded", ()),
    ("smoke", ("density=0",)),
]


def played(tmp_path, backend, name, changes, policy):
    """The run as it was made, and as it is read."""
    resolved = inputs.resolve(load_scenario(name, ["slots=20", *changes]))
    workload = inputs.generate(resolved.scenario, resolved.system)
    out = str(tmp_path / "r")
    run = runner.execute(Order(resolved=resolved, workload=workload, policy=policy, backend=backend, out=out))
    return run, reader.read_run(out)


def same(one, other):
    """Equal in all that a reader may ask for; where a scenario was written is another matter."""
    for name in ("path", "workload", "record", "tasks", "absences", "end_ns", "reason"):
        assert getattr(one, name) == getattr(other, name), name
    assert one.resolved.system == other.resolved.system and one.resolved.emulation == other.resolved.emulation
    own, its = (msgspec.to_builtins(runner.summary_of(run)) for run in (one, other))
    assert repr(own) == repr(its)


@pytest.mark.parametrize(("name", "changes"), CHANGES)
@pytest.mark.parametrize("backend", [SIM, TWIN])
def test_nothing_is_lost_or_changed_by_writing_and_reading(tmp_path, backend, name, changes):
    run, read = played(tmp_path, backend, name, changes, "greedy-do")
    same(run, read)
    assert run.record.meta["backend"] == backend and bool(run.tasks) == (name != "smoke")


def test_deaths_are_read_back_too(tmp_path):
    faults = "faults=[{at: 5 s, kill: es-1, restart_after: 4 s}, {at: 7 s, kill: ue-1-2}]"
    run, read = played(tmp_path, SIM, "region", (faults,), "offload")
    same(run, read)
    assert run.absences["es-1"] == [(5_000_000_000, 9_000_000_000)]


@pytest.mark.parametrize("backend", [SIM, TWIN])
def test_what_a_policy_says_is_fit_for_a_terminal(tmp_path, backend):
    (tmp_path / "own.py").write_text(FAILS)
    run, read = played(tmp_path, backend, "smoke", (), f"{tmp_path / 'own.py'}:POLICY")
    same(run, read)
    assert "\x1b" not in run.record.events[0].detail and "red" in run.record.events[0].detail
