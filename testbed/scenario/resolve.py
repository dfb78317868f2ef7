"""From a scenario to the system it describes: hardware drawn, link rates computed, all in plain numbers."""

from collections.abc import Sequence
from statistics import NormalDist

import msgspec

from testbed.model import link, queue, random
from testbed.model.changing_link import NO_TRACE, RateTrace
from testbed.model.delay import channel_gain, uplink_rate
from testbed.model.errors import ScenarioError, UsageError
from testbed.model.system import (
    Backhaul,
    Disturbance,
    Emulation,
    Es,
    Fault,
    Plan,
    Radio,
    System,
    Ue,
)
from testbed.model.targets import BY_AGENT, chooses_target
from testbed.model.task import Task
from testbed.scenario import ranges
from testbed.scenario.changes import backhaul_cuts, pauses, speeds, uplinks
from testbed.scenario.checks import refuse
from testbed.scenario.fault_checks import cut_faults
from testbed.scenario.fault_schema import FaultSection
from testbed.scenario.fields import Draw
from testbed.scenario.names import es_name, es_names, ue_name
from testbed.scenario.occurrences import disturbances, occurrences
from testbed.scenario.random_faults import Drawn, drawn
from testbed.scenario.schema import Cell, CellUe, Fading, LinkTrace, RadioSection, Scenario, UeSection
from testbed.scenario.task_classes import sections_of
from testbed.scenario.task_model import task_model

FIELD_CPU, FIELD_DISTANCE, FIELD_POWER, FIELD_KAPPA, FIELD_WEIGHT, FIELD_SHADOW = range(6)
JITTERS = {
    "none": link.JITTER_NONE,
    "uniform": link.JITTER_UNIFORM,
    "exponential": link.JITTER_EXPONENTIAL,
    "normal": link.JITTER_NORMAL,
}


class Resolved(msgspec.Struct, frozen=True, kw_only=True):
    """A scenario made concrete. ``scenario`` is what it came from, with its rate trace read in, less unseen faults,
    and with those drawn that come at random: ``drawn`` says how often each does.
    """

    scenario: Scenario
    system: System
    drawn: tuple[Drawn, ...] = ()

    @property
    def emulation(self) -> Emulation:
        """How a live run emulates the system."""
        return _emulation(self.scenario)

    @property
    def faults(self) -> tuple[Fault, ...]:
        """The planned deaths and restarts, by instant."""
        return tuple(Fault(f.kill, f.at_ns, _restart_ns(f)) for f in self._occurrences if f.kill)

    @property
    def disturbances(self) -> tuple[Disturbance, ...]:
        """What else is planned to go wrong, by instant."""
        return disturbances(self._occurrences)

    @property
    def _occurrences(self) -> tuple[FaultSection, ...]:
        return occurrences(self.scenario.faults, self.system.end_ns)

    def at_speed(self, speed: float) -> "Resolved":
        """The same at another speed."""
        emulation = msgspec.structs.replace(self.scenario.emulation, speed=speed)
        return msgspec.structs.replace(self, scenario=msgspec.structs.replace(self.scenario, emulation=emulation))

    def plan(
        self,
        workload: Sequence[Task],
        policy: str,
        *,
        second_offload: bool,
        live: bool,
        chosen_target: bool | None = None,
    ) -> Plan:
        """The plan of one run; only a ``live`` one has a drain limit (twice the run unless the scenario gives one).

        ``chosen_target`` says whether agents choose the target of second offload, if the name ``policy`` does not.
        Raises `UsageError` where the scenario leaves that to the rule.
        """
        if chosen_target is None:
            chosen_target = chooses_target(policy) or self.system.chosen_target
        chosen = second_offload and chosen_target
        if chosen and self.scenario.second_offload.by != BY_AGENT:
            what = f'policy "{policy}" chooses targets, and the scenario leaves second offload to the rule'
            raise UsageError(what, "add --set second_offload.by=agent, or take the policy that ends in -do")
        emulation = self.emulation
        if not live:
            emulation = msgspec.structs.replace(emulation, drain_limit_ns=-1)
        return Plan(
            system=msgspec.structs.replace(self.system, chosen_target=chosen),
            workload=tuple(workload) if live else workload,
            policy=policy,
            second_offload=second_offload,
            emulation=emulation,
            faults=self.faults,
            disturbances=self.disturbances,
            task_model=task_model(self.scenario),
        )


