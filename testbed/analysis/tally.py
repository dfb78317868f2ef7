"""What the summary of a run is made of, from last rows that may come in parts (pure): the same however they are cut."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from testbed.analysis import figures
from testbed.analysis.exact_sum import ExactSums
from testbed.analysis.parts import PARTS
from testbed.analysis.run_reward import HOLDING, Scores
from testbed.analysis.server_tally import ServerTally
from testbed.model import statistics
from testbed.model.delay import S_PER_NS
from testbed.model.ledger import Absence
from testbed.model.system import System
from testbed.model.task import INTERRUPTED
from testbed.protocol.rows import SlotRow, TaskRow
from testbed.protocol.table import ColumnTable


class Delays(Protocol):
    """Keeps delays in ns and knows their order."""

    def add(self, values: NDArray[np.int64]) -> None:
        """Further delays."""

    def at(self, ranks: Sequence[int]) -> Mapping[int, int]:
        """The delays of these ranks, from 0 in rising order, by rank."""


class DelaysInMemory:
    """`Delays` of which there is room for all."""

    def __init__(self) -> None:
        self._parts: list[NDArray[np.int64]] = []

    def add(self, values: NDArray[np.int64]) -> None:
        """See `Delays`."""
        self._parts.append(values)

    def at(self, ranks: Sequence[int]) -> Mapping[int, int]:
        """See `Delays`."""
        ranked = np.sort(np.concatenate(self._parts))
        return {rank: int(ranked[rank]) for rank in ranks}


class Tally:
    """Sums over last rows of tasks and rows of slots; tasks of a UE come in their order, slots boundary by boundary.

    ``absences`` are those of processes; ``kind`` is the scenario's reward.
    """

    def __init__(
        self,
        system: System,
        kind: str,
        absences: Mapping[str, Sequence[Absence]] | None = None,
        delays: Delays | None = None,
    ) -> None:
        self._system, self._delays = system, DelaysInMemory() if delays is None else delays
        self._scores = None if kind == HOLDING else Scores(system, kind)
        self._ues = {ue.name: ue.index for ue in system.ues}
        gaps = absences or {}
        self.servers = {es.name: ServerTally(system, es, gaps.get(es.name, ())) for es in system.edge_servers}
        self.energy, self.measured, self.done_energy, self.done_measured = (ExactSums() for _ in range(4))
        self._delay, self._overhead, self._score = ExactSums(), ExactSums(), ExactSums()
        self._by_ue = ExactSums(len(system.ues))
        self._parts = {part: ExactSums() for part in PARTS}
        self._areas = [0] * statistics.STABILITY_BATCHES
        self.rows, self.finished, self.decided = 0, 0, 0
        self.fallbacks: Counter[str] = Counter()

    def add_slots(self, slots: ColumnTable[SlotRow]) -> None:
        """Further rows of ESs."""
        if len(slots):
            for server in self.servers.values():
                server.slots(slots)

    def add_tasks(self, rows: ColumnTable[TaskRow]) -> None:
        """The last rows of further tasks."""
        if not len(rows):
            return
        done = figures.finished(rows)
        self.rows, self.finished = self.rows + len(rows), self.finished + len(done)
        self.energy.add(rows.reals("energy_j"))
        self.measured.add(rows.reals("energy_measured_j"))
        for server in self.servers.values():
            server.tasks(rows)
        self._add_backlog(rows)
        self._add_decisions(rows)
        self._add_finished(done)
        if self._scores is not None:
            self._score.add(np.array([score for _, _, score in self._scores.of(rows)], np.float64))

    def _add_finished(self, done: ColumnTable[TaskRow]) -> None:
        delays = figures.seconds(done.ints("measured_ns"))
        self._delays.add(done.ints("measured_ns"))
        self._delay.add(delays)
        self._overhead.add(done.reals("overhead"))
        self.done_energy.add(done.reals("energy_j"))
        self.done_measured.add(done.reals("energy_measured_j"))
        labels = done.labels("ue")
        self._by_ue.add(delays, np.array([self._ues[name] for name in labels.names], np.int64)[labels.codes])
        for part, sums in self._parts.items():
            sums.add(figures.seconds(done.ints(f"{part}_ns")))

    def _add_backlog(self, rows: ColumnTable[TaskRow]) -> None:
        """A failed task leaves the system never; of one that was interrupted nobody knows."""
        begun, measured = rows.ints("generated_ns"), rows.ints("measured_ns")
        known = (measured >= 0) | ~rows.labels("reason").are(INTERRUPTED)
        ended = np.where(measured >= 0, begun + measured, -1)
        areas = figures.backlog_areas(begun[known], ended[known], self._system.slot_ns, self._system.slots)
        self._areas = [area + more for area, more in zip(self._areas, areas, strict=True)]

    def _add_decisions(self, rows: ColumnTable[TaskRow]) -> None:
        decided, why_not = rows.values("choice") >= 0, rows.labels("fallback")
        self.decided += int(decided.sum())
        self.fallbacks.update(why_not[decided & ~why_not.are("")].tolist())

    def delay_mean(self) -> float:
        """Of finished tasks, in s; NaN of none, as all means."""
        return self._delay.mean()

    def delay_percentiles(self, *percents: float) -> list[float]:
        """Of finished tasks, in s."""
        if not self.finished:
            return [math.nan] * len(percents)
        places = [statistics.between_ranks(self.finished, percent) for percent in percents]
        ns = self._delays.at(sorted({rank for low, high, _ in places for rank in (low, high)}))
        seconds = {rank: value * S_PER_NS for rank, value in ns.items()}
        return [seconds[low] + (seconds[high] - seconds[low]) * share for low, high, share in places]

    def overhead_mean(self) -> float:
        """Of finished tasks."""
        return self._overhead.mean()

    def reward_per_slot(self) -> float:
        """Summed over cells and finished tasks: −ΣC for ``holding``, their scores for the others."""
        total = -self._overhead.total() if self._scores is None else self._score.total()
        return total / self._system.slots

    def fairness(self) -> float:
        """Jain's index over UEs' mean delays, of UEs of which any task finished."""
        return statistics.jain([mean for mean in self._by_ue.means() if not math.isnan(mean)])

    def where_time_went(self) -> dict[str, float]:
        """Mean seconds that a finished task spent in each part of its delay; the parts sum to the mean delay."""
        return {part: sums.mean() for part, sums in self._parts.items()}

    def is_stable(self) -> bool:
        """The backlog-slope test on tasks in the system."""
        slots = self._system.slots
        return statistics.stable_areas(self._areas, slots, self.rows / slots)
