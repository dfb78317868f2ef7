"""Everything that must hold of a run that has ended, from its rows (pure).

What is checked does not trust what the run says of itself: ends, deaths and generated tasks are counted here again,
from the workload and the faults that were asked for.
"""

from collections import Counter
from pathlib import Path

import msgspec

from testbed.analysis import replay
from testbed.experiments import runner
from testbed.model.delay import duration_ns
from testbed.model.task import COMPLETED, FAILED, LATE, UE_DIED
from testbed.protocol.rows import EventRow, LinkRow, SlotRow, TaskRow, UeSlotRow, rows_by_task
from testbed.record import reader
from testbed.record.backends import SIM
from testbed.scenario.load import load_scenario
from testbed.sim.simulation import simulate
from testbed.trace import inputs
from tests.swarm.cases import Case
from tests.swarm.conservation import paused_ns
from tests.swarm.play import Played, play

PARTS = (
    "slot_wait_ns",
    "decision_ns",
    "radio_wait_ns",
    "airtime_ns",
    "latency_ns",
    "backhaul_ns",
    "es_wait_ns",
    "execution_ns",
    "return_ns",
    "recovery_ns",
    "local_wait_ns",
    "local_execution_ns",
    "emulation_ns",
)


def problems(case: Case) -> list[str]:
    """What is wrong with the run of ``case``, in words; empty if nothing is."""
    return found_in(play(case))


def found_in(played: Played) -> list[str]:
    """As `problems`, of a case that was played."""
    plan, ran = played.given.plan, played.made
    rows = ran.tasks
    exact = played.given.conditions is None and not played.case.ghosts
    return [
        *played.seen,
        *wrong_ends(plan, rows, played.rows),
        *(problem for row in rows for problem in wrong_row(plan, row)),
        *overlaps(plan, rows),
        *repeated(played.rows),
        *needless(plan, played.executed, ran.links),
        *signs_of_the_dead(plan, ran),
        *wrong_summary(played),
        *wrong_remains(played),
        *((*kept_on_cut_radios(plan, ran), *wrong_replay(played)) if exact else ()),
    ]


def gaps_of(plan, name):
    """[death, restart) of ``name`` as planned; for ever: 2^62."""
    return [(f.at_ns, f.restart_ns if f.restart_ns >= 0 else 2**62) for f in plan.faults if f.name == name]


def expected(plan):
    """The tasks that came to be, by (UE, number): their UE lived when they were generated."""
    names = [ue.name for ue in plan.system.ues]
    return {
        (names[task.ue], task.number): task
        for task in plan.workload
        if not any(died <= task.generated_ns < back for died, back in gaps_of(plan, names[task.ue]))
    }


def wrong_ends(plan, rows, recorded):
    """Every generated task ends, once, and fails only with its UE."""
    tasks = expected(plan)
    if sorted((row.ue, row.number) for row in rows) != sorted(tasks):
        yield f"{len(rows)} rows of {len(tasks)} tasks"
    ends = Counter((row.ue, row.number) for row in recorded if isinstance(row, TaskRow) and row.finished_ns >= 0)
    seen = {}
    for row in recorded:
        if isinstance(row, TaskRow):
            seen[row.ue, row.number] = row
    for row in rows:
        key, died = (row.ue, row.number), [death for death, _ in gaps_of(plan, row.ue) if death > row.generated_ns]
        if row.state in (COMPLETED, LATE):
            if ends[key] != 1 or seen[key] != row:
                yield f"{key} ended {ends[key]} times in the record"
            if (row.state == COMPLETED) != (row.measured_ns <= row.deadline_ns):
                yield f"{key} is {row.state} after {row.measured_ns}"
        elif row.state != FAILED or row.reason != UE_DIED or not died or ends[key]:
            yield f"{key} is {row.state}: {row.reason}"


