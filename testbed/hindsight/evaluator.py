"""What a workload allows: the best decisions found, the lower bound, and how far each strategy stays from both."""

import time
from collections.abc import Callable, Mapping, Sequence

import msgspec
import numpy as np

from testbed.analysis import replay
from testbed.analysis.figures import is_stable
from testbed.experiments.virtual import by_twin
from testbed.hindsight.placements import decision_points
from testbed.hindsight.relaxation import lower_bound
from testbed.hindsight.search import Decisions, Exact, Search
from testbed.model.errors import ScenarioError, UsageError
from testbed.model.task import LOCAL, Task
from testbed.policy import loading
from testbed.policy.heuristics import Coin, FixedChoice, Policy, Priced
from testbed.protocol.rows import TaskRow
from testbed.protocol.table import ColumnTable
from testbed.record.reader import RecordedRun
from testbed.scenario.resolve import Resolved

BOUND_SHARE = 0.2
STARTS: dict[str, Policy] = {"lc": FixedChoice(0), "offload": FixedChoice(1), "random": Coin(0.5), "greedy": Priced()}
PRICES = [(beta, beta0) for beta in (-0.3, 0.0, 0.4, 1.0) for beta0 in (0.1, 0.4)]
STARTS |= {f"priced {beta:g} {beta0:g}": Priced(beta, beta0) for beta, beta0 in PRICES}
Watch = Callable[[float, str], bool]


class PlayedPolicy(msgspec.Struct, frozen=True):
    """A strategy's decisions (slots + 1, UEs) on a workload, their mean overhead, the bound_report on the backlog."""

    decisions: Decisions
    overhead: float
    stable: bool
    second_offload: bool


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What was found about one workload of ``tasks``: mean overheads, the best ``decisions`` and the (slot, UE)
    ``decision_points`` at which they matter, where the search began."""

    seed: int
    tasks: int
    second_offload: bool
    best: float
    bound: float
    start: str
    evaluations: int
    seconds: float
    decisions: Decisions
    decision_points: list[tuple[int, int]]
    played: Mapping[str, PlayedPolicy]


class Case(msgspec.Struct, frozen=True):
    """A workload with the strategies that are judged on it."""

    resolved: Resolved
    workload: Sequence[Task]
    played: Mapping[str, PlayedPolicy]

    def exact(self, *, second_offload: bool) -> Exact:
        """The judge of decisions, with second offload or without."""
        return Exact(self.resolved.plan(self.workload, "hindsight", second_offload=second_offload, live=False))


def of_scenario(resolved: Resolved, workload: Sequence[Task], strategies: Sequence[str]) -> Case:
    """Let each strategy, by its name, meet the workload. Raises `ScenarioError` for what the twin cannot express."""
    if not workload:
        raise UsageError("there are no tasks to decide", "raise slots or density")
    loaded = {name: loading.load(name) for name in strategies}
    played = {name: _play(resolved, workload, policy, double=double) for name, (policy, double) in loaded.items()}
    return Case(resolved, workload, played)


def of_run(run: RecordedRun, strategies: Sequence[str]) -> Case:
    """The recorded workload; judged are the recorded decisions, and ``strategies`` beside them.

    Tasks that the run did not decide count as local. Raises `ScenarioError` for a run in which a process died.
    """
    if run.absences:
        who = ", ".join(sorted(run.absences))
        raise ScenarioError(
            f"{run.name}: {who} died; hindsight does not support deaths", remedy="give a run without them"
        )
    case = of_scenario(run.resolved, run.workload, strategies)
    double = replay.second_offload(run)
    decisions = decisions_of(run.tasks, run.resolved)
    rows = by_twin_of(run.resolved, run.workload, double=double, decisions=decisions)
    name = run.policy if run.policy not in case.played else f"{run.policy} (recorded)"
    return Case(run.resolved, run.workload, {name: _played(rows, run.resolved, double=double), **case.played})


def decisions_of(rows: Sequence[TaskRow], resolved: Resolved) -> Decisions:
    """The choices of recorded tasks by (slot, UE); nobody's and undecided ones are local."""
    system = resolved.system
    index = {ue.name: ue.index for ue in system.ues}
    decisions = np.full((system.slots + 1, len(system.ues)), LOCAL, np.int8)
    for row in rows:
        if row.choice >= 0:
            decisions[row.slot, index[row.ue]] = row.choice
    return decisions


