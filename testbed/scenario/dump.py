"""Scenarios written back as YAML that loads again to the very same numbers."""

import itertools
import math
from typing import Any

import msgspec
import yaml

from testbed.model.system import Radio, Ue
from testbed.scenario.checks import TRACE_ONLY
from testbed.scenario.fault_schema import FaultSection
from testbed.scenario.fields import Draw, Items, Kind, Number, Scalar, Section, Sections, Variant
from testbed.scenario.parse import slots
from testbed.scenario.resolve import Resolved
from testbed.scenario.schema import CellUe, LinkTrace, Scenario, Workload

_HARDWARE = ("cpu_hz", "distance_m", "tx_power_w", "kappa", "weight_delay")


class _Plain(yaml.SafeDumper):
    """Writes no anchors: equal values are written twice."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def dump(scenario: Scenario, header: str = "") -> str:
    """``scenario`` as YAML, every key written; ``header`` becomes comment lines on top."""
    comment = "".join(f"# {line}\n" for line in header.splitlines())
    body = yaml.dump(
        tree(scenario), Dumper=_Plain, sort_keys=False, default_flow_style=None, width=10**9, allow_unicode=True
    )
    return comment + body


def dump_resolved(resolved: Resolved, header: str = "", workload_file: str = "workload.csv") -> str:
    """The resolved scenario as YAML: each UE's drawn hardware, the rate trace inline, the workload trace by its table.

    Loaded again (beside ``workload_file``, if the workload came from a trace) it resolves to the same `System`.
    """
    scenario, system = resolved.scenario, resolved.system
    workload = Workload(trace=workload_file, format="csv") if scenario.workload.trace else scenario.workload
    cells = tuple(
        msgspec.structs.replace(cell, ue=_drawn(ues))
        for cell, ues in zip(scenario.cells, system.ues_by_cell(), strict=True)
    )
    radio = msgspec.structs.replace(scenario.radio, trace=inline(system.radio))
    return dump(msgspec.structs.replace(scenario, cells=cells, radio=radio, workload=workload), header)


def inline(radio: Radio) -> LinkTrace | None:
    """The rate trace of a resolved radio, as durations and rates; None when it has none."""
    if not radio.trace_period_ns:
        return None
    edges = [*radio.trace_edges_ns, radio.trace_period_ns]
    durations = tuple(after - before for before, after in itertools.pairwise(edges))
    return LinkTrace(durations_ns=durations, rates_bps=radio.trace_bps)


def _drawn(ues: tuple[Ue, ...]) -> CellUe:
    return CellUe(**{name: Draw("each", tuple(getattr(ue, name) for ue in ues)) for name in _HARDWARE})


def tree(section: msgspec.Struct) -> dict[str, Any]:
    """A section as plain dicts, lists, numbers and quantities with units; empty fields are left out."""
    written: dict[str, Any] = {}
    unused = TRACE_ONLY if isinstance(section, Workload) and not section.trace else {}
    for word, slot in slots(type(section)).items():
        if word in unused:
            continue
        value = getattr(section, slot.attribute)
        if isinstance(section, FaultSection) and value == -1:
            continue
        if value is None or value == "" or (value == () and isinstance(slot.kind, Items)):
            continue
        text = _value(value, slot.kind)
        if text != {} and text is not None:
            written[word] = text
    return written


def _value(value: Any, kind: Kind) -> object:
    if isinstance(kind, Section):
        return tree(value)
    if isinstance(kind, Sections):
        return [tree(item) for item in value]
    if isinstance(kind, Items):
        return [_scalar(item, kind.item) for item in value]
    if isinstance(kind, Variant):
        return _distribution(value, kind)
    return _scalar(value, kind)


def _distribution(draw: Draw, kind: Variant) -> object:
    if draw.kind == "none":
        return None
    if draw.kind == "constant" and kind.constant is not None:
        return _scalar(draw.values[0], kind.constant)
    item, count = kind.options[draw.kind]
    values = [_scalar(value, item) for value in draw.values]
    return {draw.kind: values[0] if count == 1 else values}


def _scalar(value: Any, kind: Scalar) -> object:
    if isinstance(kind, Number) and value not in kind.words.values() and math.isfinite(value):
        return value
    return kind.write(value)
