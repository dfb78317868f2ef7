"""How late a process was: by kind of timer, and what else it counts of itself, as rows for the record."""

import math
from collections import Counter

import msgspec

from testbed.model.histogram import Histogram
from testbed.node import limits
from testbed.node.limits import CpuPeriods
from testbed.node.socket import Mailbox
from testbed.node.work import Work
from testbed.protocol.rows import CPU_LIMITS, DROPPED_FRAME, STALE, UNSENT, EventRow, Row

HELD = "held"


class LatenessMeter:
    """Histograms of (acted − due) by kind of timer, wall ns; how many events came too late for their order; the time
    from a cell's last ask until its answers were out; how many executions were over before the guard let them begin.
    """

    def __init__(self) -> None:
        self.histograms: dict[str, Histogram] = {}
        self.slips: Counter[str] = Counter()
        self.answers = Histogram()
        self.held = 0
        self._told = 0

    def add(self, kind: str, late_ns: int) -> None:
        """Count one event; an early one counts as punctual."""
        histogram = self.histograms.get(kind)
        if histogram is None:
            histogram = self.histograms[kind] = Histogram()
        histogram.add(max(0, late_ns))

    def new_slips(self, name: str, now_ns: int) -> list[Row]:
        """How many events of the process ``name`` came too late so far, if there are more than last time."""
        if self.slips.total() == self._told:
            return []
        self._told = self.slips.total()
        return [slipped(name, now_ns, self)]


def statistics(name: str, now_ns: int, lateness: LatenessMeter, work: Work, mailbox: Mailbox) -> list[Row]:
    """Lateness, slips, burnt CPU and dropped frames of the process ``name`` so far, as rows of instant ``now_ns``."""
    rows: list[Row] = []
    for kind, histogram in lateness.histograms.items():
        detail = msgspec.json.encode({"kind": kind, **histogram.to_json()}).decode()
        rows.append(EventRow(now_ns, name, "lateness", detail, histogram.quantile_ns(0.99) * 1e-6))
    if lateness.answers.count:
        answers = msgspec.json.encode(lateness.answers.to_json()).decode()
        rows.append(EventRow(now_ns, name, "answers", answers, lateness.answers.quantile_ns(0.99) * 1e-6))
    rows.append(slipped(name, now_ns, lateness))
    if lateness.held:
        rows.append(EventRow(now_ns, name, HELD, "executions over before the guard let them begin", lateness.held))
    rows.append(EventRow(now_ns, name, "burn", str(work.achieved_ns * 1e-9), work.asked_ns * 1e-9))
    return [*rows, *lost_messages(name, now_ns, mailbox)]


def lost_messages(name: str, now_ns: int, mailbox: Mailbox) -> list[EventRow]:
    """What the process ``name`` has refused, passed over or not sent so far."""
    counts = (
        (DROPPED_FRAME, mailbox.last_error, mailbox.dropped),
        (STALE, mailbox.last_stale, mailbox.stale),
        (UNSENT, "full queue or unknown peer", mailbox.unsent),
    )
    return [EventRow(now_ns, name, kind, detail, count) for kind, detail, count in counts if count]


def slipped(name: str, now_ns: int, lateness: LatenessMeter) -> EventRow:
    """The events of the process ``name`` that came too late for their order so far, by kind."""
    slips = " ".join(f"{kind}:{count}" for kind, count in sorted(lateness.slips.items()))
    return EventRow(now_ns, name, "slipped", slips, lateness.slips.total())


def limits_of(name: str, now_ns: int, cpu: CpuPeriods) -> list[Row]:
    """What the control groups of the process ``name`` allowed it, and what came of that; nothing without limits.

    The value is the share of the ``cpu`` quota's periods in which it was held back.
    """
    memory = limits.memory_limit()
    if math.isinf(cpu.cores) and math.isinf(memory):
        return []
    allowed = {
        "cores": None if math.isinf(cpu.cores) else cpu.cores,
        "periods": cpu.periods,
        "throttled": cpu.throttled,
        "memory_bytes": None if math.isinf(memory) else memory,
        "memory_peak_bytes": limits.peak_memory(),
    }
    share = cpu.throttled / cpu.periods if cpu.periods > 0 else 0.0
    return [EventRow(now_ns, name, CPU_LIMITS, msgspec.json.encode(allowed).decode(), share)]
