"""Hindsight: bound ≤ optimum ≤ best found ≤ strategies, on random systems and against all decisions of small ones."""

import itertools
import math

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from testbed.hindsight import evaluator, placements, relaxation, search
from testbed.hindsight.search import Chain, Exact, Search
from testbed.model.errors import ScenarioError, UsageError
from testbed.model.system import Es, Plan, Radio
from testbed.model.task import Task
from testbed.policy.heuristics import Coin, FixedChoice, Priced
from testbed.scenario.load import load_scenario
from testbed.sim.simulation import simulate
from testbed.trace import inputs
from tests.properties import examples
from tests.support import MS, plan, region, system
from tests.twin.worlds import plans, systems, workloads

ROOM = 1.0 + 1e-9
QUIET = list(HealthCheck)


def bound_of(result, target, steps=60):
    return relaxation.lower_bound(
        result.system,
        result.workload,
        second_offload=result.second_offload,
        target=target,
        watch=lambda *_: False,
        steps=steps,
    )


def decisions_of(result, policy):
    index = {ue.name: ue.index for ue in result.system.ues}
    decisions = np.zeros((result.system.slots + 1, len(index)), np.int8)
    rows = simulate(result, policy).tasks
    for row in rows:
        decisions[row.slot, index[row.ue]] = row.choice
    return decisions, sum(row.overhead for row in rows) / len(rows)


def everything(exact):
    """The least mean overhead of all decisions."""
    result = exact.plan
    at = placements.decision_points(result.system.slot_ns, result.workload)
    least, decisions = math.inf, np.zeros((result.system.slots + 1, len(result.system.ues)), np.int8)
    for choices in itertools.product((0, 1), repeat=len(at)):
        for (slot, ue), choice in zip(at, choices, strict=True):
            decisions[slot, ue] = choice
        least = min(least, exact.overhead(decisions))
    return least


@settings(deadline=None, max_examples=examples(150), suppress_health_check=QUIET)
@given(plans())
def test_bound_best_found_and_strategies_stand_in_order_on_random_systems(drawn):
    hardware, _ = drawn
    assume(hardware.workload)
    policies = [FixedChoice(0), FixedChoice(1), Coin(0.5), Priced()]
    played = {str(n): decisions_of(hardware, policy) for n, policy in enumerate(policies)}
    result = Search(Exact(hardware), {name: decisions for name, (decisions, _) in played.items()})
    least = min(overhead for _, overhead in played.values())
    assert result.overhead == pytest.approx(least, rel=1e-9, abs=1e-300)
    result.run(300, lambda now: False)
    assert result.overhead <= least * ROOM
    assert bound_of(hardware, result.overhead) <= result.overhead


@st.composite
def small(draw):
    """A plan with at most 8 decisions."""
    result = draw(systems())
    tasks = draw(workloads(result))
    remaining = [task for task in tasks if task.number < 3][:8]
    assume(remaining and len(placements.decision_points(result.slot_ns, tuple(remaining))) <= 8)
    return Plan(system=result, workload=tuple(remaining), policy="small", second_offload=draw(st.booleans()))


@settings(deadline=None, max_examples=examples(100), suppress_health_check=QUIET)
@given(small())
def test_against_all_decisions_the_bound_is_below_the_optimum_and_the_search_finds_it(built):
    exact = Exact(built)
    optimum = everything(exact)
    result = Search(exact, {"lc": np.zeros((built.system.slots + 1, len(built.system.ues)), np.int8)})
    result.run(4000, lambda now: False)
    assert optimum == pytest.approx(result.overhead, rel=1e-9, abs=1e-300)
    assert bound_of(built, result.overhead, 200) <= optimum


