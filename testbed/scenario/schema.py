"""The keys of a scenario file, their kinds, ranges and defaults (those of `region`).

A struct is a section. A field's name in the file is its ``name``; its annotation carries the kind that reads it. Values
are in SI units, times in ns, data in bits; -1 stands for unlimited or automatic where a kind's words say so.
"""

import math
from typing import Annotated

import msgspec

from testbed.model.delay import LONGEST_NS
from testbed.model.targets import BY_AGENT, BY_RULE
from testbed.scenario.fault_schema import FaultSection
from testbed.scenario.fields import (
    Choice,
    Draw,
    Items,
    Name,
    Number,
    Quantity,
    Range,
    Section,
    Sections,
    Text,
    Variant,
    drawn,
)
from testbed.scenario.kinds import (
    COUNT,
    CYCLES,
    DATA,
    DEMANDS,
    EPOCH,
    FACTOR,
    KAPPA,
    LENGTH,
    POSITIVE,
    POWER,
    RATE,
    SEED,
    SHARE,
    SOME_TIME,
    SOME_TIMES,
    SPEED,
    TIME,
    TIMES,
    key,
)
from testbed.scenario.resilience_schema import ResilienceKeys
from testbed.scenario.task_schema import OwnTasks, TaskSection
from testbed.scenario.threshold_schema import Thresholds


class SecondOffload(msgspec.Struct, frozen=True):
    """W_max: an ES whose expected wait for an arriving task exceeds it looks for another ES; ``agent``: strategies that
    choose the target themselves are allowed too."""

    by: Annotated[str, Choice((BY_RULE, BY_AGENT))] = BY_RULE
    threshold_ns: Annotated[int, TIME] = key("threshold", 1_000_000_000)


class LinkTrace(msgspec.Struct, frozen=True, kw_only=True):
    """Rates over time for every uplink: a ``file``, or inline ``durations`` (ns) and ``rates`` (bit/s) that repeat.

    How a file is read: mahimahi in bins of ``bin_ns``; 5G measurements by ``column``, each value for ``hold_ns`` at
    most (-1: any time), ``holes`` after that left out or silent; a text of instants and rates in ``time_unit`` and
    ``rate_unit``, each rate holding ``span`` its instant; a table by its ``columns`` (``rate=COLUMN:kbit/s``).
    """

    file: Annotated[str, Text("file name")] = ""
    format: Annotated[str, Choice(("auto", "rates", "mahimahi", "5g", "text", "table"))] = "auto"
    columns: Annotated[tuple[str, ...], Items(Text("column"))] = ()
    bin_ns: Annotated[int, SOME_TIME] = key("bin", 100_000_000)
    scale: Annotated[float, FACTOR] = 1.0
    column: Annotated[str, Choice(("snr", "uplink", "downlink"))] = "snr"
    hold_ns: Annotated[int, Quantity("time", Range(low=1e9), {"unlimited": -1})] = key("hold", 10_000_000_000)
    holes: Annotated[str, Choice(("cut", "silence"))] = "cut"
    time_unit: Annotated[str, Choice(("s", "ms"))] = "s"
    rate_unit: Annotated[str, Choice(("Mbit/s", "kbit/s", "bit/s"))] = "Mbit/s"
    span: Annotated[str, Choice(("before", "after"))] = "before"
    durations_ns: Annotated[tuple[int, ...], Items(SOME_TIME)] = key("durations", ())
    rates_bps: Annotated[tuple[float, ...], Items(Quantity("rate"))] = key("rates", ())


class Fading(msgspec.Struct, frozen=True):
    """Rayleigh block fading: the power that arrives is drawn anew, with unit mean, every ``coherence_ns``."""

    coherence_ns: Annotated[int, Quantity("time", Range(1_000_000, LONGEST_NS))] = key("coherence", 100_000_000)


