"""Mistakes that show only when several fields are seen together."""

from collections.abc import Callable, Iterator

import msgspec

from testbed.model.delay import LONGEST_NS
from testbed.model.errors import ScenarioError
from testbed.model.system import SHARED
from testbed.scenario import ranges
from testbed.scenario.crowd_checks import crowd_mistakes
from testbed.scenario.fault_checks import fault_mistakes, late_faults
from testbed.scenario.fault_kinds import LEAST_RATE_BPS
from testbed.scenario.fields import Draw
from testbed.scenario.mistake import Mistake
from testbed.scenario.profile import slots_of
from testbed.scenario.ranges import MOST_SLOTS
from testbed.scenario.schema import Cell, LinkTrace, Profile, Scenario, Workload

TABLE = "table"
OF_UES = ("cpu", "distance", "tx_power", "kappa", "weight_delay")
TRACE_ONLY = {
    "parts": "parts",
    "format": "format",
    "columns": "columns",
    "cpu": "cpu_hz",
    "bits_per_token": "bits_per_token",
    "cycles_per_token": "cycles_per_token",
    "start": "start_ns",
    "rate": "rate",
    "assignment": "assignment",
    "duration": "duration_ns",
}


At = Callable[[tuple[str | int, ...], str, str], ScenarioError]


def by_keys(place: tuple[str | int, ...], message: str, remedy: str) -> ScenarioError:
    """The error of a scenario that no file is known of: it names the keys."""
    return ScenarioError(message, ".".join(str(part) for part in place), remedy=remedy)


def refuse(scenario: Scenario, *, at: At = by_keys) -> None:
    """Raise the first of `mistakes`, as ``at`` words it.

    A scenario of a file is asked about twice, on purpose. Who reads it asks, because only there the line is known. Who
    resolves it asks, because every scenario comes by there: those that no file said, those that were changed since
    (another seed, another length), and those whose rate trace was read in meanwhile. It takes microseconds.
    """
    for mistake in mistakes(scenario):
        raise at(mistake.place, mistake.message, mistake.remedy)


def mistakes(scenario: Scenario) -> Iterator[Mistake]:
    """All mistakes, in the order of the file's sections."""
    yield from _length(scenario)
    yield from _density(scenario)
    yield from _radio(scenario)
    yield from _waits(scenario)
    yield from _copies(scenario)
    yield from _backhaul(scenario)
    yield from _topology(scenario)
    yield from _cells(scenario)
    yield from crowd_mistakes(scenario)
    yield from _workload(scenario)
    yield from fault_mistakes(scenario)
    yield from late_faults(scenario)


def _length(scenario: Scenario) -> Iterator[Mistake]:
    if scenario.slots * scenario.slot_ns >= LONGEST_NS:
        yield Mistake(("slots",), "the run is longer than ten years", "take fewer or shorter slots")


def _density(scenario: Scenario) -> Iterator[Mistake]:
    generated = not scenario.workload.trace
    if generated and scenario.workload.arrivals == "bernoulli" and scenario.density > 1:
        remedy = "write at most 1, or workload: {arrivals: poisson}"
        yield Mistake(("density",), f'"{scenario.density:g}" is not a probability in "density"', remedy)


def _radio(scenario: Scenario) -> Iterator[Mistake]:
    radio = scenario.radio
    traced = radio.trace is not None or all(cell.ue_traces or cell.trace for cell in scenario.cells)
    for word, is_set in (("shadowing", bool(radio.shadowing_db)), ("fading", radio.fading is not None)):
        if traced and is_set:
            yield Mistake(("radio", word), f"a rate trace leaves no place for {word}", f"drop {word} or trace")
    for place, trace in link_traces(scenario):
        yield from _trace(trace, place)


def _copies(scenario: Scenario) -> Iterator[Mistake]:
    ue, message = scenario.ue, "on a shared radio a UE does not know when it has sent a task whose copy has won"
    if scenario.radio.access == SHARED and ue.hedge is not None:
        yield Mistake(("ue", "hedge"), message, "take access: dedicated, or drop the hedge")


