"""How a run came back from each of its faults, from columns (pure); docs/explanation/faults.md has the formulae.

Goodput is the share of the tasks due in a span that were finished in time; a task is due at its generation plus its
deadline. So nothing that was due before a fault can have suffered from it.
"""

import math
from collections.abc import Iterable, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from testbed.analysis.fault_spans import FaultSpan, fault_spans
from testbed.model.delay import FOREVER_NS, NS_PER_S
from testbed.model.system import System
from testbed.model.task import COMPLETED, FAILED, UE_DIED
from testbed.protocol.rows import EventRow, TaskRow
from testbed.protocol.table import ColumnTable
from testbed.record.reader import RecordedRun

SLOTS_BEFORE, SLOTS_TOGETHER, BAND = 20, 5, 0.9
NO_NUMBER = "–"
TOO_EARLY = "less than 5 slots without a fault before it"
NOTHING_BEFORE = "no task was finished in time before it"
TOO_LATE = "less than 5 slots until the next fault or the end"
NOT_BACK = "not back before the next fault or the end"
MEANING = (
    "Goodput is the share of the tasks due in five slots that were finished in time, its dip what was missing at worst "
    "of the share before. Recovered: it is at 90 % of that again. Steady: no more tasks than before are in the system. "
    "Both count from the beginning of the fault: 0 where goodput never was below, or tasks never were more."
)
Ints = NDArray[np.int64]


class Recovery(msgspec.Struct, frozen=True, kw_only=True):
    """One fault and what it did; times are emulated seconds, ``over_s`` None if it outlasted the run.

    ``goodput_before`` is a share, and ``goodput_dip`` the part of it that was missing at worst. ``recovered_after_s``
    and ``steady_after_s`` count from the fault's beginning, 0 where nothing was ever disturbed. What cannot be measured
    is None, and ``unknown`` says why.
    """

    fault: str
    began_s: float
    over_s: float | None
    goodput_before: float | None = None
    goodput_dip: float | None = None
    recovered_after_s: float | None = None
    steady_after_s: float | None = None
    tasks_recovered: int = 0
    tasks_lost: int = 0
    unknown: str = ""

    def words(self) -> tuple[str, str, str]:
        """Dip, time to recovery and time until steady as text; a dash for what is unknown."""
        dip = NO_NUMBER if self.goodput_dip is None else f"{100 * self.goodput_dip:.0f} %"
        return dip, _seconds(self.recovered_after_s), _seconds(self.steady_after_s)


def _seconds(time: float | None) -> str:
    return NO_NUMBER if time is None else f"{time:.1f} s"


def recoveries(run: RecordedRun) -> list[Recovery]:
    """Every fault of a run, by instant."""
    return of_rows(run.resolved.system, ColumnTable.of(TaskRow, run.tasks), run.record.events, run.end_ns)


def of_rows(system: System, rows: ColumnTable[TaskRow], events: Iterable[EventRow], now_ns: int) -> list[Recovery]:
    """Every fault among ``events``, by instant, as far as the tasks of ``rows`` tell at ``now_ns``."""
    events = list(events)
    if not fault_spans(events):
        return []
    tally = RecoveryTally(system)
    tally.add(rows)
    return tally.recoveries(events, now_ns)


def reasons(found: Sequence[Recovery]) -> list[str]:
    """Why figures of faults are unknown, each reason with the faults that it is true of and when they began."""
    named: dict[str, list[str]] = {}
    for one in found:
        if one.unknown:
            named.setdefault(one.unknown, []).append(f"{one.fault} at {one.began_s:.1f} s")
    return [f"{', '.join(names)}: {why}" for why, names in named.items()]


def worst(found: Sequence[Recovery]) -> dict[str, float]:
    """What thresholds may ask for: the mean time to recovery, and of all faults the longest time until the region was
    steady and the deepest dip. NaN where one of them is unknown, and without any fault."""
    return {
        "mttr": mean_time_to_recovery(found),
        "time_to_steady": _most([one.steady_after_s for one in found]),
        "goodput_dip": _most([one.goodput_dip for one in found]),
    }


def mean_time_to_recovery(found: Sequence[Recovery]) -> float:
    """The mean of all faults' times to recovery in s; NaN if any is unknown, or there is none."""
    times = [one.recovered_after_s for one in found]
    known = [time for time in times if time is not None]
    return math.fsum(known) / len(known) if known and len(known) == len(times) else math.nan


def _most(values: Sequence[float | None]) -> float:
    known = [value for value in values if value is not None]
    return max(known) if known and len(known) == len(values) else math.nan


