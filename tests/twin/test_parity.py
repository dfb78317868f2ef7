"""Twin = simulation: every task's every instant is the same integer."""

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings

from testbed.policy.heuristics import Coin, FixedChoice, Priced
from testbed.protocol.rows import POLICY_ERROR
from testbed.sim.simulation import simulate
from testbed.twin.run import run
from tests.properties import examples
from tests.support import MS, plan, region
from tests.twin.worlds import Hashed, plans

FLOATS = ("energy_j", "energy_measured_j", "overhead")


def same(a, b):
    """Equal in every field, floats to 1e-12."""
    first, second = msgspec.structs.asdict(a), msgspec.structs.asdict(b)
    for name in FLOATS:
        assert first.pop(name) == pytest.approx(second.pop(name), rel=1e-12, abs=1e-300)
    assert first == second


def compare(plan, policy):
    """Simulate and run on the twin; the records must agree."""
    simulated, ran = simulate(plan, policy), run(plan, policy)
    assert len(simulated.tasks) == len(ran.tasks) == len(plan.workload)
    for a, b in zip(simulated.tasks, ran.tasks, strict=True):
        same(a, b)
    assert simulated.end_ns == ran.end_ns

    def order(row):
        return row.start_ns, row.end_ns, row.ue, row.number, row.link

    assert sorted(simulated.links, key=order) == sorted(ran.links, key=order)
    assert simulated.ue_slots == ran.ue_slots
    assert simulated.slots == ran.slots
    assert sorted(simulated.events, key=repr) == sorted(ran.events, key=repr)


@settings(deadline=None, max_examples=examples(300), suppress_health_check=list(HealthCheck))
@given(plans())
def test_random_systems_policies_ties_and_zero_lengths(drawn):
    compare(*drawn)


@pytest.mark.parametrize(
    "policy", [FixedChoice(0), FixedChoice(1), Coin(0.4), Priced(), Priced(0.7, 0.05), Hashed()], ids=repr
)
@pytest.mark.parametrize("double", [False, True])
def test_region_under_every_heuristic(policy, double):
    system, tasks = region(0.8, 3, 40)
    compare(plan(system, tasks, double=double), policy)


@pytest.mark.parametrize("seed", range(3))
def test_region_with_a_shared_band_jitter_and_loss(seed):
    radio = {
        "access": "shared",
        "latency_ns": 3 * MS,
        "jitter_kind": 3,
        "jitter_low_ns": 10 * MS,
        "jitter_high_ns": 10 * MS,
        "loss": 0.2,
        "return_latency_ns": 90 * MS,
    }
    system, tasks = region(0.7, seed, 40, **radio)
    compare(plan(system, tasks), Priced())


def test_decisions_of_a_recorded_run_are_repeated():
    system, tasks = region(0.7, 5, 20)
    first = run(plan(system, tasks), Coin(0.5))
    index = {ue.name: ue.index for ue in system.ues}
    again = run(plan(system, tasks), None, {(index[row.ue], row.slot): row.choice for row in first.tasks})
    assert again.tasks == first.tasks and len({row.choice for row in first.tasks}) == 2


class Failing:
    """A policy that fails in every third slot."""

    def decide(self, cell, rng):
        if cell.slot % 3 == 0:
            raise ValueError("no decision")
        return {ue.name: 1 for ue in cell.ues}


def test_a_policy_that_fails_leaves_the_same_events():
    system, tasks = region(0.7, 5, 20)
    case = plan(system, tasks)
    assert {event.kind for event in simulate(case, Failing()).events} == {POLICY_ERROR}
    compare(case, Failing())


def test_every_server_is_recorded_at_the_last_instant():
    system, tasks = region(0.9, 5, 20)
    rows = simulate(plan(system, tasks), FixedChoice(1)).slots
    assert [row.es for row in rows if row.at_ns == system.end_ns] == [es.name for es in system.edge_servers]
