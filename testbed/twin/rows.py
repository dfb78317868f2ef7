"""From what the twin recorded of a world to the rows of the record, column by column."""

from collections.abc import Collection, Sequence
from typing import Any, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from testbed.model.delay import after_ns, transfer_ns
from testbed.model.system import Plan, System
from testbed.model.task import COMPLETED, LATE, OFFLOAD
from testbed.protocol.rows import LinkRow, TaskRow
from testbed.twin.twin import Twin

Columns = dict[str, Any]
R = TypeVar("R", bound=msgspec.Struct)


def as_rows(kind: type[R], columns: Columns) -> list[R]:
    """One row for each place of ``columns`` (arrays, or lists of Python's own values); what is missing is the default.

    Arrays are given by the names of the fields.
    """
    count = len(next(iter(columns.values())))
    listed = []
    for field in msgspec.structs.fields(kind):
        column = columns.get(field.name)
        if column is None:
            listed.append([field.default] * count)
        else:
            listed.append(column.tolist() if isinstance(column, np.ndarray) else column)
    tags = [kind.__struct_config__.tag] * count
    return msgspec.convert(list(zip(tags, *listed, strict=True)), list[kind])  # type: ignore[valid-type]


def named(names: Sequence[str], index: NDArray[Any]) -> list[str]:
    """The name at each index."""
    return [names[at] for at in index.tolist()]


def _identities(twin: Twin) -> tuple[Columns, NDArray[Any]]:
    """Which tasks there are, in (UE, number) order, and the UE's index of each."""
    system, fixed = twin.system, twin.fixed
    counts = fixed.ues["last_row"] - fixed.ues["first_row"]
    ue = np.repeat(np.arange(len(counts)), counts)
    table = fixed.rows[: len(ue)]
    found = {
        "ue": named([ue.name for ue in system.ues], ue),
        "number": np.arange(len(ue)) - fixed.ues["first_row"][ue],
        "cell": fixed.ues["cell"][ue] + 1,
    }
    return found | {name: table[name] for name in table.dtype.names or ()}, ue


def task_rows(twin: Twin, plan: Plan, failed: Collection[tuple[int, int]] = (), world: int = 0) -> list[TaskRow]:
    """The complete rows in (UE, number) order; ``failed`` holds the (UE, slot) that the fallback policy decided."""
    found, ue = _identities(twin)
    o = twin.state.outcomes[world][: len(ue)]
    if not len(ue):
        return []
    generated, asked = found["generated_ns"], o["slot"] * plan.system.slot_ns
    delay = o["finished_ns"] - generated
    offloaded, rejected = o["choice"] == OFFLOAD, o["rejected"] != 0
    local = ~offloaded | rejected
    late = delay > found["deadline_ns"]
    found |= {name: o[name] for name in ("slot", "choice", "start_ns", "end_ns", "finished_ns", "reentry_ns")}
    found |= {
        "state": named((COMPLETED, LATE), late.astype(np.int64)),
        "asked_ns": asked,
        "rejected": rejected,
        "ready_ns": asked,
        "measured_ns": delay,
        "energy_j": o["energy_j"],
        "energy_measured_j": o["energy_j"],
        "overhead": o["overhead"],
        "slot_wait_ns": asked - generated,
        "local_wait_ns": np.where(local, o["start_ns"] - np.where(rejected, o["reentry_ns"], asked), 0),
        "local_execution_ns": np.where(local, o["end_ns"] - o["start_ns"], 0),
    }
    if failed:
        decided = zip(ue.tolist(), o["slot"].tolist(), strict=True)
        found["fallback"] = ["policy error" if one in failed else "" for one in decided]
    return as_rows(TaskRow, found | _travelled(plan.system, ue, o, offloaded, rejected))


def _travelled(system: System, ue: NDArray[Any], o: Any, offloaded: NDArray[Any], rejected: NDArray[Any]) -> Columns:
    """What there is to say of offloaded tasks; the others have the defaults."""
    cell = np.array([one.cell for one in system.ues])[ue]
    served = offloaded & ~rejected
    found = {
        "es": named(["", *(es.name for es in system.edge_servers)], np.where(offloaded, o["es"] + 1, 0)),
        "forwarded": offloaded & (o["es"] != cell),
        "attempts": np.where(offloaded, o["attempts"], 0),
        "radio_wait_ns": np.where(offloaded, o["tx_start_ns"] - o["ready_ns"], 0),
        "airtime_ns": np.where(offloaded, o["tx_end_ns"] - o["tx_start_ns"], 0),
        "latency_ns": np.where(offloaded, o["arrival_ns"] - o["tx_end_ns"], 0),
        "backhaul_ns": np.where(offloaded, o["es_arrival_ns"] - o["arrival_ns"], 0),
        "es_wait_ns": np.where(served, o["start_ns"] - o["es_arrival_ns"], 0),
        "execution_ns": np.where(served, o["end_ns"] - o["start_ns"], 0),
    }
    back = np.where(rejected, o["reentry_ns"] - o["es_arrival_ns"], o["finished_ns"] - o["end_ns"])
    found["return_ns"] = np.where(offloaded, back, 0)
    for name in ("tx_start_ns", "tx_end_ns", "arrival_ns", "es_arrival_ns"):
        found[name] = np.where(offloaded, o[name], -1)
    return found


def link_rows(twin: Twin, plan: Plan, world: int = 0) -> list[LinkRow]:
    """Every transmission over uplinks and backhaul, in the order of first bits."""
    found, ue = _identities(twin)
    sent = np.flatnonzero(twin.state.outcomes[world]["choice"][: len(ue)] == OFFLOAD)
    if not len(sent):
        return []
    ue, o = ue[sent], twin.state.outcomes[world][sent]
    number, bits = found["number"][sent], found["input_bits"][sent]
    home = twin.fixed.ues["cell"][ue]
    up = {
        "link": ue,
        "to": home,
        "ue": ue,
        "number": number,
        "bits": bits,
        "attempts": o["attempts"],
        "ready_ns": o["ready_ns"],
        "start_ns": o["tx_start_ns"],
        "end_ns": o["tx_end_ns"],
        "arrival_ns": o["arrival_ns"],
    }
    over = np.flatnonzero(o["es"] != home)
    left = o["arrival_ns"][over]
    rate = plan.system.backhaul.rate_bps
    ends = [after_ns(at, transfer_ns(n, rate)) for at, n in zip(left.tolist(), bits[over].tolist(), strict=True)]
    across = {
        "link": home[over] + len(plan.system.ues),
        "to": o["es"][over],
        "ue": ue[over],
        "number": number[over],
        "bits": bits[over],
        "attempts": np.ones(len(over), np.int64),
        "ready_ns": left,
        "start_ns": left,
        "end_ns": np.array(ends, np.int64),
        "arrival_ns": o["es_arrival_ns"][over],
    }
    return as_rows(LinkRow, _in_order(plan.system, {name: np.concatenate([up[name], across[name]]) for name in up}))


def _in_order(system: System, links: Columns) -> Columns:
    """Transmissions by first bit, UE's name and number, with names for the indices of UEs and ESs."""
    ues, servers = [ue.name for ue in system.ues], [es.name for es in system.edge_servers]
    rank = np.argsort(np.argsort(np.array(ues)))
    order = np.lexsort((links["link"] >= len(ues), links["number"], rank[links["ue"]], links["start_ns"]))
    found = {name: column[order] for name, column in links.items()}
    names = {"link": [*ues, *servers], "to": servers, "ue": ues}
    return found | {name: named(given, found[name]) for name, given in names.items()}
