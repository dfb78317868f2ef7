"""A run's inputs taken again: the same tasks, links, faults and decisions on the virtual clock."""

from collections.abc import Iterable

import msgspec

from testbed.model.errors import UsageError
from testbed.model.learning import is_learner
from testbed.model.system import Fault, Plan, System
from testbed.protocol.messages import Decision
from testbed.protocol.rows import EventRow, TaskRow, rows_by_task
from testbed.protocol.table import ColumnTable
from testbed.record.reader import RecordedRun, absences_of
from testbed.sim.run_log import Simulated
from testbed.sim.simulation import simulate


def as_recorded(run: RecordedRun) -> Simulated:
    """Simulate ``run`` from its inputs alone: workload, decisions, ask-to-answer times and instants of deaths."""
    return simulate(plan_as_recorded(run), None, recorded_answers(run.tasks))


def plan_as_recorded(run: RecordedRun) -> Plan:
    """The plan of ``run``, with deaths at the instants at which they happened."""
    plan = run.resolved.plan(
        run.workload, run.policy, second_offload=second_offload(run), live=False, chosen_target=chosen_target(run)
    )
    faults = recorded_faults(run.record.events)
    system = msgspec.structs.replace(recorded_system(run), chosen_target=plan.system.chosen_target)
    return msgspec.structs.replace(plan, system=system, faults=faults)


def recorded_system(run: RecordedRun) -> System:
    """The run's system, whose UEs wait for an answer as long as the slowest took."""
    system = run.resolved.system
    longest = max((row.think_ns for row in run.tasks), default=0)
    return msgspec.structs.replace(system, decision_timeout_ns=max(system.decision_timeout_ns, longest + 1))


def second_offload(run: RecordedRun) -> bool:
    """Whether the run's strategy had second offload on."""
    return bool(run.meta.get("second_offload", False))


def chosen_target(run: RecordedRun) -> bool:
    """Whether the run's agents chose the target of second offload."""
    return bool(run.meta.get("chosen_target", False))


def recorded_answers(rows: Iterable[TaskRow]) -> dict[tuple[str, int], tuple[Decision, int]]:
    """Every answer, and how many ns after its ask it came, by (UE, first task's number of its ask)."""
    answers: dict[tuple[str, int], tuple[Decision, int]] = {}
    seen: set[tuple[str, int]] = set()
    for row in sorted((row for row in rows if row.choice >= 0), key=lambda row: row.number):
        if (row.ue, row.asked_ns) in seen:
            continue
        seen.add((row.ue, row.asked_ns))
        decision = Decision(
            ue=row.ue,
            slot=row.slot,
            choice=row.choice,
            version=row.version,
            log_probability=row.log_probability,
            fallback=row.fallback,
            asked_ns=row.asked_ns,
        )
        answers[row.ue, row.number] = decision, row.think_ns
    return answers


def recorded_choices(run: RecordedRun) -> dict[tuple[int, int], int]:
    """Every decision by (UE index, slot), for the twin.

    Raises `UsageError` for what the twin cannot repeat: the time that decisions took, deaths, fallbacks.
    """
    rows = ColumnTable.of(TaskRow, run.tasks)
    took = (rows.ints("think_ns") > 0).any()
    fell_back = not rows.labels("fallback").are("").all()
    for there, what in (
        (took, "its decisions took time"),
        (run.absences, "processes died"),
        (fell_back, "it fell back"),
    ):
        if there:
            raise UsageError(f"the twin cannot repeat {run.name}: {what}", "add --on sim")
    labels, index = rows.labels("ue"), {ue.name: ue.index for ue in run.resolved.system.ues}
    ue = [index[name] for name in labels.tolist()]
    return dict(zip(zip(ue, rows.ints("slot").tolist(), strict=True), rows.values("choice").tolist(), strict=True))


def recorded_faults(events: Iterable[EventRow]) -> tuple[Fault, ...]:
    """Deaths and restarts as they happened, by instant."""
    faults = [
        Fault(name, died, back) for name, absences in absences_of(list(events)).items() for died, back in absences
    ]
    return tuple(sorted(faults, key=lambda fault: fault.at_ns))


def unplanned_deaths(events: Iterable[EventRow], planned: Iterable[Fault]) -> list[Fault]:
    """Recorded deaths that no planned one explains, but those of learners, which are not the region's."""
    ahead, unplanned = list(planned), []
    for death in recorded_faults(event for event in events if not is_learner(event.source)):
        known = next((one for one in ahead if one.name == death.name and one.at_ns <= death.at_ns), None)
        if known is None:
            unplanned.append(death)
        else:
            ahead.remove(known)
    return unplanned


def delay_pairs(measured: Iterable[TaskRow], reference: Iterable[TaskRow]) -> list[tuple[int, int]]:
    """(measured, reference) delays in ns of tasks that finished in both."""
    known = rows_by_task(row for row in reference if row.finished_ns >= 0)
    pairs = []
    for row in measured:
        other = known.get((row.ue, row.number))
        if row.finished_ns >= 0 and other is not None:
            pairs.append((row.measured_ns, other.measured_ns))
    return pairs