def resolve(scenario: Scenario) -> Resolved:
    """Draw the hardware and compute the rates of ``scenario``.

    Faults after the end of generation are left out: whoever cuts a run short cuts them off. A rate trace must be
    inline; `testbed.trace.inputs.resolve` reads it from its file first. Raises `ScenarioError`, also for rates and
    tasks beyond `testbed.scenario.ranges`.
    """
    scenario = cut_faults(scenario)
    if scenario.topology is not None:
        raise ScenarioError("the topology has not been read", remedy="use testbed.trace.inputs.resolve")
    refuse(scenario)
    scenario, counts = drawn(scenario)
    agent, happening = scenario.agent, occurrences(scenario.faults, scenario.slots * scenario.slot_ns)
    ues = _ues(scenario)
    homes = {ue.name: (es_name(ue.cell), ue.cpu_hz) for ue in ues}
    changed = uplinks(happening, homes, scenario.radio.loss)
    system = System(
        name=scenario.name,
        seed=scenario.seed,
        hardware_seed=scenario.hardware_seed,
        slots=scenario.slots,
        slot_ns=scenario.slot_ns,
        threshold_ns=scenario.second_offload.threshold_ns,
        detection_ns=scenario.emulation.detection_ns,
        epoch=agent.epoch,
        radio=_radio(scenario),
        backhaul=Backhaul(scenario.backhaul.rate_bps, scenario.backhaul.latency_ns),
        ues=tuple(msgspec.structs.replace(ue, **changed.get(ue.name, {})) for ue in ues),
        edge_servers=tuple(_es(i, cell, happening) for i, cell in enumerate(scenario.cells)),
        gather_timeout_ns=agent.gather_timeout_ns,
        decision_timeout_ns=agent.decision_timeout_ns,
        fallback=agent.fallback,
        backhaul_cuts=backhaul_cuts(happening, es_names(scenario)),
        resilience=scenario.ue.resilience,
    )
    ranges.check_system(system)
    if not scenario.workload.trace:
        ranges.check_draws(system, sections_of(scenario))
    return Resolved(scenario=scenario, system=system, drawn=counts)


def _restart_ns(fault: FaultSection) -> int:
    return fault.at_ns + fault.restart_after_ns if fault.restart_after_ns >= 0 else -1


def _emulation(scenario: Scenario) -> Emulation:
    section, run_ns = scenario.emulation, scenario.slots * scenario.slot_ns
    crowds = tuple(cell.crowd for cell in scenario.cells)
    return Emulation(
        speed=section.speed,
        payload=section.payload,
        burn=section.burn,
        ues_per_process=section.ues_per_process,
        drain_limit_ns=section.drain_limit_ns if section.drain_limit_ns >= 0 else 2 * run_ns,
        guard_ns=section.guard_ns,
        spin_ns=section.spin_ns,
        transport=section.transport,
        payload_encryption=section.payload_encryption,
        crowds=crowds if any(crowds) else (),
    )


def _radio(scenario: Scenario) -> Radio:
    section = scenario.radio
    jitter = section.jitter.values
    common = None if section.trace is None else rate_trace(section.trace)
    faded = Radio() if section.fading is None else _faded(section.fading, section)
    return Radio(
        access=section.access,
        latency_ns=section.latency_ns,
        return_latency_ns=section.latency_ns if section.return_latency_ns is None else section.return_latency_ns,
        jitter_kind=JITTERS[section.jitter.kind],
        jitter_low_ns=int(jitter[0]) if len(jitter) == 2 else 0,
        jitter_high_ns=int(jitter[-1]) if jitter else 0,
        loss=section.loss,
        result_bits=section.result_bits,
        trace_edges_ns=() if common is None else common.edges_ns,
        trace_bps=() if common is None else common.bps,
        trace_period_ns=0 if common is None else common.period_ns,
        traces=tuple(map(rate_trace, _own_traces(scenario))),
        coherence_ns=faded.coherence_ns,
        bandwidth_hz=faded.bandwidth_hz,
        max_spectral_efficiency=faded.max_spectral_efficiency,
    )


def _faded(fading: Fading, radio: RadioSection) -> Radio:
    """A radio with nothing but block fading."""
    return Radio(
        coherence_ns=fading.coherence_ns,
        bandwidth_hz=radio.bandwidth_hz,
        max_spectral_efficiency=radio.max_spectral_efficiency,
    )


