"""The twin repeats recorded decisions with the time each took: every task ends when it does in the simulation."""

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from testbed.analysis import reference
from testbed.analysis.replay import recorded_answers
from testbed.experiments import runner
from testbed.model import random
from testbed.policy.heuristics import Coin, Priced
from testbed.record.reader import read_run
from testbed.scenario.load import load_scenario
from testbed.sim.simulation import simulate
from testbed.trace import inputs
from testbed.twin import repeat
from tests.properties import examples
from tests.support import plan, region
from tests.twin.worlds import plans


def thought(result, rows, seed, longest_ns):
    """``rows`` with a time to think for each decision, below ``longest_ns``."""
    index = {ue.name: ue.index for ue in result.system.ues}
    took = [int(random.uniform(seed, 9, index[row.ue], row.slot, 0) * longest_ns) for row in rows]
    return [msgspec.structs.replace(row, think_ns=ns) for row, ns in zip(rows, took, strict=True)]


def decided(result, rows):
    """The decisions of ``rows`` as columns."""
    index = {ue.name: ue.index for ue in result.system.ues}
    columns = {name: np.array([getattr(row, name) for row in rows], np.int64) for name in ("number", "slot", "choice")}
    think_ns = np.array([row.think_ns for row in rows], np.int64)
    return repeat.Decided(ue=np.array([index[row.ue] for row in rows], np.int64), think_ns=think_ns, **columns)


def check(changed, policy, seed):
    """Repeat on both clocks, if the twin can; returns whether it could."""
    rows = thought(changed, simulate(changed, policy).tasks, seed, changed.system.slot_ns)
    patient = msgspec.structs.replace(changed.system, decision_timeout_ns=2 * changed.system.slot_ns)
    changed = msgspec.structs.replace(changed, system=patient)
    if not repeat.can_repeat(changed, decided(changed, rows)):
        return False
    index = {ue.name: ue.index for ue in changed.system.ues}
    simulated = simulate(changed, None, recorded_answers(rows)).tasks
    wanted = [row.finished_ns for row in sorted(simulated, key=lambda row: (index[row.ue], row.number))]
    assert repeat.ends_ns(changed, decided(changed, rows)).tolist() == wanted
    return True


@settings(deadline=None, max_examples=examples(200), suppress_health_check=list(HealthCheck))
@given(plans(), st.integers(0, 2**32))
def test_random_systems_with_ties_and_zero_lengths(drawn, seed):
    hardware, policy = drawn
    check(hardware, policy, seed)


@pytest.mark.parametrize("policy", [Coin(0.5), Priced()], ids=repr)
@pytest.mark.parametrize("double", [False, True])
def test_region(policy, double):
    system, tasks = region(0.8, 3, 40)
    assert check(plan(system, tasks, double=double), policy, 1)


@pytest.mark.parametrize(
    "change",
    [
        lambda plan, decisions: (
            plan,
            msgspec.structs.replace(decisions, think_ns=decisions.think_ns + plan.system.slot_ns),
        ),
        lambda plan, decisions: (plan, msgspec.structs.replace(decisions, choice=decisions.choice - 1)),
        lambda plan, decisions: (msgspec.structs.replace(plan, workload=plan.workload[1:]), decisions),
        lambda plan, decisions: (plan, msgspec.structs.replace(decisions, slot=decisions.slot + 11)),
    ],
    ids=["slow", "undecided", "unknown", "too late"],
)
def test_what_the_twin_cannot_repeat_it_does_not(change):
    system, tasks = region(0.8, 3, 10)
    case = plan(system, tasks)
    result = decided(case, simulate(case, Coin(0.5)).tasks)
    assert repeat.can_repeat(case, result)
    assert not repeat.can_repeat(*change(case, result))


def test_a_run_has_the_same_reference_by_both_clocks(tmp_path, monkeypatch):
    resolved = inputs.resolve(load_scenario("region", ["slots=30"]))
    workload = inputs.generate(resolved.scenario, resolved.system)
    out = str(tmp_path / "r")
    order = runner.Order(resolved=resolved, workload=workload, policy="greedy-do", backend="sim", out=out)
    run = read_run(runner.execute(order).path)
    result = run.resolved.plan(workload, "greedy-do", second_offload=True, live=False)
    run = msgspec.structs.replace(run, tasks=thought(result, run.tasks, 5, 10**8))
    simulated = reference.delay_pairs(run)
    monkeypatch.setattr(reference, "TWIN_FROM", 0)
    assert sorted(reference.delay_pairs(run)) == sorted(simulated) and len(simulated) == len(run.tasks)
    assert reference.by_twin(run) is not None
