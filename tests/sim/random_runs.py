"""One random run a seed (system, workload, policy, network, faults), and everything that must hold of it.

What is checked does not trust what the run says of itself: ends, deaths and generated tasks are counted here again,
from the workload and the faults that were asked for.
"""

from collections import Counter
from functools import cache
from itertools import pairwise
from pathlib import Path

import msgspec

from testbed.analysis import replay
from testbed.experiments import runner
from testbed.model.delay import duration_ns
from testbed.model.task import COMPLETED, FAILED, LATE, UE_DIED
from testbed.protocol.rows import EventRow, LinkRow, SlotRow, TaskRow, rows_by_task
from testbed.record import reader
from testbed.record.backends import SIM
from testbed.scenario.load import load_scenario
from testbed.sim.simulation import simulate
from testbed.trace import inputs
from tests.sim.random_cases import Haunted, case_of

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


def problems(seed):
    """What is wrong with the run of ``seed``, in words; empty if nothing is."""
    case = case_of(seed)
    simulation = Haunted(case)
    result = simulation.run()
    rows = result.tasks
    return [
        *wrong_ends(case.plan, rows, simulation.notes.rows),
        *(problem for row in rows for problem in wrong_row(case.plan, row)),
        *overlaps(case.plan, rows),
        *repeated(simulation.notes.rows),
        *needless(case.plan, simulation.executed, result.links),
        *signs_of_the_dead(case.plan, result),
        *wrong_summary(case.plan, result),
        *(wrong_replay(case.plan, result) if case.conditions is None and not case.ghosts else ()),
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
    whole = duration_ns(row.cycles, ue.cpu_hz)
    executed = ue.kappa * ue.cpu_hz**3 * row.local_execution_ns * 1e-9
    energy = ue.tx_power_w * row.airtime_ns * 1e-9 + executed
    if row.state == FAILED:
        if row.local_execution_ns > whole or abs(row.energy_j - energy) > 1e-6:
            yield f"{key} failed with {row.energy_j} J of {energy} J"
        return
    parts = [getattr(row, part) for part in PARTS]
    if sum(parts) != row.measured_ns or min(parts) < 0:
        yield f"{key}: {parts} of {row.measured_ns}"
    local = row.choice == 0 or row.recovered or row.rejected
    if (row.local_execution_ns, bool(row.execution_ns)) != (whole if local else 0, not local):
        yield f"{key}: local {row.local_execution_ns}, at an ES {row.execution_ns}"
    lost = ue.tx_power_w * (row.tx_end_ns - row.tx_start_ns) * 1e-9 if row.recovered and row.tx_start_ns >= 0 else 0.0
    if abs(row.energy_j - energy - lost) > 1e-6:
        yield f"{key}: {row.energy_j} J of {energy} J and {lost} J for nothing"


def overlaps(plan, rows):
    """One CPU a UE and one core an ES: no two executions at once; and none through its ES's death."""
    by_cpu: dict[str, list[TaskRow]] = {}
    for row in rows:
        if row.state in (COMPLETED, LATE):
            by_cpu.setdefault(row.es if row.execution_ns else row.ue, []).append(row)
    for cpu, executed in by_cpu.items():
        executed.sort(key=lambda row: row.start_ns)
        for one, following in pairwise(executed):
            if following.start_ns < one.end_ns:
                yield f"{cpu}: tasks of {one.ue} and {following.ue} at once"
        for row in executed:
            if row.execution_ns and any(row.es_arrival_ns < died <= row.end_ns for died, _ in gaps_of(plan, cpu)):
                yield f"{(row.ue, row.number)}: executed by {cpu} through its death"


def repeated(recorded):
    """What is recorded is recorded once: transmissions, slots, deaths."""
    kinds = {LinkRow: ("link", "to", "ue", "number"), SlotRow: ("es", "slot"), EventRow: ("at_ns", "source", "kind")}
    for kind, fields in kinds.items():
        result = [row for row in recorded if type(row) is kind]
        counts = Counter(tuple(getattr(row, field) for field in fields) for row in result)
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


def signs_of_the_dead(plan, result):
    """No ES announces and no UE asks while it is dead; deaths and restarts are recorded as they were asked for."""
    for row in result.slots:
        if any(died <= row.at_ns < back for died, back in gaps_of(plan, row.es)):
            yield f"{row.es} announced slot {row.slot} while dead"
    for row in result.tasks:
        if any(died <= row.asked_ns < back for died, back in gaps_of(plan, row.ue)):
            yield f"{row.ue} asked for {row.number} while dead"
    happened = reader.absences_of(result.events)
    for fault in plan.faults:
        came = (fault.at_ns, fault.restart_ns if 0 <= fault.restart_ns <= result.end_ns else -1)
        if (
            fault.at_ns <= result.end_ns
            and fault.restart_ns != result.end_ns
            and came not in happened.get(fault.name, ())
        ):
            yield f"{fault} is not in the record"


@cache
def resolved():
    return inputs.resolve(load_scenario("region"))


def run_of(plan, result):
    """The run as it is read from its record."""
    remaining = reader.RecordedRows(
        meta={
            "backend": SIM,
            "policy": plan.policy,
            "second_offload": plan.second_offload,
            "reason": result.reason,
            "end_ns": result.end_ns,
        },
        tasks=result.tasks,
        slots=result.slots,
        ue_slots=result.ue_slots,
        rewards=[],
        links=result.links,
        updates=[],
        events=result.events,
    )
    return reader.assemble(Path("r"), remaining, msgspec.structs.replace(resolved(), system=plan.system), plan.workload)


def wrong_summary(plan, result):
    """The audit of the record finds what is counted here."""
    summary, rows = runner.summary_of(run_of(plan, result)), result.tasks
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
    if abs(summary.energy_j.total - sum(row.energy_j for row in rows)) > 1e-6:
        yield f"{summary.energy_j.total} J in the summary"


def wrong_replay(plan, result):
    """From its record, the run is computed again to the last nanosecond."""
    run = run_of(plan, result)
    answers = replay.recorded_answers(run.tasks)
    again = msgspec.structs.replace(plan, faults=replay.recorded_faults(run.record.events))
    replayed = rows_by_task(simulate(again, None, answers).tasks)
    for row in result.tasks:
        other = replayed.get((row.ue, row.number))
        if row.choice >= 0 and (other is None or (other.finished_ns, other.state) != (row.finished_ns, row.state)):
            yield f"{(row.ue, row.number)} ended at {row.finished_ns}, replayed at {other and other.finished_ns}"
