"""A run as documents for machines while it goes on (pure): how it began, how far it is, what ended, what happened.

Instants are emulated seconds since the run's beginning, delays are emulated seconds, all else is in SI units; what
there is not, or not yet, is None. docs/reference/stream.md has every field.
"""

import heapq
import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from testbed.analysis.parts import PARTS
from testbed.model.delay import NS_PER_S
from testbed.model.ended_tasks import EndedTasks
from testbed.model.ledger import FINAL
from testbed.model.system import Plan
from testbed.model.targets import word_for
from testbed.model.task import COMPLETED, FAILED, LATE
from testbed.protocol.rows import DIED, RESTARTED, EventRow, Row, SlotRow, TaskRow, UpdateRow

STREAM_VERSION = 1
FATES = (COMPLETED, LATE, FAILED, "local", "offloaded", "forwarded", "rejected", "recovered", "fallback")
_TAGS = ("forwarded", "rejected", "recovered", "fallback")
READINGS = ("lateness", "answers", "slipped", "held", "burn", "host")  # meters that are read at the end, for the grade
TimedRow = TaskRow | EventRow | UpdateRow | SlotRow
Document = dict[str, Any]


class RunStream:
    """Turns the rows of one run, as they come, into documents, and knows how far it is."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._ended = EndedTasks()
        self._fates: Counter[str] = Counter()
        self._servers: dict[str, Document] = {es.name: _server(None, 1, 1) for es in plan.system.edge_servers}
        self._cores = {es.name: es.cores for es in plan.system.edge_servers}

    def started(self, run: str, policy: str, backend: str) -> Document:
        """The first document: what is run, where its record is, and how long and large it is."""
        system = self.plan.system
        return {
            "kind": "started",
            "version": STREAM_VERSION,
            "run": run,
            "scenario": system.name,
            "policy": policy,
            "backend": backend,
            "seed": system.seed,
            "speed": self.plan.emulation.speed,
            "slots": system.slots,
            "slot_s": system.slot_ns / NS_PER_S,
            "end_s": system.end_ns / NS_PER_S,
            "tasks": len(self.plan.workload),
            "ues": [ue.name for ue in system.ues],
            "es": [es.name for es in system.edge_servers],
        }

    def take(self, rows: Iterable[Row]) -> Iterator[Document]:
        """Note ``rows``; a document for each task that ended, each event, and each reading of a learner."""
        for row in rows:
            match row:
                case TaskRow() if row.state in FINAL and self._ended.add(row.ue, row.number):
                    yield self._task(row)
                case EventRow() if row.kind not in READINGS:
                    yield self._event(row)
                case UpdateRow():
                    yield _update(row)
                case SlotRow():
                    self._servers[row.es] = _server(row, self.plan.system.slot_ns, self._cores[row.es])

    def progress(self, now_ns: int, phase: str, silent: Sequence[str] = ()) -> Document:
        """How far the run is: tasks by what became of them so far, and each edge server as it last announced itself."""
        system = self.plan.system
        return {
            "kind": "progress",
            "phase": phase,
            "at_s": now_ns / NS_PER_S,
            "slot": max(0, now_ns) // system.slot_ns,
            "share": min(1.0, max(0, now_ns) / system.end_ns),
            "ended": self._ended.count,
            "tasks": {fate: self._fates[fate] for fate in FATES},
            "es": dict(self._servers),
            "silent": list(silent),
        }

    def _task(self, row: TaskRow) -> Document:
        choice = word_for(row.choice)
        self._fates.update([row.state, *([choice] if choice else []), *(tag for tag in _TAGS if getattr(row, tag))])
        finished = row.finished_ns >= 0
        return {
            "kind": "task",
            "at_s": row.finished_ns / NS_PER_S if finished else None,
            "ue": row.ue,
            "number": row.number,
            "cell": row.cell,
            "state": row.state,
            "reason": row.reason or None,
            "choice": choice,
            "es": row.es or None,
            **{tag: bool(getattr(row, tag)) for tag in _TAGS},
            "generated_s": row.generated_ns / NS_PER_S,
            "input_bits": row.input_bits,
            "cycles": row.cycles,
            "deadline_s": row.deadline_ns / NS_PER_S,
            "delay_s": row.measured_ns / NS_PER_S if finished else None,
            "energy_j": row.energy_j,
            "overhead": row.overhead if finished else None,
            "parts_s": {part: getattr(row, f"{part}_ns") / NS_PER_S for part in PARTS} if finished else None,
        }

    def _event(self, row: EventRow) -> Document:
        if row.source in self._servers and row.kind in (DIED, RESTARTED):
            self._servers[row.source] = _server(None, 1, 1) | {"up": row.kind == RESTARTED}
        return {
            "kind": "event",
            "at_s": row.at_ns / NS_PER_S,
            "source": row.source,
            "event": row.kind,
            "detail": row.detail,
            "value": row.value,
        }


def _server(row: SlotRow | None, slot_ns: int, cores: int) -> Document:
    """An edge server as it announced itself; one that has not yet is up, and nothing is known of it."""
    if row is None:
        return {"up": True, "slot": None, "backlog_s": None, "waiting": None, "utilisation": None}
    busy = row.busy_ns / (slot_ns * cores)
    return {
        "up": True,
        "slot": row.slot,
        "backlog_s": row.backlog_ns / NS_PER_S,
        "waiting": row.waiting,
        "utilisation": busy,
    }


def _update(row: UpdateRow) -> Document:
    return {
        "kind": "update",
        "at_s": row.at_ns / NS_PER_S,
        "learner": row.learner,
        "version": row.version,
        "updates": row.updates,
        "updates_per_s": row.rate,
        "loss": row.loss,
        "entropy": row.entropy,
        "reward": row.reward,
        "lag": row.lag,
    }


class InOrder:
    """The documents of a run on a virtual clock, in the order of their instants, with progress at every recorded
    boundary.

    So simulation and twin, which make their rows in different orders, say the same.
    """

    def __init__(self, stream: RunStream) -> None:
        self._stream = stream
        self._waiting: list[tuple[tuple[int, int, str, int], int, TimedRow]] = []
        self._age = itertools.count()
        self._unfinished: list[TaskRow] = []
        self._reached_ns = 0

    def take(self, rows: Iterable[Row]) -> Iterator[Document]:
        """Note ``rows``, and give what came before the latest slot boundary among them."""
        for row in rows:
            if isinstance(row, TaskRow) and row.finished_ns < 0:
                self._unfinished += [row] if row.state in FINAL else []
            elif isinstance(row, TimedRow):
                if isinstance(row, SlotRow) and row.at_ns > self._reached_ns:
                    self._reached_ns = row.at_ns
                    yield from self._until(row.at_ns)
                heapq.heappush(self._waiting, (_place(row), next(self._age), row))

    def rest(self) -> Iterator[Document]:
        """What is still to be told when the run is over; tasks that never finished come last."""
        yield from self._until(None)
        self._unfinished.sort(key=lambda row: (row.ue, row.number))
        yield from self._stream.take(self._unfinished)

    def _until(self, end_ns: int | None) -> Iterator[Document]:
        """What came before ``end_ns`` (None: all) and was not told yet."""
        due = []
        while self._waiting and (end_ns is None or self._waiting[0][0][0] < end_ns):
            due.append(heapq.heappop(self._waiting)[2])
        for i, row in enumerate(due):
            yield from self._stream.take([row])
            if isinstance(row, SlotRow) and (i + 1 == len(due) or not isinstance(due[i + 1], SlotRow)):
                running = row.at_ns < self._stream.plan.system.end_ns
                yield self._stream.progress(row.at_ns, "running" if running else "draining")


def _instant_ns(row: TimedRow) -> int:
    """When a row became true: of a task, when it finished."""
    return row.finished_ns if isinstance(row, TaskRow) else row.at_ns


def _place(row: TimedRow) -> tuple[int, int, str, int]:
    """The place of a row among all: by instant, kind, whom it is about, and number."""
    match row:
        case TaskRow():
            rank, name, number = 0, row.ue, row.number
        case EventRow():
            rank, name, number = 1, row.source, 0
        case UpdateRow():
            rank, name, number = 2, row.learner, row.version
        case SlotRow():
            rank, name, number = 3, row.es, row.slot
    return _instant_ns(row), rank, name, number
