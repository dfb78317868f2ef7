"""The claims about task density, judged from results (pure): delay and reward, energy, idle resources, and beyond."""

import math
from collections.abc import Sequence

from testbed.analysis import crossover, intervals
from testbed.analysis.intervals import Estimate
from testbed.model.statistics import mean
from testbed.reproduce.catalogue import CLAIMS
from testbed.reproduce.judgement import (
    OPEN,
    REFUTED,
    SHOWN,
    ClaimCase,
    JudgedClaim,
    Part,
    above,
    judged,
    paired,
    part,
    relative,
    within,
)
from testbed.reproduce.results import Results
from testbed.reproduce.studies import A3C, A3C_DO, BASE, DQN, DQN_DO, LC, MATCHED, OUR_REGION, VARIANTS, Study
from testbed.reproduce.units import PRICED_DO

NEARLY_EQUAL = 0.05
_DELAY, _REWARD, _ENERGY = "delay_s", "reward", "energy_j"


def home_of(study: Study, strategy: str) -> str:
    """The study in which ``strategy`` was trained for ``study``: without second offload most variants are the same."""
    return OUR_REGION.name if study.varies and study.varies != MATCHED and strategy == A3C else study.name


def gains(results: Results, study: Study, name: str, density: float, other: str = A3C) -> list[float]:
    """By seed: how much better A3C-DO is than ``other``, less delay or more reward."""
    ours = results.metric(study.name, A3C_DO, density, name)
    theirs = results.metric(home_of(study, other), other, density, name)
    return paired(ours, theirs) if name == _REWARD else paired(theirs, ours)


def crossings(results: Results, study: Study, name: str) -> list[float]:
    """By seed: the density from which on A3C-DO is better than A3C; see `testbed.analysis.crossover.crossing`."""
    densities = results.densities(study)
    columns = [gains(results, study, name, density) for density in densities]
    return [crossover.crossing(densities, list(seed)) for seed in zip(*columns, strict=True)]


def delay_and_reward(results: Results) -> JudgedClaim:
    """Claim 3: A3C-DO loses a little delay and reward with few tasks, and wins with many."""
    cases, notes = [], []
    for study in (*BASE, *VARIANTS):
        low, high = results.densities(study)[0], results.densities(study)[-1]
        parts = []
        for name, word in ((_DELAY, "delay, s"), (_REWARD, "reward a slot")):
            of = word.partition(",")[0].partition(" ")[0]
            lost = [-gain for gain in gains(results, study, name, low)]
            parts.append(above(f"low density: A3C-DO's {of} is worse than A3C's", f"{word}: loss at {low:g}", lost))
            won = gains(results, study, name, high)
            parts.append(above(f"high density: A3C-DO's {of} is better than A3C's", f"{word}: gain at {high:g}", won))
            if not study.varies:
                won = gains(results, study, name, high, DQN)
                what = f"high density: A3C-DO's {of} is better than DQN's"
                parts.append(above(what, f"{word}: gain at {high:g}", won))
            densities = crossings(results, study, name)
            parts.append(_crossover(f"there is a crossover of {of}", densities))
            notes.append(f"{study.name}: A3C-DO's {of} against A3C's: {crossing_said(densities)}.")
        cases.append(ClaimCase(study.name, parts))
    statement = (
        "With few tasks the second layer costs A3C-DO a little delay and reward; with many it is better than A3C and"
        " DQN. Somewhere between their curves cross."
    )
    return judged(3, CLAIMS[3], statement, cases, [*notes, *unstable(results)])


def _crossover(what: str, densities: Sequence[float]) -> Part:
    """Shown when every seed has a crossover within the range, refuted when none has."""
    inside = [one for one in densities if math.isfinite(one)]
    estimate = intervals.of_mean(inside) if inside else Estimate(math.nan, math.nan, math.nan)
    finding = SHOWN if len(inside) == len(densities) else OPEN if inside else REFUTED
    known = part(what, f"density ({len(inside)} of {len(densities)} seeds cross)", estimate, finding)
    if inside:
        return known
    return Part(what=what, measure=known.measure, value=math.nan, low=math.nan, high=math.nan, finding=REFUTED)


def crossing_said(densities: Sequence[float]) -> str:
    """Where curves cross, in words."""
    inside = [one for one in densities if math.isfinite(one)]
    better, worse = sum(one == -math.inf for one in densities), sum(one == math.inf for one in densities)
    words = []
    if inside:
        estimate = intervals.of_mean(inside)
        spread = f" [{estimate.low:.3g}, {estimate.high:.3g}]" if len(inside) > 1 else ""
        words.append(f"crosses at density {estimate.value:.3g}{spread} in {len(inside)} of {len(densities)} seeds")
    words += [f"better at all densities in {better}"] * (better > 0)
    words += [f"not better at the highest density in {worse}"] * (worse > 0)
    return ", ".join(words)