def wrong_row(plan, row):
    """Parts sum to the delay, work is executed where it says, energy is that of what was done."""
    key, ue = (row.ue, row.number), next(ue for ue in plan.system.ues if ue.name == row.ue)
    task = next(task for task in plan.workload if (task.ue, task.number) == (ue.index, row.number))
    if row.asked_ns not in (-1, plan.system.asked_ns(task)):
        yield f"{key} was asked about at {row.asked_ns}"
    whole = duration_ns(row.cycles, ue.cpu_hz)
    # Where it came to its end, the pauses in it are in the record; where it failed, what was executed is.
    still = paused_ns(ue, row.start_ns, row.start_ns + row.local_execution_ns) if row.state != FAILED else 0
    executed = ue.kappa * ue.cpu_hz**3 * (row.local_execution_ns - still) * 1e-9
    energy = ue.tx_power_w * row.airtime_ns * 1e-9 + executed
    if row.state == FAILED:
        if row.local_execution_ns > whole or abs(row.energy_j - energy) > 1e-6:
            yield f"{key} failed with {row.energy_j} J of {energy} J"
        return
    parts = [getattr(row, part) for part in PARTS]
    if sum(parts) != row.measured_ns or min(parts) < 0:
        yield f"{key}: {parts} of {row.measured_ns}"
    local = row.choice == 0 or row.recovered or row.rejected
    if (row.local_execution_ns, bool(row.execution_ns)) != (whole + still if local else 0, not local):
        yield f"{key}: local {row.local_execution_ns}, at an ES {row.execution_ns}"
    lost = ue.tx_power_w * (row.tx_end_ns - row.tx_start_ns) * 1e-9 if row.recovered and row.tx_start_ns >= 0 else 0.0
    if abs(row.energy_j - energy - lost) > (1e-9 if local else 1e-12):  # an execution is of whole nanoseconds
        yield f"{key}: {row.energy_j} J of {energy} J and {lost} J for nothing"


def overlaps(plan, rows):
    """One CPU a UE, and the cores of an ES: no more executions at once; and none through its ES's death."""
    cores = {es.name: es.cores for es in plan.system.edge_servers}
    by_cpu: dict[str, list[TaskRow]] = {}
    for row in rows:
        if row.state in (COMPLETED, LATE):
            by_cpu.setdefault(row.es if row.execution_ns else row.ue, []).append(row)
    for cpu, executed in by_cpu.items():
        changes = sorted([(row.end_ns, -1) for row in executed] + [(row.start_ns, 1) for row in executed])
        at_once = 0
        for at, change in changes:
            at_once += change
            if at_once > cores.get(cpu, 1):
                yield f"{cpu}: {at_once} tasks at once at {at}"
        for row in executed:
            if row.execution_ns and any(row.es_arrival_ns < died <= row.end_ns for died, _ in gaps_of(plan, cpu)):
                yield f"{(row.ue, row.number)}: executed by {cpu} through its death"


def repeated(recorded):
    """What is recorded is recorded once: transmissions, slots, deaths."""
    kinds = {
        LinkRow: ("link", "to", "ue", "number"),
        SlotRow: ("es", "slot"),
        EventRow: ("at_ns", "source", "kind", "detail"),
    }
    for kind, fields in kinds.items():
        found = [row for row in recorded if type(row) is kind]
        counts = Counter(tuple(getattr(row, field) for field in fields) for row in found)
        yield from (f"{kind.__name__} {key} recorded {count} times" for key, count in counts.items() if count > 1)


def needless(plan, executed, links):
    """Nobody executes a task twice, or one whose UE died while it was sent."""
    for (cpu, ue, number), count in Counter(executed).items():
        if count > 1:
            yield f"{cpu} executed {(ue, number)} {count} times"
    cut = {
        (row.ue, row.number)
        for row in links
        if row.link == row.ue and any(row.ready_ns <= died <= row.end_ns for died, _ in gaps_of(plan, row.ue))
    }
    servers = {es.name for es in plan.system.edge_servers}
    yield from (
        f"{cpu} executed {key}, which it never got" for cpu, *key in executed if cpu in servers and (*key,) in cut
    )


def signs_of_the_dead(plan, made):
    """No ES announces and no UE asks while it is dead; deaths and restarts are recorded as they were asked for."""
    for row in made.slots:
        if any(died <= row.at_ns < back for died, back in gaps_of(plan, row.es)):
            yield f"{row.es} announced slot {row.slot} while dead"
    for row in made.tasks:
        if any(died <= row.asked_ns < back for died, back in gaps_of(plan, row.ue)):
            yield f"{row.ue} asked for {row.number} while dead"
    happened = reader.absences_of(made.events)
    for fault in plan.faults:
        came = (fault.at_ns, fault.restart_ns if 0 <= fault.restart_ns <= made.end_ns else -1)
        if fault.at_ns <= made.end_ns and fault.restart_ns != made.end_ns and came not in happened.get(fault.name, ()):
            yield f"{fault} is not in the record"