@pytest.mark.parametrize("double", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_on_realistic_tasks_the_search_finds_what_trying_everything_finds(seed, double):
    hardware, tasks = region(0.9, seed, 2)
    tasks = tuple(task for task in tasks if task.ue >= 8)[:12]
    exact = Exact(plan(hardware, tasks, double=double))
    optimum = everything(exact)
    result = Search(exact, {"offload": np.ones((3, 15), np.int8)})
    result.run(10_000, lambda now: False)
    assert result.overhead == pytest.approx(optimum, rel=1e-12)
    assert 0.5 * optimum < bound_of(exact.plan, optimum, 500) <= optimum


@settings(deadline=None, max_examples=examples(60), suppress_health_check=QUIET)
@given(plans(), st.integers(0, 10**6))
def test_a_chain_s_sums_are_what_the_twin_says_of_its_decisions(drawn, seed):
    hardware, policy = drawn
    assume(hardware.workload)
    exact = Exact(hardware)
    start = decisions_of(hardware, policy)[0]
    chain = Chain(exact, start, seed, 200)
    largest = max(exact.overhead(np.full_like(start, choice)) for choice in (0, 1))
    for _ in range(4):
        chain.go(50)
        assert chain.present == pytest.approx(exact.overhead(chain.decisions), rel=1e-9, abs=1e-12 * largest)
        assert chain.overhead == pytest.approx(exact.overhead(chain.best), rel=1e-9, abs=1e-12 * largest)


def test_a_chain_on_a_region_drifts_by_rounding_only():
    hardware, tasks = region(0.8, 3, 40, jitter_kind=1, jitter_high_ns=50 * MS, loss=0.1)
    exact = Exact(plan(hardware, tasks))
    chain = Chain(exact, np.zeros((41, 15), np.int8), 5, 20_000)
    chain.go(20_000)
    assert chain.present == pytest.approx(exact.overhead(chain.decisions), rel=1e-10)
    assert chain.overhead < 0.6 * exact.overhead(np.zeros((41, 15), np.int8))


def test_the_same_seed_finds_the_same_and_more_evaluations_find_better():
    hardware, tasks = region(0.7, 7, 20)
    start = {"lc": np.zeros((21, 15), np.int8)}
    once, again, longer = (Search(Exact(plan(hardware, tasks)), start) for _ in range(3))
    once.run(5000, lambda now: False)
    again.run(5000, lambda now: False)
    longer.run(40_000, lambda now: False)
    assert once.overhead == again.overhead and (once.best == again.best).all()
    assert once.evaluations == 5000 and longer.overhead < once.overhead


def test_a_search_that_is_stopped_has_its_best_so_far():
    hardware, tasks = region(0.7, 7, 20)
    result = Search(Exact(plan(hardware, tasks)), {"lc": np.zeros((21, 15), np.int8)})
    first = result.overhead
    result.run(10**9, lambda now: True)
    assert result.evaluations == search.SEARCH_BATCH + 1 and result.overhead < first


def test_a_world_without_waits_has_a_bound_that_is_the_optimum():
    hardware = system(ues=(1,), speeds=(2_000_000_000,), slots=3)
    tasks = tuple(
        Task(ue=0, number=n, generated_ns=n * 10**9, input_bits=800_000, cycles=200_000_000, deadline_ns=10**9)
        for n in range(3)
    )
    alone = Plan(system=hardware, workload=tasks, policy="x", second_offload=False)
    assert bound_of(alone, everything(Exact(alone))) == pytest.approx(everything(Exact(alone)), rel=1e-8)


def test_the_bound_sees_a_server_that_cannot_do_everything_at_once():
    hardware = system(ues=(4,), speeds=(10_000_000_000,), slots=1, radio=Radio())
    slow = msgspec.structs.replace(hardware, edge_servers=(Es(name="es-1", index=0, cpu_hz=1_000_000_000),))
    tasks = tuple(
        Task(ue=ue, number=0, generated_ns=0, input_bits=8_000, cycles=10**9, deadline_ns=10**9) for ue in range(4)
    )
    fast, queued = (
        everything(Exact(Plan(system=one, workload=tasks, policy="x", second_offload=False)))
        for one in (hardware, slow)
    )
    bounds = [
        bound_of(Plan(system=one, workload=tasks, policy="x", second_offload=False), best, 2000)
        for one, best in ((hardware, fast), (slow, queued))
    ]
    assert bounds[1] > 2 * bounds[0]
    assert 0.8 * fast < bounds[0] <= fast and 0.8 * queued < bounds[1] <= queued


def test_second_offload_lowers_the_bound_only_where_it_is_allowed():
    hardware, tasks = region(0.9, 1, 20)
    alone, double = (bound_of(plan(hardware, tasks, double=mode), 0.7, 300) for mode in (False, True))
    assert double < alone


def case(*strategies, changes=()):
    resolved = inputs.resolve(load_scenario("region", ["slots=12", *changes]))
    return evaluator.of_scenario(resolved, inputs.generate(resolved.scenario, resolved.system), strategies)


def test_strategies_without_second_offload_are_judged_against_hindsight_without_it():
    alone = evaluator.evaluate(case("lc", "greedy"), 4000, lambda *_: False)
    both = evaluator.evaluate(case("lc", "greedy", "greedy-do"), 4000, lambda *_: False)
    assert not alone.second_offload and both.second_offload
    assert both.bound < alone.bound
    for result in (alone, both):
        assert result.bound <= result.best <= min(one.overhead for one in result.played.values())


def test_best_found_is_no_worse_than_a_plain_strategy_where_second_offload_hurts():
    slow = ("backhaul.rate=1 kbit/s", "second_offload.threshold=0 s")
    result = evaluator.evaluate(case("greedy", "offload-do", changes=slow), 500, lambda *_: False)
    assert result.best <= result.played["greedy"].overhead < result.played["offload-do"].overhead


@pytest.mark.parametrize(
    ("change", "output"),
    [
        ("agent.epoch=arrival", "the twin does not support it"),
        ("faults=[{at: 2 s, kill: es-1}]", "does not support deaths"),
    ],
)
def test_what_hindsight_cannot_express_is_refused(change, output):
    with pytest.raises(ScenarioError, match=output):
        case("lc", changes=[change])


def test_no_tasks_and_too_many_states_are_refused(monkeypatch):
    with pytest.raises(UsageError, match="no tasks"):
        case("lc", changes=["density=0"])
    monkeypatch.setattr(search, "MOST_BYTES", 1000)
    with pytest.raises(UsageError, match="B of states"):
        evaluator.evaluate(case("lc"), 100, lambda *_: False)


DISTURBED = (
    "{at: 1 s, for: 4 s, slow: es-1 to 30%}",
    "{at: 2.3 s, for: 3.1 s, slow: es-2 to 70%}",
    "{at: 1.5 s, for: 5 s, degrade: ue-1-2 to 1 Mbit/s +20 ms}",
    "{at: 0 s, for: 6 s, degrade: ue-2-1 to loss 0%}",
)


@pytest.mark.parametrize("loss", [0.0, 0.3])
def test_the_bound_holds_through_slow_servers_and_degraded_links(loss):
    changes = (f"radio.loss={loss}", f"faults=[{', '.join(DISTURBED)}]")
    result = evaluator.evaluate(case("lc", "offload", "greedy-do", changes=changes), 2000, lambda *_: False)
    assert 0.0 < result.bound <= result.best <= min(one.overhead for one in result.played.values())


def test_a_link_that_loses_less_for_a_time_lowers_the_bound():
    usual, kinder = (
        evaluator.evaluate(case("lc", changes=("radio.loss=0.6", *more)), 50, lambda *_: False)
        for more in ((), ("faults=[{at: 0 s, degrade: ue-1-1 to loss 0%}]",))
    )
    assert kinder.bound < usual.bound


@pytest.mark.parametrize("fault", ["cut: es-1:es-2", "partition: cell 2", "pause: es-1", "cut: ue-1-1:es-1"])
def test_what_the_bound_does_not_know_of_is_refused_with_a_remedy(fault):
    with pytest.raises(ScenarioError, match="the twin does not support") as caught:
        case("lc", changes=(f"faults=[{{at: 1 s, for: 2 s, {fault}}}]",))
    assert "faults=[]" in caught.value.remedy
