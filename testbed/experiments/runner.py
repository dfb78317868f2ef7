"""One run from its scenario to its summary, on whatever clock."""

import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from testbed.analysis.grading import graded
from testbed.analysis.summary import Summary, summarise
from testbed.experiments import recording, streamed
from testbed.experiments.describing import described
from testbed.experiments.mode_checks import keep_came, refuse_closed_loop, refuse_to_learn
from testbed.experiments.streamed import Summed
from testbed.experiments.virtual import refuse
from testbed.hosts.hosts_file import HostsFile
from testbed.hosts.placement import auto_burn
from testbed.live import calibration, host_costs, needs, payload, preflight
from testbed.live.interrupts import stop_on_interrupt
from testbed.live.progress import Progress
from testbed.model.learning import REPLAY, LearningPlan
from testbed.model.system import TCP, Fault, Plan
from testbed.model.task import INTERRUPTED, NEVER_BEGAN_NS, Task
from testbed.planning.acting import acting
from testbed.policy import loading
from testbed.policy.heuristics import Policy
from testbed.protocol.placement import processes_of
from testbed.protocol.rows import RewardRow, Row, TaskRow
from testbed.protocol.stretch import Stretch
from testbed.protocol.table import ColumnTable
from testbed.record import directory, kept_grade, reader
from testbed.record.backends import SIM, TESTBED, TWIN, VIRTUAL
from testbed.record.reader import RecordedRun
from testbed.record.writer import Hearer
from testbed.scenario.resolve import Resolved
from testbed.sim.recorded_answers import Recorded
from testbed.sim.run_log import Simulated
from testbed.sim.simulation import Simulation

PROGRESS_EVENTS = 2000


Observer = Callable[[Progress], None]


def silent(progress: Progress) -> None:
    """Take progress of which nothing is shown."""


def unheard(text: str) -> None:
    """Take a message that is shown to nobody."""