class RadioSection(msgspec.Struct, frozen=True, kw_only=True):
    """The radio of every cell."""

    bandwidth_hz: Annotated[float, Quantity("frequency", POSITIVE)] = key("bandwidth", 2e6)
    noise_w: Annotated[float, Quantity("power", POSITIVE)] = key("noise", 1e-13)
    path_loss_exponent: Annotated[float, Number(Range(0, 10))] = 4.0
    shadowing_db: Annotated[float, Quantity("level", Range(0, 30))] = key("shadowing", 0.0)
    max_spectral_efficiency: Annotated[float, Number(POSITIVE, words={"unlimited": math.inf})] = 7.4
    access: Annotated[str, Choice(("dedicated", "shared"))] = "dedicated"
    latency_ns: Annotated[int, TIME] = key("latency", 0)
    return_latency_ns: Annotated[int | None, TIME] = key("return_latency", None)
    jitter: Annotated[Draw, Variant(None, {"uniform": (TIME, 2), "exponential": (TIME, 1), "normal": (TIME, 2)})] = (
        Draw("none")
    )
    loss: Annotated[float, Number(Range(0, 0.99))] = 0.0
    result_bits: Annotated[int, Quantity("data", Range(0, 2**53))] = 0
    trace: Annotated[LinkTrace | None, Section(LinkTrace, "file")] = None
    fading: Annotated[Fading | None, Section(Fading, "coherence")] = None


class BackhaulSection(msgspec.Struct, frozen=True):
    """The macro network between ESs; it has no queue."""

    rate_bps: Annotated[float, RATE] = key("rate", 1e9)
    latency_ns: Annotated[int, TIME] = key("latency", 1_000_000)


class UeSection(ResilienceKeys, frozen=True, kw_only=True):
    """Every UE: its hardware, and what it does when offloading fails."""

    cpu_hz: Annotated[Draw, drawn(SPEED)] = key("cpu", Draw("uniform", (800_000_000, 1_200_000_000)))
    distance_m: Annotated[Draw, drawn(LENGTH)] = key("distance", Draw("uniform", (100.0, 500.0)))
    tx_power_w: Annotated[Draw, drawn(POWER)] = key("tx_power", Draw("constant", (0.2,)))
    kappa: Annotated[Draw, drawn(KAPPA)] = Draw("constant", (1e-27,))
    weight_delay: Annotated[Draw, drawn(Number(SHARE))] = Draw("constant", (0.5,))


class CellUe(msgspec.Struct, frozen=True):
    """What a cell's UEs have otherwise than the section ``ue`` says; ``each`` lists one value for each of them."""

    cpu_hz: Annotated[Draw | None, drawn(SPEED, each=True)] = key("cpu", None)
    distance_m: Annotated[Draw | None, drawn(LENGTH, each=True)] = key("distance", None)
    tx_power_w: Annotated[Draw | None, drawn(POWER, each=True)] = key("tx_power", None)
    kappa: Annotated[Draw | None, drawn(KAPPA, each=True)] = None
    weight_delay: Annotated[Draw | None, drawn(Number(SHARE), each=True)] = None


class EsSection(msgspec.Struct, frozen=True, kw_only=True):
    """An edge server; ``queue_limit`` counts waiting tasks (-1: unlimited)."""

    cpu_hz: Annotated[int, SPEED] = key("cpu", 3_000_000_000)
    cores: Annotated[int, Number(Range(1, 1024), whole=True)] = 1
    queue_limit: Annotated[int, Number(Range(0, 1e9), whole=True, words={"unlimited": -1})] = -1
    discipline: Annotated[str, Choice(("local_first", "fcfs"))] = "local_first"
    kappa: Annotated[float, KAPPA] = 1e-27
    idle_power_w: Annotated[float, POWER] = key("idle_power", 0.0)


class Topology(msgspec.Struct, frozen=True):
    """Sites and users at places: every user within ``radius_m`` of a site joins the nearest, which becomes a cell.

    ``files`` are of sites and of users. ``most_cells`` keeps the sites with the most users, ``ues_per_cell`` the
    nearest users of each (0: all).
    """

    files: Annotated[tuple[str, ...], Items(Text("file name"))]
    radius_m: Annotated[float, Quantity("length", Range(low=0, above=True), {"unlimited": math.inf})] = key(
        "radius", 2_000.0
    )
    most_cells: Annotated[int, Number(Range(0, 1e6), whole=True, words={"all": 0})] = 0
    ues_per_cell: Annotated[int, Number(Range(0, 1e6), whole=True, words={"all": 0})] = 0


