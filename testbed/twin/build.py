"""From the model's structs to the twin's arrays, refusing what the twin cannot express."""

import math
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np

from testbed.model.changing_link import NO_TRACE, RateTrace
from testbed.model.delay import NEVER, transfer_ns
from testbed.model.errors import ScenarioError
from testbed.model.system import SHARED, System
from testbed.model.task import Task, TaskTable
from testbed.model.task_model import POISSON_ARRIVALS, Law, TaskModel
from testbed.model.transmission import trace_of, varies
from testbed.scenario.overload import is_overload
from testbed.scenario.profile import totals
from testbed.scenario.ranges import check_tasks
from testbed.scenario.schema import Scenario
from testbed.scenario.task_model import task_model
from testbed.twin import refusals, state
from testbed.twin.state import Fixed, Worlds

DRAWS = {
    "constant": state.CONSTANT,
    "uniform": state.UNIFORM,
    "choice": state.CHOICE,
    "per_bit": state.PER_BIT_LAW,
    "quantiles": state.QUANTILES,
}


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """Where tasks come from: ``table``, rows by (UE, number) with the index of the UE of each, or ``draws``.

    Those are of each class, up to whose ``shares`` tasks are of it, a UE's from its place in ``first_classes`` on; they
    have a rate per UE and slot and, repeating, a factor of it for each slot. ``slots`` -1: for ever.
    """

    arrivals: int
    slots: int
    rates: tuple[float, ...] = ()
    factors: tuple[float, ...] = (1.0,)
    draws: tuple[Law, ...] = ()
    shares: tuple[float, ...] = (1.0,)
    first_classes: tuple[int, ...] = ()
    rows: Any = np.zeros(0, state.ROW)
    ue: Any = np.zeros(0, np.int64)


def table(system: System, tasks: Sequence[Task]) -> Source:
    """Tasks of a workload table, in every world. Raises `ScenarioError` as `check_table`."""
    tasks = TaskTable.of(tasks)
    check_table(system, tasks)
    found = {name: np.frombuffer(column, np.int64) for name, column in tasks.columns.items()}
    order = np.lexsort((found["number"], found["ue"]))
    rows = np.zeros(len(order), state.ROW)
    for name in state.ROW.names or ():
        rows[name] = found[name][order]
    return Source(arrivals=state.TABLE_SOURCE, slots=system.slots, rows=rows, ue=found["ue"][order])


def check_table(system: System, tasks: TaskTable) -> None:
    """Raise `ScenarioError` for a task that comes after the last slot, or takes too long."""
    late = np.flatnonzero(np.frombuffer(tasks.columns["generated_ns"], np.int64) > system.end_ns)
    if len(late):
        task = tasks[int(late[0])]
        name = system.ues[task.ue].name
        raise ScenarioError(f"task {task.number} of {name} is generated after the last slot", remedy="raise slots")
    check_tasks(system, tasks)


def generator(scenario: Scenario, system: System, *, endless: bool) -> Source:
    """The keyed draws of ``scenario``, until its last slot or for ever. Raises `ScenarioError` for a trace."""
    if scenario.workload.trace:
        raise ScenarioError("workload.trace: a traced workload has one seed only", remedy="give its tasks as a table")
    if any(is_overload(fault) for fault in scenario.faults):
        raise ScenarioError("faults: the twin draws no overload", remedy="give its tasks as a table")
    model = task_model(scenario)
    assert model is not None, "a trace was refused above"
    return drawn(model, -1 if endless else system.slots)


def drawn(model: TaskModel, slots: int) -> Source:
    """Tasks drawn from ``model`` until slot ``slots``; -1: for ever."""
    return Source(
        arrivals=state.POISSON if model.arrivals == POISSON_ARRIVALS else state.BERNOULLI,
        slots=slots,
        rates=model.rates,
        factors=model.factors,
        draws=model.laws,
        shares=model.shares,
        first_classes=model.first_classes,
    )