def unseen(rows: Sequence[Row]) -> None:
    """Take rows that nothing is done with."""


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What to run: a resolved scenario, its workload, the strategy by name, the clock and where to record it.

    ``answers`` repeats recorded decisions instead of asking the policy (``choices`` by (UE index, slot) on the twin),
    ``deaths`` recorded ones instead of the scenario's faults. With ``learn`` the policy goes on learning from what the
    run measures, in ``mode`` by ``workers`` processes, 0 for as many as are advised on this host.
    In a ``closed_loop`` the workload says think times, and the tasks that came are the run's workload in the end.
    ``agents`` is the socket at which the agents of containers report, ``hosts`` are those that others live on; without
    both all processes are on this host. ``say`` hears of what takes long before the run begins, ``heard`` of its rows:
    as they come, from the twin when it is over. ``keep`` wants all rows of a run on a virtual clock in memory.
    """

    resolved: Resolved
    workload: Sequence[Task]
    policy: str
    backend: str = TESTBED
    out: str | None = None
    base: str = ""
    answers: Recorded | None = None
    choices: Mapping[tuple[int, int], int] | None = None
    deaths: tuple[Fault, ...] | None = None
    second_offload: bool | None = None
    auto_speed: bool = False
    learn: bool = False
    closed_loop: bool = False
    mode: str = REPLAY
    workers: int = 0
    agents: str = ""
    hosts: HostsFile | None = None
    notes: dict[str, Any] = {}
    say: Callable[[str], None] = unheard
    heard: Hearer = unseen
    keep: bool = False


def execute(
    order: Order, progress: Observer = silent, started: Callable[[Path, Plan], None] | None = None
) -> RecordedRun:
    """Run it and read it back; see `perform`."""
    performed = perform(msgspec.structs.replace(order, keep=True), progress, started)
    return performed if isinstance(performed, RecordedRun) else reader.read_run(path_of(performed))


def path_of(performed: RecordedRun | Path | Summed) -> Path:
    """The directory of what `perform` returns."""
    return performed if isinstance(performed, Path) else performed.path


def perform(
    order: Order, progress: Observer = silent, started: Callable[[Path, Plan], None] | None = None
) -> RecordedRun | Path | Summed:
    """Run it; ``started`` hears its directory before, with the plan. Raises `TestbedError`.

    Returns that directory, from which the run can be read. A virtual clock, whose rows may be more than there is memory
    for, has the summary at hand, and what would be read only if the order says to keep rows, or the summary is made
    of them.
    """
    order = _with_network(order)
    policy, double = policy_of(order)
    if order.second_offload is not None:
        double = order.second_offload
    plan = planned(order, double=double)
    if order.backend == TWIN:
        refuse(plan)
    if order.closed_loop:
        refuse_closed_loop(plan, order.backend)
    if order.backend == TESTBED:
        needs.provide(plan, len(processes_of(plan)), elsewhere=order.hosts is not None)
        acting(plan, policy, time.monotonic_ns)  # compiles what the controller would have no time for
    base = order.base or f"{directory.slug(order.resolved.system.name)}-{directory.slug(order.policy)}"
    path = directory.create(base, order.out)
    meta = described(plan, path, backend=order.backend, policy=order.policy, notes=order.notes)
    header = "\n".join(f"{key}: {meta[key]}" for key in ("run", "policy", "backend", "speed", "burn", "versions"))
    with directory.whole_or_gone(path):
        directory.write_inputs(
            path, order.resolved.at_speed(plan.emulation.speed), order.workload, f"resolved from one run\n{header}"
        )
        recording.note(path, meta, order.backend)
    try:
        if started is not None:
            started(path, plan)
        if order.backend == SIM:
            if _comes_in_stretches(plan, order):
                return _in_stretches(plan, policy, order, path, progress)
            log = _simulate(plan, policy, order, progress)
            if order.closed_loop:
                order = msgspec.structs.replace(order, workload=keep_came(path, order.workload, log.tasks, plan.system))
            return recording.simulated(log, path, order.resolved, order.workload)
        if order.backend == TWIN:
            return _by_twin(plan, policy, order, path, progress)
        _launch(msgspec.structs.replace(plan, policy=loading.kept(order.policy, path)), path, progress, order)
        if order.closed_loop:
            keep_came(path, order.workload, reader.read_record(path / directory.RECORD).tasks, plan.system)
        recording.add_rewards(path)
    except KeyboardInterrupt:
        recording.note(path, {"reason": INTERRUPTED, "end_ns": NEVER_BEGAN_NS}, order.backend)
    return path


def _by_twin(plan: Plan, policy: Policy | None, order: Order, path: Path, progress: Observer) -> RecordedRun | Summed:
    """Play ``plan`` on the twin; who hears of its rows hears of them when it is over, tasks first."""
    hears = order.heard is not unseen
    stretches, finished = streamed.KeptStretches(), 0

    def take(stretch: Stretch, rewards: ColumnTable[RewardRow]) -> None:
        nonlocal finished
        finished += len(stretch.tasks)
        if order.keep or hears:
            stretches(stretch, rewards)
        total = len(plan.workload)
        progress(Progress(phase="playing", now_ns=stretch.end_ns, finished=finished, total=total, alive=0, processes=0))

    played = streamed.PlayedPlan(path=path, plan=plan, resolved=order.resolved, policy=policy, choices=order.choices)
    summed = streamed.by_twin(played, take)
    keep_grade(path, summed.summary)
    if not order.keep and not hears:
        return summed
    run = stretches.run(played)
    for rows in (run.record.tasks, run.record.slots, run.record.events) if hears else ():
        order.heard(rows)
    return run if order.keep else summed


def _with_network(order: Order) -> Order:
    """The order with the network that decides, where its policy is named without; says which it is."""
    if order.learn or order.answers is not None or order.choices is not None:
        return order
    policy, words = loading.with_network(order.policy, order.resolved.system.name)
    if words:
        order.say(words)
    return msgspec.structs.replace(order, policy=policy)


def policy_of(order: Order) -> tuple[Policy | None, bool]:
    """The policy, None where the clock does not ask it here, and whether second offload is on."""
    if order.answers is not None or order.choices is not None:
        return None, False
    if order.learn:
        refuse_to_learn(order.resolved, order.backend, order.workers)
        return None, loading.load_for_learning(order.policy)
    return loading.load(order.policy)


def summary_of(run: RecordedRun) -> Summary:
    """The summary of a run, with its fidelity; of one that ended, its grade is kept beside the record."""
    summary = summarise(run, graded(run))
    if run.reason != reader.STILL_RUNNING:
        keep_grade(run.path, summary)
    return summary


def keep_grade(path: Path, summary: Summary) -> None:
    """Keep the grade of a run that ended beside its record."""
    overhead = summary.overhead.mean if math.isfinite(summary.overhead.mean) else None
    kept_grade.keep(path, kept_grade.KeptGrade(summary.fidelity.grade, overhead))


def planned(order: Order, *, double: bool) -> Plan:
    """The plan: automatic speed and burn fitted to this host; ``order.say`` hears if that takes a measurement."""
    live = order.backend not in VIRTUAL
    plan = order.resolved.plan(order.workload, order.policy, second_offload=double, live=live)
    faults = plan.faults if order.deaths is None else order.deaths
    system = msgspec.structs.replace(plan.system, closed_loop=order.closed_loop)
    plan = msgspec.structs.replace(plan, system=system, learn=order.learn, faults=faults)
    if not live:
        return plan
    payload.refuse(plan)
    known = host_costs.known_costs() or (
        calibration.measured(order.say) if order.auto_speed else host_costs.HostCosts()
    )
    if order.hosts is not None:
        plan = auto_burn(plan, processes_of(plan), order.hosts, known)
    plan = preflight.fitted(plan, known, auto_speed=order.auto_speed)
    if order.agents or order.hosts is not None:
        plan = msgspec.structs.replace(plan, emulation=msgspec.structs.replace(plan.emulation, transport=TCP))
    return msgspec.structs.replace(plan, learning=_learning(order, plan, known)) if order.learn else plan


def _learning(order: Order, plan: Plan, costs: host_costs.HostCosts) -> LearningPlan:
    """How the run of ``plan`` learns."""
    workers = order.workers or preflight.advised_workers(plan, costs, order.mode)
    return LearningPlan(mode=order.mode, workers=workers, team=order.resolved.scenario.agent.team)


def _simulation(plan: Plan, policy: Policy | None, order: Order, progress: Observer) -> Simulation:
    simulation = Simulation(plan, policy, order.answers)
    if order.heard is not unseen:
        simulation.hear(lambda row: order.heard((row,)))
    total = len(plan.workload)

    def observe(now_ns: int, finished: int) -> None:
        progress(Progress(phase="simulating", now_ns=now_ns, finished=finished, total=total, alive=0, processes=0))

    simulation.observe(observe, PROGRESS_EVENTS)
    return simulation


def _simulate(plan: Plan, policy: Policy | None, order: Order, progress: Observer) -> Simulated:
    simulation = _simulation(plan, policy, order, progress)
    with stop_on_interrupt(lambda: simulation.stop(INTERRUPTED)):
        log = simulation.run()
    order.heard(_unfinished(log.tasks))
    return log


def _comes_in_stretches(plan: Plan, order: Order) -> bool:
    """Whether a simulation of ``plan`` need not keep its rows: nobody asks for them, and its summary is made of sums.

    What faults did, and what UEs did about them, is looked up in the rows.
    """
    disturbed = plan.faults or plan.disturbances or plan.system.resilience.is_used
    return not (order.keep or order.closed_loop or disturbed)


def _in_stretches(plan: Plan, policy: Policy | None, order: Order, path: Path, progress: Observer) -> Summed:
    simulation = _simulation(plan, policy, order, progress)

    def take(stretch: Stretch, rewards: ColumnTable[RewardRow]) -> None:
        if stretch.reason:
            order.heard(_unfinished(stretch.tasks))

    with stop_on_interrupt(lambda: simulation.stop(INTERRUPTED)):
        played = streamed.PlayedPlan(path=path, plan=plan, resolved=order.resolved)
        summed = streamed.by_simulation(played, simulation, take)
    keep_grade(path, summed.summary)
    return summed


def _unfinished(rows: Iterable[TaskRow]) -> list[TaskRow]:
    return [row for row in rows if row.finished_ns < 0]


def _launch(plan: Plan, path: Path, progress: Observer, order: Order) -> None:
    from testbed.hosts.deployment import in_containers, on_hosts
    from testbed.live.launch import launch
    from testbed.live.local_supervisor import LOCAL_DEPLOYMENT

    deployment = in_containers(processes_of(plan), Path(order.agents)) if order.agents else LOCAL_DEPLOYMENT
    if order.hosts is not None:
        deployment = on_hosts(plan, order.hosts, host_costs.known_costs() or host_costs.HostCosts(), path, order.say)
    launch(plan, path, progress, heard=order.heard, deployment=deployment)
