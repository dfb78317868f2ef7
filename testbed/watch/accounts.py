"""What rows have said so far of one UE, one ES, and of all tasks: sums and the last values that a screen shows."""

from collections import Counter, defaultdict, deque

from testbed.analysis.parts import PARTS
from testbed.model.delay import S_PER_NS
from testbed.model.energy import transmit_energy_j
from testbed.model.histogram import Histogram
from testbed.model.system import Es, Ue
from testbed.model.task import COMPLETED, FAILED, LATE, OFFLOAD
from testbed.protocol.idle import is_idle
from testbed.protocol.rows import LinkRow, SlotRow, TaskRow, ended_ns
from testbed.watch import snapshot
from testbed.watch.snapshot import EsState, UeState

GHZ_PER_HZ = 1e-9
DELAY_BOUNDS_S = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0)
SERIES = 240
_FLAGS = ("forwarded", "rejected", "recovered")


class Mean:
    """A running mean; None before the first value."""

    def __init__(self) -> None:
        self.total, self.count = 0.0, 0

    def add(self, value: float) -> None:
        """Count one value."""
        self.total += value
        self.count += 1

    @property
    def value(self) -> float | None:
        """The mean so far."""
        return self.total / self.count if self.count else None


class UeAccount:
    """One UE. ``open`` has the decided row of each task that is under way, ``sent_ns`` when its airtime ends."""

    def __init__(self, ue: Ue) -> None:
        self.ue = ue
        self.alive = True
        self.open: dict[int, TaskRow] = {}
        self.sent_ns: dict[int, int] = {}
        self.counts: Counter[str] = Counter()
        self.delay, self.energy, self.overhead = Mean(), Mean(), Mean()

    def died(self) -> None:
        """The UE died, and its open tasks with it."""
        self.alive = False
        self.open.clear()
        self.sent_ns.clear()

    def sends(self, row: LinkRow, now_ns: int) -> None:
        """A task is on its uplink, unless it is over by ``now_ns``: rows of other processes may come late."""
        if row.number in self.open or row.end_ns > now_ns:
            self.sent_ns[row.number] = row.end_ns

    def ended(self, row: TaskRow) -> None:
        """One of its tasks ended."""
        self.open.pop(row.number, None)
        self.sent_ns.pop(row.number, None)
        self.counts.update(words_of(row))
        if row.finished_ns >= 0:
            self.delay.add(row.measured_ns * S_PER_NS)
            self.energy.add(row.energy_j)
            self.overhead.add(row.overhead)

    def state(self, now_ns: int, *, unreachable: bool) -> str:
        """What the UE does at ``now_ns``; ``unreachable``: its own ES is down."""
        if not self.alive:
            return snapshot.STATE_LOST
        offloaded = [row.number for row in self.open.values() if row.choice >= OFFLOAD]
        if unreachable and offloaded:
            return snapshot.CUT
        if any(self.sent_ns.get(number, now_ns + 1) > now_ns for number in offloaded):
            return snapshot.SENDING
        if offloaded:
            return snapshot.WAITING
        return snapshot.STATE_LOCAL if self.open else snapshot.IDLE

    def shown(self, now_ns: int, *, unreachable: bool) -> UeState:
        """The UE as a screen shows it."""
        counts = self.counts
        return UeState(
            name=self.ue.name,
            cell=self.ue.cell + 1,
            state=self.state(now_ns, unreachable=unreachable),
            open=len(self.open),
            ended=counts[COMPLETED] + counts[LATE] + counts[FAILED],
            offloaded=counts["offloaded"],
            late=counts[LATE],
            failed=counts[FAILED],
            delay_s=self.delay.value,
            energy_j=self.energy.value,
            overhead=self.overhead.value,
        )