class Cell(msgspec.Struct, frozen=True, kw_only=True):
    """One edge server with the UEs around it.

    ``task`` and ``trace`` are those of its UEs, ``ue_tasks`` and ``ue_traces`` those of each of them. The last
    ``crowd`` of them are played by crowds.
    """

    es: Annotated[EsSection, Section(EsSection)] = EsSection()
    ues: Annotated[int, Number(Range(1, 100_000), whole=True)] = 5
    crowd: Annotated[int, Number(Range(0, 100_000), whole=True)] = 0
    density_factor: Annotated[float, Number(Range(low=0, high=1e6))] = 1.0
    ue: Annotated[CellUe, Section(CellUe)] = CellUe()
    task: Annotated[OwnTasks | None, Section(OwnTasks)] = None
    ue_tasks: Annotated[tuple[OwnTasks, ...], Sections(OwnTasks)] = ()
    trace: Annotated[LinkTrace | None, Section(LinkTrace, "file")] = None
    ue_traces: Annotated[tuple[LinkTrace, ...], Sections(LinkTrace, "file")] = ()


class Profile(msgspec.Struct, frozen=True):
    """Factors of the density over time, which repeat: for ``every_ns`` each, or points of a curve; in a file, lines."""

    file: Annotated[str, Text("file name")] = ""
    every_ns: Annotated[int, SOME_TIME] = key("every", 60_000_000_000)
    shape: Annotated[str, Choice(("steps", "curve"))] = "steps"
    factors: Annotated[tuple[float, ...], Items(Number(Range(0, 1e6)))] = ()


class Workload(msgspec.Struct, frozen=True, kw_only=True):
    """Where tasks come from: generated by ``arrivals``, at a density that changes by ``profile``, or a
    ``trace`` file whose columns the factors turn into tasks.

    ``parts`` are more files of the same recording. ``cpu_hz`` is what a second on a recorded core means in cycles,
    ``columns`` are those of a table (``time=COLUMN:ms``). ``start_ns`` is the instant of the trace that becomes 0 (-1:
    that of its first task), before compression by ``rate``; ``duration_ns`` is how much of it is used after that
    (emulated; -1: all).
    """

    arrivals: Annotated[str, Choice(("bernoulli", "poisson"))] = "bernoulli"
    profile: Annotated[Profile | None, Section(Profile, "file")] = None
    trace: Annotated[str, Text("file name")] = ""
    parts: Annotated[tuple[str, ...], Items(Text("file name"))] = ()
    format: Annotated[str, Choice(("auto", "csv", *DEMANDS))] = "auto"
    columns: Annotated[tuple[str, ...], Items(Text("column"))] = ()
    cpu_hz: Annotated[int, SPEED] = key("cpu", 1_000_000_000)
    bits_per_token: Annotated[int, DATA] = 8_000
    cycles_per_token: Annotated[int, CYCLES] = 5_000_000
    start_ns: Annotated[int, Quantity("time", EPOCH, {"first": -1})] = key("start", 0)
    rate: Annotated[float, FACTOR] = 1.0
    assignment: Annotated[str, Choice(("uniform", "density", "round_robin"))] = "uniform"
    duration_ns: Annotated[int, Quantity("time", SOME_TIMES, {"unlimited": -1})] = key("duration", -1)


class AgentSection(msgspec.Struct, frozen=True, kw_only=True):
    """The cells' agents; both timeouts are wall time. ``team`` weighs the region's reward against the own cell's."""

    observation: Annotated[str, Choice(("full", "paper"))] = "full"
    reward: Annotated[str, Choice(("holding", "paper", "paper-sign"))] = "holding"
    team: Annotated[float, Number(SHARE)] = 1.0
    episode_slots: Annotated[int, COUNT] = 50
    fallback: Annotated[str, Choice(("lc", "offload", "random"))] = "lc"
    gather_timeout_ns: Annotated[int, SOME_TIME] = key("gather_timeout", 20_000_000)
    decision_timeout_ns: Annotated[int, SOME_TIME] = key("decision_timeout", 200_000_000)
    epoch: Annotated[str, Choice(("slot", "arrival"))] = "slot"


