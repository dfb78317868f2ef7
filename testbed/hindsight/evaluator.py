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
from testbed.model.targets import action_of
from testbed.model.task import LOCAL, Task
from testbed.policy import loading
from testbed.policy.choosing import PricedAny, Shortest
from testbed.policy.heuristics import Coin, FixedChoice, Policy, Priced
from testbed.protocol.rows import TaskRow
from testbed.protocol.table import ColumnTable
from testbed.record.reader import RecordedRun
from testbed.scenario.resolve import Resolved

BOUND_SHARE = 0.2
STARTS: dict[str, Policy] = {"lc": FixedChoice(0), "offload": FixedChoice(1), "random": Coin(0.5), "greedy": Priced()}
PRICES = [(beta, beta0) for beta in (-0.3, 0.0, 0.4, 1.0) for beta0 in (0.1, 0.4)]
STARTS |= {f"priced {beta:g} {beta0:g}": Priced(beta, beta0) for beta, beta0 in PRICES}
STARTS_ANY: dict[str, Policy] = {"greedy-any": PricedAny(), "jsq-any": Shortest(), "po2-any": Shortest(sampled=True)}
AWAY = 0.05
STARTS_ANY |= {f"priced-any {beta:g} {beta0:g}": PricedAny(beta, beta0, AWAY) for beta, beta0 in PRICES}
Watch = Callable[[float, str], bool]


class PlayedPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """A strategy's decisions (slots + 1, UEs) on a workload, their mean overhead, the bound_report on the backlog.

    ``placed`` are decisions that choose the ESs to which its tasks went, whoever had them go there.
    """

    decisions: Decisions
    overhead: float
    stable: bool
    second_offload: bool
    placed: Decisions
    chosen_target: bool = False


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

    def exact(self, *, second_offload: bool, chosen_target: bool = False) -> Exact:
        """The judge of decisions, with second offload by the rule or by choice, or without."""
        plan = self.resolved.plan(
            self.workload, "hindsight", second_offload=second_offload, live=False, chosen_target=chosen_target
        )
        return Exact(plan)


def of_scenario(resolved: Resolved, workload: Sequence[Task], strategies: Sequence[str]) -> Case:
    """Let each strategy, by its name, meet the workload. Raises `ScenarioError` for what the twin cannot express."""
    if not workload:
        raise UsageError("there are no tasks to decide", "raise slots or density")
    loaded = {name: loading.load(name) for name in strategies}
    played = {name: _play(resolved, workload, name, policy, double=double) for name, (policy, double) in loaded.items()}
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
    double, chosen = replay.second_offload(run), replay.chosen_target(run)
    decisions = decisions_of(run.tasks, run.resolved)
    rows = by_twin_of(run.resolved, run.workload, double=double, decisions=decisions, chosen_target=chosen)
    name = run.policy if run.policy not in case.played else f"{run.policy} (recorded)"
    recorded = _played(rows, run.resolved, double=double, chosen_target=chosen)
    return Case(run.resolved, run.workload, {name: recorded, **case.played})


def decisions_of(rows: Sequence[TaskRow], resolved: Resolved, *, placed: bool = False) -> Decisions:
    """The choices of recorded tasks by (slot, UE); nobody's and undecided ones are local.

    ``placed``: as if agents had chosen the ESs to which tasks went; those of one decision went to that of the last.
    """
    system = resolved.system
    index = {ue.name: ue.index for ue in system.ues}
    servers = {es.name: es.index for es in system.edge_servers}
    decisions = np.full((system.slots + 1, len(system.ues)), LOCAL, np.int8)
    for row in rows:
        if row.choice >= 0:
            at = row.slot, index[row.ue]
            decisions[at] = row.choice
            if placed and row.es and row.choice != LOCAL:
                decisions[at] = action_of(servers[row.es], row.cell - 1)
    return decisions


def by_twin_of(
    resolved: Resolved, workload: Sequence[Task], *, double: bool, decisions: Decisions, chosen_target: bool = False
) -> Sequence[TaskRow]:
    """The rows of a workload under given decisions."""
    plan = resolved.plan(workload, "recorded", second_offload=double, live=False, chosen_target=chosen_target)
    chosen = {(int(ue), int(slot)): int(decisions[slot, ue]) for slot, ue in np.ndindex(decisions.shape)}
    return by_twin(plan, None, chosen).tasks


def _play(resolved: Resolved, workload: Sequence[Task], name: str, policy: Policy, *, double: bool) -> PlayedPolicy:
    plan = resolved.plan(workload, name, second_offload=double, live=False)
    return _played(by_twin(plan, policy).tasks, resolved, double=double, chosen_target=plan.system.chosen_target)


def _played(rows: Sequence[TaskRow], resolved: Resolved, *, double: bool, chosen_target: bool) -> PlayedPolicy:
    return PlayedPolicy(
        decisions=decisions_of(rows, resolved),
        overhead=sum(row.overhead for row in rows) / len(rows),
        stable=is_stable(ColumnTable.of(TaskRow, rows), resolved.system),
        second_offload=double,
        placed=decisions_of(rows, resolved, placed=True),
        chosen_target=chosen_target,
    )


def evaluate(case: Case, evaluations: int, watch: Watch) -> Found:
    """Bound, then search; ``watch`` hears the share that is done and how it stands, and ends it by returning True.

    Second offload may be used if one of the judged strategies has it, and its target chosen if one chooses that. The
    search begins from the best of their decisions and those of `STARTS`, with second offload or without as that one.
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
    """The search of the best start, of those that the judged strategies allow; of equals the one that may most."""
    searches, placed = [], {name: one.placed for name, one in case.played.items()}
    ruled = {name: one for name, one in case.played.items() if not one.chosen_target}
    for mode in {False, double}:
        starts = {name: one.decisions for name, one in ruled.items() if mode == double or not one.second_offload}
        if mode == double:
            for name, policy in STARTS.items():
                start = _play(case.resolved, case.workload, name, policy, double=mode)
                base, _, values = name.partition(" ")
                whole = f"{base}{loading.DOUBLE if mode else ''} {values}".strip()
                starts.setdefault(whole, start.decisions)
                placed.setdefault(whole, start.placed)
        if starts:
            searches.append(Search(case.exact(second_offload=mode), starts))
    if len(ruled) < len(case.played):
        searches.insert(0, _choosing(case, placed))
    return min(searches, key=lambda search: search.overhead)


def _choosing(case: Case, starts: dict[str, Decisions]) -> Search:
    """The search among decisions that choose targets, from ``starts`` and those of `STARTS_ANY`."""
    for name, policy in STARTS_ANY.items():
        starts.setdefault(name, _play(case.resolved, case.workload, name, policy, double=True).decisions)
    return Search(case.exact(second_offload=True, chosen_target=True), starts)
