"""From what the twin recorded of a world to the rows of the record."""

from collections.abc import Collection
from typing import Any

from testbed.model.delay import after_ns, transfer_ns
from testbed.model.system import SHARED, Plan
from testbed.model.task import COMPLETED, LATE, OFFLOAD, Task
from testbed.protocol.rows import LinkRow, TaskRow, UeSlotRow, identity
from testbed.twin import state
from testbed.twin.twin import Twin
from testbed.twin.views import tasks_of


def outcomes(twin: Twin, plan: Plan, world: int = 0) -> list[tuple[Task, dict[str, Any]]]:
    """Every task of the workload with its outcome, in (UE, number) order."""
    names = twin.state.outcomes.dtype.names or ()
    tasks = sorted(plan.workload, key=lambda task: (task.ue, task.number))
    found = twin.state.outcomes[world].tolist()
    return [(task, dict(zip(names, values, strict=True))) for task, values in zip(tasks, found, strict=False)]


def task_rows(twin: Twin, plan: Plan, failed: Collection[tuple[int, int]] = (), world: int = 0) -> list[TaskRow]:
    """The complete rows; ``failed`` holds the (UE, slot) that the fallback policy decided."""
    return [_row(plan, task, o, fallback=(task.ue, o["slot"]) in failed) for task, o in outcomes(twin, plan, world)]


def _row(plan: Plan, task: Task, o: dict[str, Any], *, fallback: bool) -> TaskRow:
    system, ue = plan.system, plan.system.ues[task.ue]
    delay = o["finished_ns"] - task.generated_ns
    asked = o["slot"] * system.slot_ns
    values: dict[str, Any] = {
        "state": COMPLETED if delay <= task.deadline_ns else LATE,
        "slot": o["slot"],
        "asked_ns": asked,
        "choice": o["choice"],
        "fallback": "policy error" if fallback else "",
        "rejected": bool(o["rejected"]),
        "ready_ns": asked,
        "start_ns": o["start_ns"],
        "end_ns": o["end_ns"],
        "finished_ns": o["finished_ns"],
        "measured_ns": delay,
        "energy_j": o["energy_j"],
        "energy_measured_j": o["energy_j"],
        "overhead": o["overhead"],
        "slot_wait_ns": asked - task.generated_ns,
        "reentry_ns": o["reentry_ns"],
    }
    if o["choice"] == OFFLOAD:
        values |= _travelled(plan, task, o)
    if o["choice"] != OFFLOAD or o["rejected"]:
        entered = o["reentry_ns"] if o["rejected"] else asked
        values["local_wait_ns"] = o["start_ns"] - entered
        values["local_execution_ns"] = o["end_ns"] - o["start_ns"]
    return TaskRow(**identity(ue, task), **values)


def _travelled(plan: Plan, task: Task, o: dict[str, Any]) -> dict[str, Any]:
    values: dict[str, Any] = {
        "es": plan.system.edge_servers[o["es"]].name,
        "forwarded": o["es"] != plan.system.ues[task.ue].cell,
        "radio_wait_ns": o["tx_start_ns"] - o["ready_ns"],
        "airtime_ns": o["tx_end_ns"] - o["tx_start_ns"],
        "latency_ns": o["arrival_ns"] - o["tx_end_ns"],
        "backhaul_ns": o["es_arrival_ns"] - o["arrival_ns"],
    }
    for name in ("attempts", "tx_start_ns", "tx_end_ns", "arrival_ns", "es_arrival_ns"):
        values[name] = o[name]
    if o["rejected"]:
        values["return_ns"] = o["reentry_ns"] - o["es_arrival_ns"]
    else:
        values["es_wait_ns"] = o["start_ns"] - o["es_arrival_ns"]
        values["execution_ns"] = o["end_ns"] - o["start_ns"]
        values["return_ns"] = o["finished_ns"] - o["end_ns"]
    return values


def link_rows(twin: Twin, plan: Plan, world: int = 0) -> list[LinkRow]:
    """Every transmission over uplinks and backhaul, in the order of first bits."""
    system, found = plan.system, []
    for task, o in outcomes(twin, plan, world):
        if o["choice"] != OFFLOAD:
            continue
        ue, bits = system.ues[task.ue], task.input_bits
        home, served = system.edge_servers[ue.cell].name, system.edge_servers[o["es"]].name
        found.append(
            LinkRow(
                link=ue.name,
                to=home,
                ue=ue.name,
                number=task.number,
                bits=bits,
                attempts=o["attempts"],
                ready_ns=o["ready_ns"],
                start_ns=o["tx_start_ns"],
                end_ns=o["tx_end_ns"],
                arrival_ns=o["arrival_ns"],
            )
        )
        if served != home:
            left = o["arrival_ns"]
            end = after_ns(left, transfer_ns(bits, system.backhaul.rate_bps))
            found.append(
                LinkRow(
                    link=home,
                    to=served,
                    ue=ue.name,
                    number=task.number,
                    bits=bits,
                    attempts=1,
                    ready_ns=left,
                    start_ns=left,
                    end_ns=end,
                    arrival_ns=o["es_arrival_ns"],
                )
            )
    return sorted(found, key=lambda row: (row.start_ns, row.ue, row.number))


def ue_slot_rows(twin: Twin, world: int = 0) -> list[UeSlotRow]:
    """Every UE at the slot that the world is about to decide; none once generation has ended."""
    system, slot = twin.system, int(twin.slot[world])
    if slot >= system.slots:
        return []
    now, shared, found = slot * system.slot_ns, system.radio.access == SHARED, []
    names = ("local_free_ns", "radio_free_ns", "present")
    columns = zip(*(twin.state.ues[world][name].tolist() for name in names), strict=True)
    for ue, (local, radio, present) in zip(system.ues, columns, strict=True):
        undecided = len(tasks_of(twin, world, ue.index, state.FRESH))
        wait = -1 if shared else max(0, radio - now)
        found.append(
            UeSlotRow(
                ue=ue.name,
                slot=slot,
                at_ns=now,
                queue_ns=max(0, local - now),
                radio_wait_ns=wait,
                present=present,
                undecided=undecided,
            )
        )
    return found