class RecoveryTally:
    """What is needed of the tasks of a run, which may come in parts: 25 bytes of each, and those that a death or a cut
    touched."""

    def __init__(self, system: System) -> None:
        self._system = system
        self._instants = [tuple(np.zeros(0, np.int64) for _ in range(3))]
        self._kept = [np.zeros(0, np.bool_)]
        self._touched: list[ColumnTable[TaskRow]] = []

    def add(self, rows: ColumnTable[TaskRow]) -> None:
        """Further tasks, in any order."""
        begun, measured, state = rows.ints("generated_ns"), rows.ints("measured_ns"), rows.labels("state")
        heard = np.where(state.are(FAILED), np.maximum(begun, rows.ints("ready_ns")), FOREVER_NS)
        ended = np.where(measured >= 0, begun + measured, heard)
        self._instants.append((begun, begun + rows.ints("deadline_ns"), ended))
        self._kept.append(state.are(COMPLETED))
        self._touched.append(rows.take(np.flatnonzero(rows.flags("recovered") | rows.labels("reason").are(UE_DIED))))

    def recoveries(self, events: Iterable[EventRow], now_ns: int) -> list[Recovery]:
        """Every fault among ``events``, by instant, as far as the tasks tell at ``now_ns``."""
        found, system = fault_spans(events), self._system
        if not found or not self._touched:
            return [_named(fault, unknown=NOTHING_BEFORE) for fault in found]
        begun, due, ended = (np.concatenate(parts) for parts in zip(*self._instants, strict=True))
        service = Service(begun, due, ended, np.concatenate(self._kept), slot_ns=system.slot_ns)
        touched, end_ns = ColumnTable.joined(self._touched), min(now_ns, system.end_ns)
        return [_one(service, system, touched, found, n, end_ns) for n in range(len(found))]


class Service:
    """The tasks of a run as instants, when they were due and in time, and how many were in the system.

    Of each task it is given the instants at which it began, was due and ended, in ns, and whether it was in time.
    """

    def __init__(self, begun: Ints, due: Ints, ended: Ints, kept: NDArray[np.bool_], *, slot_ns: int) -> None:
        self.slot_ns = slot_ns
        order = np.argsort(due, kind="stable")
        self._due = due[order]
        self._kept = np.concatenate([[0], np.cumsum(kept[order])])
        self._begun, self._ended = np.sort(begun), np.sort(ended)

    def goodput(self, begin_ns: Ints, end_ns: Ints) -> NDArray[np.float64]:
        """The share of the tasks due in each [begin, end) that were finished in time; NaN where none was due."""
        first, last = np.searchsorted(self._due, begin_ns), np.searchsorted(self._due, end_ns)
        due = last - first
        kept = self._kept[last] - self._kept[first]
        return np.where(due > 0, kept / np.maximum(1, due), np.nan)

    def present(self, at_ns: Ints) -> Ints:
        """Tasks in the system just before each instant."""
        return np.searchsorted(self._begun, at_ns) - np.searchsorted(self._ended, at_ns)


def _one(
    service: Service, system: System, rows: ColumnTable[TaskRow], faults: Sequence[FaultSpan], n: int, end_ns: int
) -> Recovery:
    fault = faults[n]
    later = [other.began_ns for other in faults if other.began_ns > fault.began_ns]
    recovered, lost = _tasks(system, rows, faults, n)
    found = msgspec.structs.replace(_named(fault), tasks_recovered=recovered, tasks_lost=lost)
    return _measured(found, service, fault, _quiet_since_ns(service, faults, n), min([end_ns, *later]))


def _named(fault: FaultSpan, unknown: str = "") -> Recovery:
    over_s = fault.over_ns / NS_PER_S if fault.is_over else None
    return Recovery(fault=fault.what, began_s=fault.began_ns / NS_PER_S, over_s=over_s, unknown=unknown)


def _quiet_since_ns(service: Service, faults: Sequence[FaultSpan], n: int) -> int:
    """Since when no other fault has begun or ended before fault ``n``: `SLOTS_BEFORE` slots before it at the most."""
    at_ns = faults[n].began_ns
    changes = [ns for other in faults for ns in (other.began_ns, other.over_ns) if ns < at_ns]
    return max([0, at_ns - SLOTS_BEFORE * service.slot_ns, *changes])


