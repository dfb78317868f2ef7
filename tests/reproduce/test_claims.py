"""Claims judged on results made by hand: what the paper says holds, and each claim can fail and depend."""

import copy

import pytest

from testbed.analysis.intervals import Estimate
from testbed.reproduce.claims import evaluate
from testbed.reproduce.judgement import (
    DEPENDS,
    FAILS,
    HOLDS,
    OPEN,
    REFUTED,
    SHOWN,
    ClaimCase,
    Part,
    above,
    judged,
    paired,
    part,
    within,
)
from testbed.reproduce.studies import A3C, A3C_DO, EXPLORING, FAITHFUL, LC, STUDIES, VARIANTS
from testbed.reproduce.units import COST
from tests.reproduce.made import results


def test_what_the_paper_says_is_judged_to_hold():
    assert {claim.number: claim.verdict for claim in evaluate(range(1, 8), results())} == dict.fromkeys(
        range(1, 8), HOLDS
    )


def measured(name, strategy, change):
    """What changes a metric of one strategy wherever it was evaluated."""

    def changed(unit, copied):
        copied = copy.deepcopy(copied)
        if unit.strategy == strategy and "measured" in copied:
            copied["measured"][name] = [change(value) for value in copied["measured"][name]]
        return copied

    return changed


def logged(strategy, change):
    def changed(unit, copied):
        copied = copy.deepcopy(copied)
        if unit.strategy == strategy and "log" in copied:
            copied["log"]["reward"] = change(copied["log"]["reward"])
        return copied

    return changed


def slower(unit, result):
    return {**result, "cpu_s": 50.0} if unit.kind == COST and unit.strategy == A3C_DO else result


def unrelated(unit, copied):
    copied = copy.deepcopy(copied)
    if "log" in copied:
        copied["log"]["offloaded"] = [20.0 + n % 2 + 15.0 * (n % 50 == 25) for n in range(600)]
    return copied


FAILING = {
    1: logged(A3C, lambda reward: [5.0 - 0.01 * n for n in range(600)]),
    2: logged(A3C_DO, lambda reward: [float(n) for n in range(600)]),
    3: measured("delay_s", A3C_DO, lambda value: value - 0.5),
    4: measured("energy_j", A3C_DO, lambda value: value + 0.4),
    5: unrelated,
    6: measured("utilisation", A3C_DO, lambda servers: [0.1, 0.8, 0.9]),
    7: slower,
}


@pytest.mark.parametrize("number", FAILING)
def test_a_claim_that_results_speak_against_fails(number):
    [claim] = evaluate([number], results(FAILING[number]))
    assert claim.verdict == FAILS


def test_a_claim_that_one_study_speaks_against_depends_and_says_on_what():
    worse = measured("delay_s", A3C_DO, lambda value: value + 2.0)
    study = VARIANTS[0]

    def changed(unit, result):
        return worse(unit, result) if unit.study == study.name else result

    [claim] = evaluate([3], results(changed))
    assert claim.verdict == DEPENDS
    assert any(f"Not for {study.name}" in line for line in claim.depends_on)
    assert any("not better at the highest density in 2" in note for note in claim.notes)


def test_the_crossover_is_told_with_its_interval():
    [claim] = evaluate([3], results())
    crossings = [part for case in claim.cases for part in case.parts if "crossover of delay" in part.what]
    assert len(crossings) == len(claim.cases)
    for one in crossings:
        assert 0.3 < one.low <= one.value <= one.high < 0.9 and one.finding == SHOWN


def test_unstable_strategies_are_named():
    [claim] = evaluate([3], results(measured("stable", LC, lambda stable: False)))
    assert any("unstable" in note and "lc at 0.9" in note for note in claim.notes)


def test_claim_5_is_of_agents_that_explore():
    [claim] = evaluate([5], results())
    assert len(claim.cases) == 2 * len(EXPLORING)
    assert all(STUDIES[study.name].exploring for study in EXPLORING)
    assert {study.config for study in EXPLORING} > {FAITHFUL}


def test_a_part_is_shown_refuted_or_open_by_its_interval():
    assert above("", "", [1.0, 1.1, 0.9]).finding == SHOWN
    assert above("", "", [-1.0, -1.1, -0.9]).finding == REFUTED
    assert above("", "", [1.0, -1.1, 0.4]).finding == OPEN
    assert above("", "", [1.0]).finding == OPEN  # one seed has no interval
    assert within("", "", [0.01, 0.02], 0.1).finding == SHOWN
    assert within("", "", [0.31, 0.32], 0.1).finding == REFUTED
    assert part("", "", Estimate(float("nan"), 0.0, 0.0), SHOWN).finding == OPEN


def test_a_case_holds_only_as_a_whole():
    def one(finding):
        return Part(what=finding, measure="", value=0.0, low=0.0, high=0.0, finding=finding)

    both, whole = ClaimCase("a", [one(SHOWN), one(OPEN)]), ClaimCase("b", [one(SHOWN)])
    assert judged(1, "", "", [both]).verdict == FAILS
    assert judged(1, "", "", [both, whole]).verdict == DEPENDS
    assert judged(1, "", "", [whole]).verdict == HOLDS
    with pytest.raises(ValueError, match="no case"):
        judged(1, "", "", [])


def test_a_heuristic_is_paired_with_every_seed():
    assert paired([3.0], [1.0, 2.0]) == [2.0, 1.0]