class ContainerLimits(msgspec.Struct, frozen=True):
    """What one container may use: CPUs, and data of memory (-1: whatever there is)."""

    cpu: Annotated[float, Number(Range(0.01, 1024), words={"unlimited": -1.0})] = -1.0
    memory_bits: Annotated[int, Quantity("data", Range(64e6, 2**53), {"unlimited": -1})] = key("memory", -1)


class LimitsSection(msgspec.Struct, frozen=True):
    """The limits of a run's containers, each of a role alike; elsewhere they change nothing."""

    ue: Annotated[ContainerLimits, Section(ContainerLimits)] = ContainerLimits()
    es: Annotated[ContainerLimits, Section(ContainerLimits)] = ContainerLimits()
    controller: Annotated[ContainerLimits, Section(ContainerLimits)] = ContainerLimits()


class EmulationSection(msgspec.Struct, frozen=True, kw_only=True):
    """How a live run emulates the model; ``guard`` and ``spin`` are wall time; drain_limit -1: twice the run."""

    speed: Annotated[float, Number(Range(low=0, high=1e4, above=True))] = 1.0
    payload: Annotated[str, Choice(("real", "declared"))] = "real"
    burn: Annotated[float, Number(SHARE, words={"auto": -1.0})] = -1.0
    ues_per_process: Annotated[int, COUNT] = 1
    drain_limit_ns: Annotated[int, Quantity("time", TIMES, {"auto": -1})] = key("drain_limit", -1)
    detection_ns: Annotated[int, TIME] = key("detection", 100_000_000)
    guard_ns: Annotated[int, TIME] = key("guard", 2_000_000)
    spin_ns: Annotated[int, TIME] = key("spin", 200_000)
    transport: Annotated[str, Choice(("ipc", "tcp"))] = "ipc"
    payload_encryption: Annotated[str, Choice(("curve", "none"))] = "curve"
    limits: Annotated[LimitsSection, Section(LimitsSection)] = LimitsSection()


REGION_CELLS = (
    Cell(es=EsSection(cpu_hz=4_000_000_000), density_factor=0.6),
    Cell(es=EsSection(cpu_hz=3_000_000_000), density_factor=1.0),
    Cell(es=EsSection(cpu_hz=2_000_000_000), density_factor=1.4),
)


class Scenario(msgspec.Struct, frozen=True, kw_only=True):
    """A whole scenario file."""

    name: Annotated[str, Name()] = "region"
    seed: Annotated[int, SEED] = 7
    hardware_seed: Annotated[int, SEED] = 1
    slots: Annotated[int, Number(Range(1, 10**7), whole=True)] = 200
    slot_ns: Annotated[int, SOME_TIME] = key("slot", 1_000_000_000)
    density: Annotated[float, Number(Range(0, 1e6))] = 0.7
    second_offload: Annotated[SecondOffload, Section(SecondOffload)] = SecondOffload()
    radio: Annotated[RadioSection, Section(RadioSection)] = RadioSection()
    backhaul: Annotated[BackhaulSection, Section(BackhaulSection)] = BackhaulSection()
    ue: Annotated[UeSection, Section(UeSection)] = UeSection()
    task: Annotated[TaskSection, Section(TaskSection)] = TaskSection()
    cells: Annotated[tuple[Cell, ...], Sections(Cell)] = REGION_CELLS
    topology: Annotated[Topology | None, Section(Topology)] = None
    workload: Annotated[Workload, Section(Workload)] = Workload()
    agent: Annotated[AgentSection, Section(AgentSection)] = AgentSection()
    emulation: Annotated[EmulationSection, Section(EmulationSection)] = EmulationSection()
    faults: Annotated[tuple[FaultSection, ...], Sections(FaultSection)] = ()
    thresholds: Annotated[Thresholds, Section(Thresholds)] = Thresholds()