def _own_traces(scenario: Scenario) -> tuple[LinkTrace, ...]:
    """The rate traces of single cells and UEs, each once."""
    traces = (trace for cell in scenario.cells for trace in cell.ue_traces or (cell.trace,))
    return tuple(dict.fromkeys(trace for trace in traces if trace is not None))


def rate_trace(trace: LinkTrace) -> RateTrace:
    """An inline trace as the model has it. Raises `ScenarioError` if it has not been read from its file."""
    if trace.file:
        raise ScenarioError(f"the rate trace {trace.file} has not been read", remedy="use testbed.trace.inputs.resolve")
    edges, at = [], 0
    for duration in trace.durations_ns:
        edges.append(at)
        at += duration
    return RateTrace(edges_ns=tuple(edges), bps=trace.rates_bps, period_ns=at)


def _es(index: int, cell: Cell, faults: Sequence[FaultSection]) -> Es:
    es = cell.es
    speed_edges_ns, speeds_hz = speeds(es_name(index), es.cpu_hz, faults)
    discipline = queue.LOCAL_FIRST if es.discipline == "local_first" else queue.FCFS
    return Es(
        name=es_name(index),
        index=index,
        cpu_hz=es.cpu_hz,
        cores=es.cores,
        queue_limit=es.queue_limit,
        discipline=discipline,
        kappa=es.kappa,
        idle_power_w=es.idle_power_w,
        speed_edges_ns=speed_edges_ns,
        speeds_hz=speeds_hz,
        pauses_ns=pauses(es_name(index), faults),
    )


def cell_hardware(scenario: Scenario, cell: Cell) -> UeSection:
    """The distributions of a cell's UEs: its own where it has them, else those of section ``ue``."""
    own = {name: getattr(cell.ue, name) for name in CellUe.__struct_fields__}
    return msgspec.structs.replace(scenario.ue, **{name: draw for name, draw in own.items() if draw is not None})


def _ues(scenario: Scenario) -> tuple[Ue, ...]:
    ues: list[Ue] = []
    place = {trace: at for at, trace in enumerate(_own_traces(scenario))}
    for i, cell in enumerate(scenario.cells):
        hardware = cell_hardware(scenario, cell)
        for n in range(cell.ues):
            own = cell.ue_traces[n] if cell.ue_traces else cell.trace
            trace = NO_TRACE if own is None else place[own]
            ues.append(_ue(scenario, hardware, i, n, len(ues), trace))
    return tuple(ues)


def _ue(scenario: Scenario, hardware: UeSection, cell: int, number: int, index: int, trace: int) -> Ue:
    def u(field: int) -> float:
        return random.uniform(scenario.hardware_seed, random.HARDWARE, index, 0, field)

    def real(draw: Draw, field: int) -> float:
        return float(draw.real(u(field), number))

    radio = scenario.radio
    distance, power = real(hardware.distance_m, FIELD_DISTANCE), real(hardware.tx_power_w, FIELD_POWER)
    shadow_db = radio.shadowing_db * normal_quantile(u(FIELD_SHADOW)) if radio.shadowing_db else 0.0
    gain = channel_gain(distance, radio.path_loss_exponent, shadow_db)
    cap = radio.max_spectral_efficiency
    rate = uplink_rate(radio.bandwidth_hz, power, gain, radio.noise_w, cap)
    name = ue_name(cell, number)
    if not rate > 0.0:
        raise ScenarioError(f"{name} has no uplink rate", remedy="raise tx_power, or lower distance or noise")
    snr = power * gain / radio.noise_w if radio.fading is not None else 0.0
    return Ue(
        name=name,
        index=index,
        cell=cell,
        cpu_hz=hardware.cpu_hz.whole(u(FIELD_CPU), number),
        rate_bps=rate,
        tx_power_w=power,
        kappa=real(hardware.kappa, FIELD_KAPPA),
        weight_delay=real(hardware.weight_delay, FIELD_WEIGHT),
        distance_m=distance,
        snr=snr,
        trace=trace,
    )


def normal_quantile(u: float) -> float:
    """The standard normal quantile of a draw ``u`` in [0, 1), one of 0 being taken for the least above."""
    return NormalDist().inv_cdf(u or random.UNIT)


__all__ = ["Resolved", "Scenario", "cell_hardware", "resolve"]