def by_twin_of(
    resolved: Resolved, workload: Sequence[Task], *, double: bool, decisions: Decisions
) -> Sequence[TaskRow]:
    """The rows of a workload under given decisions."""
    plan = resolved.plan(workload, "recorded", second_offload=double, live=False)
    chosen = {(int(ue), int(slot)): int(decisions[slot, ue]) for slot, ue in np.ndindex(decisions.shape)}
    return by_twin(plan, None, chosen).tasks


def _play(resolved: Resolved, workload: Sequence[Task], policy: Policy, *, double: bool) -> PlayedPolicy:
    plan = resolved.plan(workload, "hindsight", second_offload=double, live=False)
    return _played(by_twin(plan, policy).tasks, resolved, double=double)


def _played(rows: Sequence[TaskRow], resolved: Resolved, *, double: bool) -> PlayedPolicy:
    overhead = sum(row.overhead for row in rows) / len(rows)
    return PlayedPolicy(
        decisions_of(rows, resolved), overhead, is_stable(ColumnTable.of(TaskRow, rows), resolved.system), double
    )


def evaluate(case: Case, evaluations: int, watch: Watch) -> Found:
    """Bound, then search; ``watch`` hears the share that is done and how it stands, and ends it by returning True.

    Second offload may be used if one of the judged strategies has it. The search begins from the best of their
    decisions and those of `STARTS`, with second offload or without as that best one.
    """
    begun, double = time.monotonic(), any(one.second_offload for one in case.played.values())
    search = _begin(case, double=double)
    stopped = False

    def climbing(bound: float, share: float) -> bool:
        nonlocal stopped
        stopped = watch(BOUND_SHARE * share, f"best {search.overhead:.4f}, bound {bound:.4f}")
        return stopped

    bound = lower_bound(
        case.resolved.system, case.workload, second_offload=double, target=search.overhead, watch=climbing
    )

    def searching(now: Search) -> bool:
        share = BOUND_SHARE + (1.0 - BOUND_SHARE) * now.evaluations / evaluations
        rate = now.evaluations / max(1e-9, time.monotonic() - searched)
        return watch(share, f"best {now.overhead:.4f}, bound {bound:.4f}, {rate:,.0f} evaluations/s")

    searched = time.monotonic()
    if not stopped:
        search.run(evaluations, searching)
    return Found(
        seed=case.resolved.system.seed,
        tasks=len(case.workload),
        second_offload=double,
        best=search.overhead,
        bound=bound,
        start=search.start,
        evaluations=search.evaluations,
        seconds=time.monotonic() - begun,
        decisions=search.best,
        decision_points=decision_points(case.resolved.system.slot_ns, case.workload),
        played=case.played,
    )


def _begin(case: Case, *, double: bool) -> Search:
    """The search that has the best start, of those that the judged strategies allow."""
    searches = []
    for mode in {False, double}:
        starts = {name: one.decisions for name, one in case.played.items() if mode == double or not one.second_offload}
        if mode == double:
            for name, policy in STARTS.items():
                start = _play(case.resolved, case.workload, policy, double=mode)
                base, _, values = name.partition(" ")
                starts.setdefault(f"{base}{loading.DOUBLE if mode else ''} {values}".strip(), start.decisions)
        if starts:
            searches.append(Search(case.exact(second_offload=mode), starts))
    return min(searches, key=lambda search: search.overhead)