def link_traces(scenario: Scenario) -> Iterator[tuple[tuple[str | int, ...], LinkTrace]]:
    """Every rate trace of a scenario, that of all UEs, of cells and of single UEs, and where it stands."""
    if scenario.radio.trace is not None:
        yield ("radio", "trace"), scenario.radio.trace
    for i, cell in enumerate(scenario.cells):
        if cell.trace is not None:
            yield ("cells", i, "trace"), cell.trace
        for n, trace in enumerate(cell.ue_traces):
            yield ("cells", i, "ue_traces", n), trace


def with_link_traces(scenario: Scenario, change: Callable[[LinkTrace, tuple[str | int, ...]], LinkTrace]) -> Scenario:
    """The scenario with each of `link_traces` as ``change`` makes it of trace and place."""
    changed = {place: change(trace, place) for place, trace in link_traces(scenario)}
    radio = msgspec.structs.replace(scenario.radio, trace=changed.get(("radio", "trace")))
    cells = tuple(
        msgspec.structs.replace(
            cell,
            trace=changed.get(("cells", i, "trace")),
            ue_traces=tuple(changed["cells", i, "ue_traces", n] for n in range(len(cell.ue_traces))),
        )
        for i, cell in enumerate(scenario.cells)
    )
    return msgspec.structs.replace(scenario, radio=radio, cells=cells)


def _trace(trace: LinkTrace, place: tuple[str | int, ...]) -> Iterator[Mistake]:
    if bool(trace.file) == bool(trace.durations_ns):
        yield Mistake(place, "a rate trace is either a file or inline", "give file, or durations and rates")
    if len(trace.durations_ns) != len(trace.rates_bps):
        counts = f"{len(trace.durations_ns)} durations but {len(trace.rates_bps)} rates"
        yield Mistake(place, counts, "give one rate for each duration")
    elif trace.durations_ns:
        yield from _inline(trace, place)
    yield from _columns(trace.format, trace.columns, place)
    for word, is_set in (("format", trace.format != "auto"), ("scale", trace.scale != 1.0)):
        if is_set and not trace.file:
            yield Mistake((*place, word), f'"{word}" is for the file of a rate trace', "leave it out")


def _waits(scenario: Scenario) -> Iterator[Mistake]:
    """What a task waits for whatever its size: a run is simulated slot by slot until the last wait has ended."""
    radio = scenario.radio
    jitter_ns = (sum if radio.jitter.kind == "normal" else max)((0, *radio.jitter.values))
    for place, longest in (
        (("radio", "latency"), radio.latency_ns),
        (("radio", "return_latency"), radio.return_latency_ns or 0),
        (("radio", "jitter"), jitter_ns),
        (("backhaul", "latency"), scenario.backhaul.latency_ns),
        (("emulation", "detection"), scenario.emulation.detection_ns),
    ):
        if longest > ranges.LONGEST_TASK_NS:
            yield Mistake(place, f"{longest * 1e-9:,.6g} s to wait: {ranges.A_DAY}", "give a shorter time")


def _inline(trace: LinkTrace, place: tuple[str | int, ...]) -> Iterator[Mistake]:
    if not any(trace.rates_bps):
        yield Mistake((*place, "rates"), "a rate trace that never moves a bit", "give a rate above 0")
    elif sum(trace.durations_ns) > LONGEST_NS:
        yield Mistake((*place, "durations"), "a rate trace that is longer than ten years", "give shorter durations")
    elif slow := ranges.slow_trace(trace):
        yield Mistake((*place, "rates"), slow, "give higher rates")
    elif silent := ranges.silent_trace(trace):
        yield Mistake((*place, "durations"), silent, "shorten the silence")


def _columns(form: str, columns: tuple[str, ...], place: tuple[str | int, ...]) -> Iterator[Mistake]:
    if columns and form != TABLE:
        yield Mistake(
            (*place, "columns"), f'"columns" are for format: {TABLE}', f"add format: {TABLE}, or leave them out"
        )
    elif form == TABLE and not columns:
        remedy = 'add columns: ["time=COLUMN:ms", …]'
        yield Mistake((*place, "format"), f"a {TABLE} is read by its columns, and none is named", remedy)


def _backhaul(scenario: Scenario) -> Iterator[Mistake]:
    if scenario.backhaul.rate_bps < LEAST_RATE_BPS:
        message = f"{scenario.backhaul.rate_bps:.3g} bit/s between ESs, and {LEAST_RATE_BPS:g} are the least"
        yield Mistake(("backhaul", "rate"), message, "give a higher rate, or unlimited")