def fixed(system: System, source: Source, *, double: bool, recording: bool, reward: int) -> Fixed:
    """What all worlds share."""
    refusals.refuse(system)
    radio, record = system.radio, np.zeros(1, state.SYSTEM)
    values: dict[str, Any] = {
        "slot_ns": system.slot_ns,
        "threshold_ns": system.threshold_ns,
        "latency_ns": radio.latency_ns,
        "return_latency_ns": radio.return_latency_ns,
        "jitter_kind": radio.jitter_kind,
        "jitter_low_ns": radio.jitter_low_ns,
        "jitter_high_ns": radio.jitter_high_ns,
        "loss": radio.loss,
        "coherence_ns": radio.coherence_ns,
        "bandwidth_hz": radio.bandwidth_hz,
        "cap": radio.max_spectral_efficiency,
        "backhaul_bps": system.backhaul.rate_bps,
        "backhaul_latency_ns": system.backhaul.latency_ns,
        "buckets_per_ns": _buckets(len(system.ues)) / system.slot_ns,
        "slots": source.slots,
        "shared": radio.access == SHARED,
        "chosen": system.chosen_target,
        "double": double and len(system.edge_servers) > 1,
        "slowed": any(es.speeds_hz for es in system.edge_servers),
        "degraded": any(ue.caps_bps or ue.added_ns or ue.losses for ue in system.ues),
        "recording": recording,
        "reward": reward,
        "arrivals": source.arrivals,
    }
    for name, value in values.items():
        record[name] = value
    draws, drawn = _draws(source)
    traces = _traces(system)
    edge_servers, ues = system.edge_servers, system.ues
    speed_edges_ns, speeds_hz = _steps([(es.cpu_hz, es.speed_edges_ns, es.speeds_hz) for es in edge_servers], np.int64)
    cap_edges_ns, caps_bps = _steps([(math.inf, ue.cap_edges_ns, ue.caps_bps) for ue in ues], np.float64)
    added_edges_ns, added_ns = _steps([(0, ue.added_edges_ns, ue.added_ns) for ue in ues], np.int64)
    loss_edges_ns, losses = _steps([(radio.loss, ue.loss_edges_ns, ue.losses) for ue in ues], np.float64)
    return Fixed(
        system=record,
        ues=_ues(system, source),
        edge_servers=_ess(system),
        edges_ns=np.array([at for trace in traces for at in trace.edges_ns] or (0,), np.int64),
        rates_bps=np.array([bps for trace in traces for bps in trace.bps] or (1.0,), np.float64),
        alive=np.ones(len(system.edge_servers), np.bool_),
        speed_edges_ns=speed_edges_ns,
        speeds_hz=speeds_hz,
        cap_edges_ns=cap_edges_ns,
        caps_bps=caps_bps,
        added_edges_ns=added_edges_ns,
        added_ns=added_ns,
        loss_edges_ns=loss_edges_ns,
        losses=losses,
        own_bps=np.array([[ue.rate_bps] for ue in ues], np.float64),
        draws=draws,
        values=drawn,
        rows=source.rows if len(source.rows) else np.zeros(1, state.ROW),
        factors=np.array(source.factors, np.float64),
        totals=np.array(totals(source.factors), np.float64),
        shares=np.array(source.shares, np.float64),
    )


def _buckets(ues: int) -> int:
    """How many lists sort a slot's arrivals: so many that most hold one task at most, as bits of whole words."""
    buckets = 4 * state.WORD
    while buckets < 16 * ues:
        buckets *= 2
    return buckets


def _ues(system: System, source: Source) -> Any:
    ues = np.zeros(len(system.ues), state.UE_FIXED)
    counts = np.bincount(source.ue, minlength=len(ues))
    ends = np.cumsum(counts)
    edges = np.cumsum([0, *(len(trace.edges_ns) for trace in _traces(system))])
    for ue in system.ues:
        record = ues[ue.index]
        for name in ("cpu_hz", "rate_bps", "tx_power_w", "kappa", "weight_delay", "cell", "snr"):
            record[name] = getattr(ue, name)
        record["ns_per_cycle"] = 1e9 / ue.cpu_hz
        record["capped"] = bool(ue.caps_bps)
        record["steady"] = not (ue.caps_bps or trace_of(system.radio, ue) or system.radio.coherence_ns)
        record["return_ns"] = system.radio.return_latency_ns + transfer_ns(system.radio.result_bits, ue.rate_bps)
        record["rate"] = source.rates[ue.index] if source.rates else 0.0
        record["first_class"] = source.first_classes[ue.index] if source.first_classes else 0
        if trace := trace_of(system.radio, ue):
            first = ue.trace if ue.trace != NO_TRACE else len(system.radio.traces)
            record["first_edge"], record["last_edge"] = edges[first], edges[first + 1]
            record["period_ns"] = trace.period_ns
        record["first_row"], record["last_row"] = ends[ue.index] - counts[ue.index], ends[ue.index]
    return ues