class EsAccount:
    """One ES: its last boundary, shares of busy core time and waiting tasks slot by slot."""

    def __init__(self, es: Es, slot_ns: int) -> None:
        self.es = es
        self._slot_ns = slot_ns
        self.alive = True
        self.last: SlotRow | None = None
        self.executed = self.forwarded_in = self.forwarded_out = 0
        self.busy: deque[float] = deque(maxlen=SERIES)
        self.waiting: deque[float] = deque(maxlen=SERIES)
        self._busy_ns = 0

    def boundary(self, row: SlotRow) -> None:
        """What the ES announced; boundaries that have no row were idle, or it was dead."""
        unseen = min(SERIES, row.slot - self.last.slot - 1) if self.last is not None else 0
        self.busy.extend([0.0] * unseen)
        self.waiting.extend([0.0] * unseen)
        self.busy.append(min(1.0, row.busy_ns / (self.es.cores * self._slot_ns)))
        self.waiting.append(float(row.waiting))
        self._busy_ns += row.busy_ns
        self.last = row

    def shown(self, now_ns: int) -> EsState:
        """The ES as a screen shows it at ``now_ns``."""
        last = self.last
        idle = now_ns // self._slot_ns - last.slot if last and self.alive and is_idle(last) else 0
        span_ns = last.at_ns + max(0, idle) * self._slot_ns if last else 0
        since = (0.0,) * min(SERIES, idle)
        return EsState(
            name=self.es.name,
            alive=self.alive,
            ghz=self.es.cpu_hz * GHZ_PER_HZ,
            waiting=last.waiting if last and self.alive else 0,
            backlog_s=last.backlog_ns * S_PER_NS if last and self.alive else 0.0,
            over_threshold=bool(last and self.alive and last.over_threshold),
            utilisation=min(1.0, self._busy_ns / (self.es.cores * span_ns)) if span_ns > 0 else 0.0,
            executed=self.executed,
            forwarded_in=self.forwarded_in,
            forwarded_out=self.forwarded_out,
            busy=(*self.busy, *since)[-SERIES:],
            waiting_by_slot=(*self.waiting, *since)[-SERIES:],
        )


class TaskAccount:
    """All tasks that ended: counts, distributions, parts of the delay, energy by what it was spent on."""

    def __init__(self, slot_ns: int) -> None:
        self._slot_ns = slot_ns
        self.counts: Counter[str] = Counter()
        self.delays, self.lateness = Histogram(), Histogram()
        self.delay, self.overhead = Mean(), Mean()
        self.overhead_by_slot: defaultdict[int, Mean] = defaultdict(Mean)
        self.parts: Counter[str] = Counter()
        self.energy: defaultdict[str, float] = defaultdict(float)
        self._below = [0] * len(DELAY_BOUNDS_S)

    def ended(self, row: TaskRow, tx_power_w: float) -> None:
        """A task of a UE that sends with ``tx_power_w`` ended."""
        self.counts.update(words_of(row))
        sent_j = min(row.energy_j, transmit_energy_j(tx_power_w, row.airtime_ns))
        self.energy["transmitting"] += sent_j
        self.energy["computing"] += row.energy_j - sent_j
        if row.finished_ns < 0:
            return
        delay_s = row.measured_ns * S_PER_NS
        self.delays.add(row.measured_ns)
        self.delay.add(delay_s)
        for n, bound in enumerate(DELAY_BOUNDS_S):
            self._below[n] += delay_s <= bound
        self.lateness.add(max(0, row.emulation_ns))
        self.overhead.add(row.overhead)
        self._by_slot(ended_ns(row) // self._slot_ns, row.overhead)
        for part in PARTS:
            self.parts[part] += getattr(row, f"{part}_ns")

    def _by_slot(self, slot: int, overhead: float) -> None:
        """Keep the overheads of the last slots only."""
        self.overhead_by_slot[slot].add(overhead)
        if len(self.overhead_by_slot) > 3 * SERIES:
            for old in sorted(self.overhead_by_slot)[:SERIES]:
                del self.overhead_by_slot[old]

    @property
    def delay_buckets(self) -> list[tuple[str, int]]:
        """How many delays were at most each bound, by the bound's text; the last one counts all."""
        bounded = [(f"{bound:g}", count) for bound, count in zip(DELAY_BOUNDS_S, self._below, strict=True)]
        return [*bounded, ("+Inf", self.delay.count)]


def words_of(row: TaskRow) -> list[str]:
    """What an ended task counts as."""
    words = [row.state, *(flag for flag in _FLAGS if getattr(row, flag))]
    if row.choice >= 0:
        words.append("offloaded" if row.choice >= OFFLOAD else "local")
    return [*words, "fallback"] if row.fallback else words