def _cells(scenario: Scenario) -> Iterator[Mistake]:
    if not scenario.cells:
        yield Mistake(("cells",), "there is no cell", "write cells: [{es: {cpu: 3 GHz}, ues: 5}]")
    for i, cell in enumerate(scenario.cells):
        for name in OF_UES:
            draw = _own_draw(cell, name)
            if draw is not None and draw.kind == "each" and len(draw.values) != cell.ues:
                message = f'"each" has {len(draw.values)} values for {cell.ues} UEs in "{name}"'
                yield Mistake(("cells", i, "ue", name, "each", 0), message, "give one value for each UE")
        for word in ("ue_tasks", "ue_traces"):
            sections = getattr(cell, word)
            if sections and len(sections) != cell.ues:
                message = f'"{word}" has {len(sections)} sections for {cell.ues} UEs'
                yield Mistake(("cells", i, word), message, "give one section for each UE")
    if sum(cell.ues for cell in scenario.cells) > 1_000_000:
        yield Mistake(("cells",), "more than a million UEs", "take fewer")


def _workload(scenario: Scenario) -> Iterator[Mistake]:
    workload = scenario.workload
    if workload.trace and workload.assignment == "density" and not any(c.density_factor for c in scenario.cells):
        yield Mistake(("workload", "assignment"), "every density_factor is 0", "give one above 0")
    if workload.trace and workload.arrivals != "bernoulli":
        yield Mistake(("workload", "arrivals"), "a trace leaves no place for arrivals", "drop arrivals or trace")
    if workload.trace and scenario.task.classes:
        yield Mistake(("task", "classes"), "a trace leaves no place for classes of tasks", "drop classes or trace")
    for i, cell in enumerate(scenario.cells):
        for word in ("task", "ue_tasks"):
            if workload.trace and getattr(cell, word):
                message = f"a trace leaves no place for {word} of a cell"
                yield Mistake(("cells", i, word), message, f"drop {word} or workload.trace")
    if workload.profile is not None:
        yield from _profile(scenario, workload.profile)
    yield from _columns(workload.format, workload.columns, ("workload",))
    for word, attribute in TRACE_ONLY.items():
        if not workload.trace and getattr(workload, attribute) != getattr(Workload(), attribute):
            yield Mistake(("workload", word), f'"{word}" means nothing without a trace', "add trace: FILE, or drop it")


def _profile(scenario: Scenario, profile: Profile) -> Iterator[Mistake]:
    place: tuple[str | int, ...] = ("workload", "profile")
    if scenario.workload.trace:
        yield Mistake(place, "a trace leaves no place for a profile", "drop profile or trace")
    if bool(profile.file) == bool(profile.factors):
        yield Mistake(place, "a profile is either a file or inline", "give file, or factors")
    elif profile.factors and not any(profile.factors):
        yield Mistake((*place, "factors"), "a profile that lets no task come", "give a factor above 0")
    if profile.every_ns % scenario.slot_ns:
        yield Mistake((*place, "every"), "a factor holds for no whole number of slots", "give a multiple of slot")
    elif len(profile.factors) * slots_of(profile, scenario.slot_ns) > MOST_SLOTS:
        yield Mistake(
            (*place, "factors"), f"a profile of more than {MOST_SLOTS:,} slots", "take fewer or shorter steps"
        )


def _topology(scenario: Scenario) -> Iterator[Mistake]:
    """Cells are only models of those to come: which UEs there will be is not known yet."""
    for i, cell in enumerate(scenario.cells if scenario.topology is not None else ()):
        lists = [word for word in ("ue_tasks", "ue_traces") if getattr(cell, word)]
        each = [word for word in OF_UES if (draw := _own_draw(cell, word)) is not None and draw.kind == "each"]
        for place in (*((word,) for word in lists), *(("ue", word) for word in each)):
            message = f'"{place[-1]}" is of single UEs, and the topology says which there are'
            yield Mistake(("cells", i, *place), message, "give what all UEs of a cell have, or drop topology")


def _own_draw(cell: Cell, word: str) -> Draw | None:
    draw: Draw | None = next(getattr(cell.ue, a) for a in cell.ue.__struct_fields__ if a.startswith(word))
    return draw