def _measured(found: Recovery, service: Service, fault: FaultSpan, since_ns: int, until_ns: int) -> Recovery:
    """``found`` with what can be said of its goodput and its queues, from those since ``since_ns`` on."""
    slot_ns, began = service.slot_ns, fault.began_ns
    slots_before = (began - since_ns) // slot_ns
    if slots_before < SLOTS_TOGETHER:
        return msgspec.structs.replace(found, unknown=TOO_EARLY)
    before = float(service.goodput(np.array([since_ns]), np.array([began]))[0])
    if not before > 0.0:
        return msgspec.structs.replace(found, unknown=NOTHING_BEFORE)
    found = msgspec.structs.replace(found, goodput_before=before)
    instants = began + slot_ns * np.arange(max(0, (until_ns - began) // slot_ns + 1), dtype=np.int64)
    if len(instants) <= SLOTS_TOGETHER:
        return msgspec.structs.replace(found, unknown=TOO_LATE)
    windows = instants[:-SLOTS_TOGETHER]
    ratio = service.goodput(windows, windows + SLOTS_TOGETHER * slot_ns) / before
    over = fault.over_ns if fault.is_over else until_ns
    effect = int(np.searchsorted(windows, over)) + SLOTS_TOGETHER
    dip, back = _goodput(ratio, min(effect, len(ratio)))
    usual = int(service.present(began - slot_ns * np.arange(slots_before + 1, dtype=np.int64)).max())
    ended = fault.over_ns if fault.is_over else began
    steady = _steady(service.present(instants) <= usual, int(np.searchsorted(instants, ended)))
    return msgspec.structs.replace(
        found,
        goodput_dip=dip,
        recovered_after_s=None if back is None else back * slot_ns / NS_PER_S,
        steady_after_s=None if steady is None else steady * slot_ns / NS_PER_S,
        unknown=NOT_BACK if back is None or steady is None else "",
    )


def _goodput(ratio: NDArray[np.float64], effect: int) -> tuple[float, int | None]:
    """The deepest dip below the goodput before, and the first window from which it is back; None if it never is.

    A dip is the fault's own if it begins in one of the first ``effect`` windows.
    """
    low = ratio < BAND
    first = np.flatnonzero(low[:effect])
    if not len(first):
        return _depth(ratio[:effect]), 0
    back = _first_run(~low, int(first[0]))
    return _depth(ratio[first[0] : back]), back


def _depth(ratio: NDArray[np.float64]) -> float:
    known = ratio[~np.isnan(ratio)]
    return max(0.0, 1.0 - float(known.min())) if len(known) else 0.0


def _steady(is_usual: NDArray[np.bool_], ended: int) -> int | None:
    """The first slot, no earlier than slot ``ended``, from which no more tasks than usual are in the system; 0 if there
    never were more."""
    if is_usual[: ended + SLOTS_TOGETHER].all():
        return 0
    return _first_run(is_usual, ended)


def _first_run(holds: NDArray[np.bool_], since: int) -> int | None:
    """The first place from ``since`` on at which it holds, and `SLOTS_TOGETHER` times in a row."""
    length = 0
    for place in range(since, len(holds)):
        length = length + 1 if holds[place] else 0
        if length == SLOTS_TOGETHER:
            return place - SLOTS_TOGETHER + 1
    return None


def _tasks(system: System, rows: ColumnTable[TaskRow], faults: Sequence[FaultSpan], n: int) -> tuple[int, int]:
    """How many tasks went back to their UEs because of fault ``n``, and how many died with theirs."""
    fault = faults[n]
    alike = [other for other in faults if other.targets == fault.targets]
    until = min((other.began_ns for other in alike if other.began_ns > fault.began_ns), default=2**62)
    since = max((other.began_ns for other in alike if other.began_ns < fault.began_ns), default=-1)
    recovered, lost = 0, 0
    cells = {es.name: es.index + 1 for es in system.edge_servers}
    ues, es, cell = rows.labels("ue"), rows.labels("es"), rows.values("cell")
    reentry, born = rows.ints("reentry_ns"), rows.ints("generated_ns")
    back = rows.flags("recovered") & (reentry >= fault.began_ns) & (reentry < until)
    of_ue = [name for name in fault.targets if name not in cells]
    for name in of_ue or fault.targets:
        if name in cells and len(fault.targets) == 1:
            recovered += int((back & (es.are(name) | (es.are("") & (cell == cells[name])))).sum())
        elif name not in cells:
            recovered += int((back & ues.are(name)).sum())
            dead = rows.labels("reason").are(UE_DIED) & ues.are(name)
            lost += int((dead & (born > since) & (born <= fault.began_ns)).sum())
    return recovered, lost