def _traces(system: System) -> tuple[RateTrace, ...]:
    """The rate traces of single UEs, then that of all others."""
    others = trace_of(system.radio, msgspec.structs.replace(system.ues[0], trace=NO_TRACE)) if system.ues else None
    return system.radio.traces if others is None else (*system.radio.traces, others)


def _ess(system: System) -> Any:
    edge_servers = np.zeros(len(system.edge_servers), state.ES_FIXED)
    for es in system.edge_servers:
        record = edge_servers[es.index]
        for name in ("cpu_hz", "cores", "queue_limit", "discipline"):
            record[name] = getattr(es, name)
        record["ns_per_cycle"] = 1e9 / es.cpu_hz
        mine = [ue.index for ue in system.ues if ue.cell == es.index]
        record["varying"] = varies(system, es.index)
        record["first_ue"], record["last_ue"] = (mine[0], mine[-1] + 1) if mine else (0, 0)
    return edge_servers


def _steps(given: Sequence[tuple[float, Sequence[int], Sequence[float]]], kind: type) -> tuple[Any, Any]:
    """When something changes that each has, and to what: arrays (N, K), the rest of a row being for ever the last.

    ``given`` are what it is of each that has no changes, edges and values.
    """
    shape = len(given), max(1, *(len(values) for _, _, values in given))
    edges_ns: Any = np.full(shape, NEVER, np.int64)
    steps: Any = np.zeros(shape, kind)
    for row, (usual, edges, values) in enumerate(given):
        edges_ns[row, 0], steps[row] = 0, values[-1] if values else usual
        edges_ns[row, : len(edges)], steps[row, : len(values)] = edges, values
    return edges_ns, steps


def _draws(source: Source) -> tuple[Any, Any]:
    longest = max((len(draw.values) for draw in source.draws), default=1)
    count = max(3, len(source.draws))
    draws, values = np.zeros(count, state.DRAW), np.zeros((count, longest))
    for place, draw in enumerate(source.draws):
        draws[place] = DRAWS[draw.kind], len(draw.values)
        values[place, : len(draw.values)] = draw.values
    return draws, values


def outcomes(worlds: int, count: int) -> Any:
    """Room for what becomes of ``count`` tasks, nothing yet."""
    made = np.zeros((worlds, count), state.OUTCOME)
    for name in state.OUTCOME.names or ():
        if name.endswith("_ns") or name in ("slot", "choice", "es"):
            made[name] = -1
    return made


def worlds(count: int, shared: Fixed, capacity: int) -> Worlds:
    """The state of ``count`` worlds, ``capacity`` tasks each; every field is set by a reset before it is read.

    What no task has used yet is zero all the same, for the state is written into checkpoints.
    """
    ues, edge_servers = len(shared.ues), len(shared.edge_servers)
    system = shared.system[0]
    room = (max(ues, edge_servers) // state.LANES + 1) * state.LANES
    lists = ues * state.UE_LISTS + edge_servers * state.ES_LISTS
    buckets = np.zeros(_buckets(ues), state.LIST)
    buckets["head"] = state.NONE
    return Worlds(
        status=np.zeros(count, state.WORLD),
        tasks=np.zeros((count, capacity), state.TASK),
        lists=np.zeros((count, lists), state.LIST),
        ues=np.zeros((count, ues), state.UE),
        edge_servers=np.zeros((count, edge_servers), state.ES),
        cores=np.zeros((count, edge_servers, int(shared.edge_servers["cores"].max())), state.CORE),
        asking=np.zeros((count, ues + 1), np.int32),
        announced_ns=np.zeros((count, edge_servers), np.int64),
        cells=np.zeros((count, edge_servers), state.CELL),
        local_cost=np.zeros((count, capacity if system["reward"] != state.HOLDING_REWARD else 1)),
        outcomes=outcomes(count, len(shared.rows) if system["recording"] else 1),
        due=np.zeros(room, np.int32),
        hashes=np.zeros(room, np.uint64),
        drawn=np.zeros((3, room), np.int64),
        buckets=buckets,
        marks=np.zeros(len(buckets) // state.WORD, np.uint64),
    )
