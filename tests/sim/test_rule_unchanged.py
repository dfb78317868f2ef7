"""Where the scenario leaves second offload to the rule, runs are to the last byte what they were before agents could
choose: these digests were taken then."""

import hashlib

import msgspec
import pytest

from testbed.experiments.virtual import by_twin
from testbed.policy import loading
from testbed.policy.heuristics import Priced
from testbed.scenario.load import load_scenario
from testbed.sim.simulation import simulate
from testbed.trace import inputs

FAULTS = (
    "faults=[{at: 3.3 s, kill: es-1, restart_after: 9 s}, {at: 8 s, for: 20 s, cut: 'es-2:es-3'},"
    "{at: 12 s, kill: ue-2-1, restart_after: 3 s}, {at: 20 s, for: 4 s, slow: es-3 to 40%}]"
)
LOSSY = ("radio.loss=0.1", "radio.access=shared", "second_offload.threshold=0.3 s")
CASES = {
    "greedy-do": ((), "e4e9c5ee0c06a1e4"),
    "random-do": ((FAULTS,), "d335f7adb37bc9dd"),
    "greedy": (LOSSY, "83a726c5e41fcdcd"),
    "offload-do": (LOSSY, "9fa21695cd50d499"),
}
TWIN = {"greedy-do": "99ab3eaff8c05794", "priced-do": "9fe17ad7cf358b61", "random-do": "982b27d85caccd64"}


def plan_of(settings, strategy, *, double):
    resolved = inputs.resolve(load_scenario("region", ["slots=60", *settings]))
    workload = inputs.generate(resolved.scenario, resolved.system)
    return resolved.plan(workload, strategy, second_offload=double, live=False)


def digest(run):
    rows = [msgspec.json.encode(list(table)) for table in (run.tasks, run.slots, run.ue_slots, run.links)]
    return hashlib.sha256(b"\n".join(rows)).hexdigest()[:16]


@pytest.mark.parametrize("strategy", CASES)
def test_the_simulation_under_the_rule_is_what_it_was(strategy):
    policy, double = loading.load(strategy)
    settings, known = CASES[strategy]
    assert digest(simulate(plan_of(settings, strategy, double=double), policy)) == known


@pytest.mark.parametrize("strategy", TWIN)
def test_the_twin_under_the_rule_is_what_it_was(strategy):
    policy = Priced(0.3, 0.1) if strategy == "priced-do" else loading.load(strategy)[0]
    assert digest(by_twin(plan_of(LOSSY, strategy, double=True), policy)) == TWIN[strategy]
