"""Hindsight where agents may choose the target of second offload."""

import numpy as np
import pytest

from testbed.hindsight.evaluator import evaluate, of_scenario
from testbed.hindsight.search import Chain, Exact
from testbed.scenario.load import load_scenario
from testbed.trace import inputs


def case_of(*strategies, slots=12):
    resolved = inputs.resolve(
        load_scenario("region", [f"slots={slots}", "density=0.9", "second_offload.by=agent", "seed=3"])
    )
    return of_scenario(resolved, inputs.generate(resolved.scenario, resolved.system), strategies)


def unwatched(share, text):
    return False


def test_changes_of_actions_are_tried_exactly():
    case = case_of("greedy-any")
    exact = case.exact(second_offload=True, chosen_target=True)
    chain = Chain(exact, case.played["greedy-any"].decisions, 5, 2000)
    chain.go(1500)
    assert set(np.unique(chain.decisions)) == {0, 1, 2, 3}
    assert exact.overhead(chain.decisions) == pytest.approx(chain.present, rel=1e-9)
    assert exact.overhead(chain.best) == pytest.approx(chain.overhead, rel=1e-9)
    assert chain.overhead < case.played["greedy-any"].overhead


def test_what_the_rule_did_can_be_chosen():
    case = case_of("greedy-do", "greedy-any")
    ruled = case.played["greedy-do"]
    chosen = case.exact(second_offload=True, chosen_target=True).overhead(ruled.placed)
    assert (ruled.placed > 1).any() and chosen == pytest.approx(ruled.overhead)


def test_the_search_may_choose_where_a_judged_strategy_does_and_stays_above_the_bound():
    ruled, free = (
        evaluate(case_of(*names), 3000, unwatched) for names in (("greedy-do",), ("greedy-do", "greedy-any"))
    )
    assert ruled.decisions.max() == 1 and free.decisions.max() > 1
    assert ruled.bound <= ruled.best and free.bound <= free.best <= ruled.best
    assert isinstance(case_of("greedy-any").exact(second_offload=True), Exact)