def unstable(results: Results) -> list[str]:
    """Which strategies' backlogs grew with the run on more than a quarter of workloads, by study."""
    sentences = []
    for study in BASE:
        bad = [
            f"{strategy} at {density:g}"
            for strategy in (LC, DQN, DQN_DO, A3C, A3C_DO)
            for density in results.effort.densities
            if mean(results.metric(study.name, strategy, density, "stable")) < 0.75
        ]
        if bad:
            sentences.append(f"{study.name}: unstable, so that means depend on the length of a run: {', '.join(bad)}.")
    return sentences


def energy(results: Results) -> JudgedClaim:
    """Claim 4, with DQN as it is and with second offload."""
    low, high = results.effort.densities[0], results.effort.densities[-1]
    cases = []
    for study in BASE:

        def of(strategy: str, density: float, study: Study = study) -> list[float]:
            return results.metric(study.name, strategy, density, _ENERGY)

        for dqn, statement in ((DQN, "DQN"), (DQN_DO, "DQN with second offload")):
            more = [max(pair) for pair in zip(of(A3C, low), of(A3C_DO, low), strict=True)]
            gap_low, gap_high = (relative(of(dqn, density), of(A3C, density)) for density in (low, high))
            parts = [
                within(
                    "low density: A3C and A3C-DO take equal energy",
                    "relative difference",
                    relative(of(A3C_DO, low), of(A3C, low)),
                    NEARLY_EQUAL,
                ),
                above("low density: both take less than DQN", "J a task", paired(of(dqn, low), more)),
                above("A3C's energy climbs with density", "J a task, high − low", paired(of(A3C, high), of(A3C, low))),
                above("A3C's energy comes nearer to DQN's", "relative gap, low − high", paired(gap_low, gap_high)),
                above("high density: A3C-DO takes less than A3C", "J a task", paired(of(A3C, high), of(A3C_DO, high))),
            ]
            cases.append(ClaimCase(f"{study.name}, against {statement}", parts))
    statement = (
        "With few tasks A3C and A3C-DO spend about the same energy, less than DQN. With many A3C's climbs towards"
        " DQN's, A3C-DO's does not."
    )
    return judged(4, CLAIMS[4], statement, cases, [f"Low density is {low:g}, high {high:g}; energy of UEs, a task."])


def idle_resources(results: Results) -> JudgedClaim:
    """Claim 6: second offload uses servers that would idle while others are overloaded."""
    density, cases = results.effort.densities[-1], []
    for study in BASE:
        idle = {
            name: [mean(servers) for servers in results.by_server(study.name, name, density, "idle_share")]
            for name in (A3C, A3C_DO)
        }
        least = {
            name: [min(servers) for servers in results.by_server(study.name, name, density, "utilisation")]
            for name in (A3C, A3C_DO)
        }
        parts = [
            above(
                "servers idle less while another is over threshold",
                "share of slots, A3C − A3C-DO",
                paired(idle[A3C], idle[A3C_DO]),
            ),
            above(
                "the least used server is used more",
                "utilisation, A3C-DO − A3C",
                paired(least[A3C_DO], least[A3C]),
            ),
        ]
        cases.append(ClaimCase(study.name, parts))
    statement = "Second offload puts to use servers that would idle while others are overloaded."
    return judged(6, CLAIMS[6], statement, cases, [f"At density {density:g}."])


def beyond(results: Results) -> JudgedClaim:
    """What the paper does not ask: against a tuned heuristic, and how far from the best in hindsight."""
    study, cases, notes = OUR_REGION, [], []
    for density in results.effort.densities:
        tuned = results.metric(study.name, PRICED_DO, density, "overhead")
        ours = results.metric(study.name, A3C_DO, density, "overhead")
        gain = above("A3C-DO's overhead is below priced-do's", "overhead, priced-do − A3C-DO", paired(tuned, ours))
        cases.append(ClaimCase(f"{study.name}, density {density:g}", [gain]))
        means = {name: mean(values) for name, values in results.hindsight(density).items()}
        best = means["best found"]
        listed = ", ".join(f"{name} {value:.4f} ({value / best - 1.0:+.1%})" for name, value in means.items())
        notes.append(f"density {density:g}, short workloads in hindsight: {listed}.".replace("%", " %"))
    statement = "Not a claim of the paper: is A3C-DO better than a heuristic whose two numbers were tuned?"
    return judged(8, CLAIMS[8], statement, cases, notes)
