"""The claims of the paper, judged from results (pure): learning curves, convergence, self-adjustment, cost.

Those about density are in `testbed.reproduce.density_claims`. What the paper says is told in our words.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

from testbed.analysis import convergence, dips
from testbed.analysis.comparison import LEVEL
from testbed.analysis.intervals import Estimate
from testbed.model.statistics import mean
from testbed.reproduce import density_claims
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
from testbed.reproduce.results import Log, Results
from testbed.reproduce.studies import A3C, A3C_DO, BASE, DQN, DQN_DO, EXPLORING, LC, episodes_of

FLAT, MORE_TIME = 0.05, 1.1
LEARNER_NAMES = {DQN: "DQN", A3C: "A3C", A3C_DO: "A3C-DO"}


def evaluate(claims: Iterable[int], results: Results) -> list[JudgedClaim]:
    """The evaluations of ``claims``, whose units all have results."""
    return [EVALUATORS[number](results) for number in claims]


def _halves(curves: Sequence[Sequence[float]]) -> list[float]:
    """The relative change of reward from the first to the last half of all episodes, by seed."""
    middles = [len(curve) // 2 for curve in curves]
    first = [mean(curve[:middle]) for curve, middle in zip(curves, middles, strict=True)]
    return relative([mean(curve[middle:]) for curve, middle in zip(curves, middles, strict=True)], first)


def _levels(curves: Sequence[Sequence[float]], level: Callable[[Sequence[float]], float]) -> list[float]:
    return [level(curve) for curve in curves]


def learning_curves(results: Results) -> JudgedClaim:
    """Claim 1: local computing earns little and always the same, learners learn, A3C in fewer episodes than DQN."""
    density, cases = results.effort.curve_density, []
    for study in BASE:
        curves = {name: results.rewards(study.name, name, density) for name in (LC, *LEARNER_NAMES)}
        final = {name: _levels(of_strategy, convergence.final_level) for name, of_strategy in curves.items()}
        first = {name: _levels(of_strategy, convergence.first_level) for name, of_strategy in curves.items()}
        least = [min(values) for values in zip(*(final[name] for name in LEARNER_NAMES), strict=True)]
        parts = [
            within("LC's reward is flat", "change from first to last half", _halves(curves[LC]), FLAT),
            above("LC's reward is lowest", "least learner's final reward minus LC's", paired(least, final[LC])),
        ]
        parts += [
            above(f"{statement}'s reward rises", "last tenth minus first tenth", paired(final[name], first[name]))
            for name, statement in LEARNER_NAMES.items()
        ]
        ends = {name: _converged(curves[name]) for name in (A3C, DQN)}
        parts.append(
            above(
                "A3C converges in fewer episodes than DQN", "DQN's episodes minus A3C's", paired(ends[DQN], ends[A3C])
            )
        )
        cases.append(ClaimCase(study.name, parts))
    statement = (
        "Local computing earns little and always the same; DQN, A3C and A3C-DO learn, A3C in fewer episodes than DQN."
    )
    rule = (
        "Converged: the first episode from which on the mean of the last 50 is within 5 % of the final level (last"
        " tenth) for 50 episodes; a curve that never is counts with all of its episodes. LC in the"
        " setting ours meets random initial backlogs, as learners do."
    )
    return judged(1, CLAIMS[1], statement, cases, [f"At density {density:g}. {rule}"])


def _converged(curves: Sequence[Sequence[float]]) -> list[float]:
    return [float(convergence.converged_at(curve) or len(curve)) for curve in curves]


def several_densities(results: Results) -> JudgedClaim:
    """Claim 2: A3C-DO converges whatever the density."""
    cases, notes = [], ["A curve counts as converged by the rule of claim 1, also where learning raised it little."]
    for study in BASE:
        parts, raised = [], []
        for density in results.effort.densities:
            curves = results.rewards(study.name, A3C_DO, density)
            ends, episodes = [convergence.converged_at(curve) for curve in curves], episodes_of(study, results.effort)
            first, final = _levels(curves, convergence.first_level), _levels(curves, convergence.final_level)
            raised.append(f"{mean(relative(final, first)):+.1%} at {density:g}".replace("%", " %"))
            missed = sum(end is None for end in ends)
            ending = above("", "", [float(end or episodes) for end in ends])
            parts.append(
                part(
                    f"A3C-DO converges at density {density:g}",
                    f"episode of convergence ({len(ends) - missed} of {len(ends)} seeds converge)",
                    Estimate(ending.value, ending.low, ending.high),
                    REFUTED if missed == len(ends) else OPEN if missed else SHOWN,
                )
            )
        cases.append(ClaimCase(study.name, parts))
        notes.append(f"{study.name}: A3C-DO's reward changes from the first tenth to the last by {', '.join(raised)}.")
    statement = "A3C-DO converges whatever the task density."
    return judged(2, CLAIMS[2], statement, cases, notes)


def self_adjustment(results: Results) -> JudgedClaim:
    """Claim 5: the reward of an agent that explores dips and recovers as it offloads more or fewer tasks."""
    density, cases, notes = results.effort.curve_density, [], []
    for study in EXPLORING:
        for strategy in (A3C, A3C_DO):
            name = f"{study.name}, {LEARNER_NAMES[strategy]}"
            logs = results.logs(study.name, strategy, density)
            cases.append(ClaimCase(name, _adjusts(logs)))
            share = _coinciding([_shares(log) for log in logs], logs)
            notes.append(f"{name}: with the share of tasks offloaded instead of their number {_said(share)}.")
    rule = (
        f"A point is a round of episodes. A dip: reward more than {dips.DEPTH:g} robust standard deviations below the"
        f" median of the {dips.BEFORE} points before; recovered: that median is reached within {dips.BEFORE} points."
        " Test: all circular shifts of one series against the other; p over seeds by Fisher's method."
    )
    statement = (
        "While an agent explores, its reward dips and recovers, and dips come with changes in the number of tasks that"
        " are offloaded: the agent adjusts itself."
    )
    return judged(5, CLAIMS[5], statement, cases, [rule, *notes])


def _shares(log: Log) -> list[float]:
    return [done / tasks if tasks else 0.0 for done, tasks in zip(log["offloaded"], log["tasks"], strict=True)]


def _adjusts(logs: Sequence[Log]) -> list[Part]:
    dips_by_seed = [dips.dips(log["reward"]) for log in logs]
    recovered = [mean([float(dip.recovered) for dip in of_seed]) for of_seed in dips_by_seed if of_seed]
    together = _coinciding([log["offloaded"] for log in logs], logs)
    ratio, p = together.ratio, together.p
    finding = SHOWN if p < LEVEL and ratio > 1.0 else REFUTED if p > 1.0 - LEVEL else OPEN
    count = sum(map(len, dips_by_seed))
    return [
        above("reward dips and recovers", f"share of {count} dips that recovered", recovered, 0.5),
        part(
            "dips coincide with changes in the number of tasks offloaded",
            f"change at dips over change elsewhere, p = {p:.2g}",
            Estimate(ratio, float("nan"), float("nan")),
            finding,
        ),
    ]


def _coinciding(others: Sequence[Sequence[float]], logs: Sequence[Log]) -> dips.Coincidence:
    """The coincidence over all seeds: mean ratio, combined p-value."""
    coincidences = [dips.coincidence(dips.dips(log["reward"]), other) for other, log in zip(others, logs, strict=True)]
    known = [one for one in coincidences if one.p == one.p]
    return dips.Coincidence(mean([one.ratio for one in known]), dips.fisher([one.p for one in known]))


def _said(coincidence: dips.Coincidence) -> str:
    return f"the change at dips is {coincidence.ratio:.2f} times that elsewhere, p = {coincidence.p:.2g}"


def cost(results: Results) -> JudgedClaim:
    """Claim 7: A3C takes less time and memory than DQN, and decides as fast."""
    ours, theirs = results.costs(A3C_DO), results.costs(DQN_DO)

    def column(costs: Sequence[Mapping[str, float]], name: str) -> list[float]:
        return [float(one[name]) for one in costs]

    def less(what: str, measure: str, name: str, unit: float) -> Part:
        values = [value / unit for value in paired(column(theirs, name), column(ours, name))]
        return above(what, measure, values)

    ratio = [a / b for a, b in zip(column(ours, "decision_s"), column(theirs, "decision_s"), strict=True)]
    parts = [
        less("A3C takes less CPU time", "DQN's CPU seconds minus A3C's", "cpu_s", 1.0),
        less("A3C needs less memory", "DQN's growth while training minus A3C's, MB", "grown_bytes", 1e6),
        above(
            "A3C decides as fast as DQN", "1.1 minus A3C's decision time over DQN's", [MORE_TIME - one for one in ratio]
        ),
    ]
    episodes, sizes = results.effort.cost_episodes, (int(ours[0]["parameters"]), int(theirs[0]["parameters"]))
    notes = [
        f"{episodes} episodes each, on CPUs alone: no GPU is used anywhere. Both have two hidden layers of 64; A3C has"
        f" a critic beside its actor, {sizes[0]} parameters against {sizes[1]}. DQN's memory is its replay ring.",
        "CPU time, memory and decision time are measured: unlike all other numbers they differ from run to run.",
    ]
    statement = "A3C needs neither a GPU nor a replay memory, so an edge server can afford it."
    return judged(7, CLAIMS[7], statement, [ClaimCase("ours, region", parts)], notes)


EVALUATORS: dict[int, Callable[[Results], JudgedClaim]] = {
    1: learning_curves,
    2: several_densities,
    3: density_claims.delay_and_reward,
    4: density_claims.energy,
    5: self_adjustment,
    6: density_claims.idle_resources,
    7: cost,
    8: density_claims.beyond,
}
