"""Keys that change nothing where they stand: a value that is given, and for which something else decides."""

from collections.abc import Iterable, Iterator

from testbed.scenario.checks import OF_UES
from testbed.scenario.schema import Scenario

DRAWN = ("density", "task.input", "task.cycles")  # of tasks, where no trace says them
AZURE_ONLY = ("bits_per_token", "cycles_per_token", "assignment")
OF_FORMAT = {
    "mahimahi": ("bin",),
    "5g": ("column", "hold", "holes"),
    "text": ("time_unit", "rate_unit", "span"),
}
LIVE_KEYS = ("speed", "payload", "burn", "ues_per_process", "guard", "spin", "transport", "limits")

Reasons = Iterator[tuple[str, str]]


def idle(scenario: Scenario) -> Reasons:
    """Dotted keys without any effect in ``scenario``, and what decides instead."""
    yield from _workload(scenario)
    yield from _link(scenario)
    for i in range(len(scenario.cells) if scenario.topology is not None else 0):
        yield f"cells.{i}.ues", "the topology says which UEs there are"
        yield f"cells.{i}.ue.distance", "the topology says where UEs are"
    for word in OF_UES:
        name = next(a for a in scenario.ue.__struct_fields__ if a.startswith(word))
        if all(getattr(cell.ue, name) is not None for cell in scenario.cells):
            yield f"ue.{word}", "every cell has its own"


def in_replay(scenario: Scenario) -> Reasons:
    """As `idle` where the tasks come from a recording, whatever the scenario says of them."""
    why = "the tasks are those of the recording"
    for key in (*DRAWN, "task.deadline", "workload"):
        yield key, why
    for i in range(len(scenario.cells)):
        for word in ("density_factor", "task", "ue_tasks"):
            yield f"cells.{i}.{word}", why


def in_training(_: Scenario) -> Reasons:
    """As `idle` where the workloads are those of training."""
    yield "seed", "training workloads have seeds of their own (--seed)"


def on_virtual(_: Scenario) -> Reasons:
    """As `idle` on a virtual clock, which has nothing to emulate."""
    for word in LIVE_KEYS:
        yield f"emulation.{word}", "it is for live runs"


def notes(reasons: Reasons, keys: Iterable[str]) -> tuple[str, ...]:
    """A line for each of the ``keys`` that does nothing, or stands in a section that does nothing."""
    why = dict(reasons)
    lines = []
    for key in keys:
        parts = key.split(".")
        above = (".".join(parts[:count]) for count in range(len(parts), 0, -1))
        reason = next((why[name] for name in above if name in why), "")
        if reason:
            lines.append(f"--set {key} changes nothing: {reason}")
    return tuple(lines)


def _workload(scenario: Scenario) -> Reasons:
    workload = scenario.workload
    if not workload.trace:
        return
    why = "the trace says which tasks there are"
    for key in DRAWN:
        yield key, why
    if workload.format == "csv":
        yield "task.deadline", why
        for word in AZURE_ONLY:
            yield f"workload.{word}", "it is for azure traces"


def _link(scenario: Scenario) -> Reasons:
    trace = scenario.radio.trace
    if trace is None:
        return
    for kind, words in OF_FORMAT.items():
        if not trace.file or trace.format not in ("auto", kind):
            for word in words:
                yield f"radio.trace.{word}", f"it is for {kind} files"