def kept_on_cut_radios(plan, made):
    """Where UEs take back what a cut holds: nothing is sent through a cut that is known, and airtime ends with it."""
    system = plan.system
    died = {fault.name for fault in plan.faults} & {es.name for es in system.edge_servers}
    for ue in system.ues if system.resilience.recovers_from_cuts else ():
        known = {begin: _goes_on_ns(ue, begin + system.detection_ns) for begin, _ in ue.cuts_ns}
        known = {begin: at for begin, at in known.items() if at < dict(ue.cuts_ns)[begin]}
        for row in made.links:
            if row.link == ue.name and any(row.ready_ns < at < row.end_ns for at in known.values()):
                yield f"{(row.ue, row.number)} was sent from {row.start_ns} to {row.end_ns}, through a known cut"
        for row in made.tasks:
            lost = row.ue == ue.name and row.recovered and row.tx_start_ns >= 0 and row.state != FAILED
            if lost and not died and known.get(row.tx_end_ns) != row.reentry_ns:
                yield f"{(row.ue, row.number)} was taken back at {row.reentry_ns}, and on the air until {row.tx_end_ns}"


def _goes_on_ns(ue, at_ns):
    """``at_ns``, or the end of the pause in which it lies."""
    return next((end for begin, end in ue.pauses_ns if begin <= at_ns < end), at_ns)


def recorded_run(resolved, plan, rows, meta):
    """The run of ``plan`` as it is read from a record that has these ``rows``."""
    last = {(row.ue, row.number): row for row in rows if isinstance(row, TaskRow)}
    kept = reader.RecordedRows(
        meta={"backend": SIM, "policy": plan.policy, "second_offload": plan.second_offload, **meta},
        tasks=list(last.values()),
        slots=[row for row in rows if isinstance(row, SlotRow)],
        ue_slots=[row for row in rows if isinstance(row, UeSlotRow)],
        rewards=[],
        links=[row for row in rows if isinstance(row, LinkRow)],
        updates=[],
        events=[row for row in rows if isinstance(row, EventRow)],
    )
    return reader.assemble(Path("r"), kept, resolved, plan.workload)


def run_of(played):
    """The run as it is read from its whole record."""
    given, made = played.given, played.made
    return recorded_run(given.resolved, given.plan, played.rows, {"reason": made.reason, "end_ns": made.end_ns})


def run_by_hand(plan, made):
    """The run of a ``plan`` that was made by hand, and what the simulation ``made`` of it, as read from its record."""
    resolved = msgspec.structs.replace(inputs.resolve(load_scenario("region")), system=plan.system)
    rows = [*made.tasks, *made.slots, *made.ue_slots, *made.links, *made.events]
    return recorded_run(resolved, plan, rows, {"reason": made.reason, "end_ns": made.end_ns})


def wrong_summary(played):
    """The audit of the record finds what is counted here."""
    plan, rows = played.given.plan, played.made.tasks
    summary = runner.summary_of(run_of(played))
    tasks, counts = expected(plan), summary.tasks
    own = {
        "generated": len(tasks),
        "completed": sum(row.state == COMPLETED for row in rows),
        "late": sum(row.state == LATE for row in rows),
        "failed": sum(row.state == FAILED for row in rows),
        "local": sum(row.choice == 0 for row in rows),
        "offloaded": sum(row.choice >= 1 for row in rows),
        "undecided": sum(row.choice == -1 for row in rows),
        "recovered": sum(row.recovered for row in rows),
        "unaccounted": 0,
    }
    for name, count in own.items():
        if counts[name] != count:
            yield f"{counts[name]} {name} in the summary, {count} counted: {summary.problems[:2]}"
    if tasks and abs(summary.energy_j.total - sum(row.energy_j for row in rows)) > 1e-6:
        yield f"{summary.energy_j.total} J in the summary"


def wrong_remains(played):
    """The recorder died in the middle: what it had written still accounts for every task that had come by then."""
    left = played.rows[: int(len(played.rows) * played.case.recorded)]
    run = recorded_run(played.given.resolved, played.given.plan, left, {})
    counts = runner.summary_of(run).tasks
    if counts["unaccounted"] or counts["generated"] != len(run.tasks):
        yield f"after {len(left)} of {len(played.rows)} rows: {counts}"
    ended = {(row.ue, row.number): row for row in left if isinstance(row, TaskRow) and row.finished_ns >= 0}
    kept = rows_by_task(run.tasks)
    yield from (f"{key} had ended when the recorder died, and has not" for key in ended if kept[key] != ended[key])


def wrong_replay(played):
    """From its record, the run is computed again to the last nanosecond."""
    plan, run = played.given.plan, run_of(played)
    answers = replay.recorded_answers(run.tasks)
    again = msgspec.structs.replace(plan, faults=replay.recorded_faults(run.record.events))
    replayed = rows_by_task(simulate(again, None, answers).tasks)
    for row in played.made.tasks:
        other = replayed.get((row.ue, row.number))
        if row.choice >= 0 and (other is None or (other.finished_ns, other.state) != (row.finished_ns, row.state)):
            yield f"{(row.ue, row.number)} ended at {row.finished_ns}, replayed at {other and other.finished_ns}"
