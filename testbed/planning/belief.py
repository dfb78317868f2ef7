"""What the agents know of the region, as a world of the twin that lives through the same slots as the real one.

It is told what they are told: asks and announcements. The rest follows from what they decided. Where nothing is hidden
from them, that is the whole truth; where something is (loss, jitter, varying rates, faults), each announcement puts
right what it shows to be wrong.
"""

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from testbed.model import random
from testbed.model.link import JITTER_NONE
from testbed.model.mdp import CellView
from testbed.model.system import System
from testbed.planning import futures
from testbed.planning.corrections import TOLD_ES, TOLD_TASK, TOLD_UE, Heard
from testbed.twin import build
from testbed.twin.twin import ArenaFullError, Twin

FIELD_BELIEF = 2
Choices = NDArray[np.int8]


class Belief:
    """The world that agents of ``system`` believe in, at the slot it was last told about."""

    def __init__(self, system: System, *, double: bool) -> None:
        self.system = expected(system)
        self._seed = random.hash_key(system.seed, random.POLICY, 0, 0, FIELD_BELIEF)
        calm = without_noise(self.system)
        self.twin = Twin(calm, build.table(calm, ()), double=double)
        self._cycles = np.ones(1, np.int64)
        self._seen = 0
        self._begin(0)

    @property
    def slot(self) -> int:
        """The slot it is about to decide."""
        return int(self.twin.slot[0])

    def _begin(self, slot: int) -> None:
        """Know nothing but that it is ``slot`` now."""
        self.twin.use(None)
        self.twin.reset(self._seed)
        self._jump(slot)

    def _jump(self, slot: int) -> None:
        status, slot_ns = self.twin.state.status, self.system.slot_ns
        status["slot"], status["start_ns"], status["end_ns"] = slot, slot * slot_ns, (slot + 1) * slot_ns

    def live_on(self, slot: int, choices: Choices) -> None:
        """Let the slots up to ``slot`` pass, after ``choices`` (1, N) in the present one."""
        try:
            if self.slot < slot:
                self.twin.step(choices)
            while self.slot < slot and (self.twin.inside[0] or self.twin.state.announced_ns.any()):
                self.twin.step(np.zeros_like(choices))
        except ArenaFullError:
            self._begin(slot)
        if self.slot < slot:
            self._jump(slot)

    def hear(self, cells: Sequence[CellView]) -> None:
        """Take in what the agents of ``cells`` were told at the present boundary, their undecided tasks included."""
        told = self._told(cells)
        if futures.tell(self.twin.state, self.twin.fixed, told) == 0:
            self._begin(self.slot)
            futures.tell(self.twin.state, self.twin.fixed, told)

    def _told(self, cells: Sequence[CellView]) -> Heard:
        ues = np.zeros(len(self.system.ues), TOLD_UE)
        servers = np.zeros(len(self.system.edge_servers), TOLD_ES)
        servers["alive"] = 1
        waiting = [(ue.index, task) for cell in cells for ue in cell.ues for task in ue.tasks]
        tasks = np.zeros(len(waiting), TOLD_TASK)
        for n, (index, task) in enumerate(sorted(waiting, key=lambda one: (one[0], one[1].number))):
            tasks[n] = index, task.generated_ns, task.input_bits, task.cycles, task.deadline_ns
        for cell in cells:
            for ue in cell.ues:
                ues[ue.index] = ue.queue_ns, ue.radio_wait_ns, cell.edge_servers[cell.cell].age_slots == 0
            for es in cell.edge_servers:
                if es.index == cell.cell or not servers[es.index]["known"]:
                    news = es.backlog_ns, es.own_cycles, es.forwarded_cycles
                    servers[es.index] = (*news, es.age_slots == 0, es.alive)
        self.twin.fixed.alive[:] = servers["alive"]
        self._learn_size(tasks)
        return Heard(ues=ues, edge_servers=servers, tasks=tasks, cycles=self._cycles)

    def _learn_size(self, tasks: NDArray[np.void]) -> None:
        """How many cycles a task has on average."""
        if len(tasks):
            total = int(self._cycles[0]) * self._seen + int(tasks["cycles"].sum())
            self._seen += len(tasks)
            self._cycles[0] = max(1, total // self._seen)


def expected(system: System) -> System:
    """``system`` without what nobody knows beforehand: faults that are planned, and how rates will change."""
    radio = msgspec.structs.replace(
        system.radio, trace_edges_ns=(), trace_bps=(), trace_period_ns=0, traces=(), coherence_ns=0
    )
    ues = (
        msgspec.structs.replace(ue, trace=-1, cap_edges_ns=(), caps_bps=(), added_edges_ns=(), added_ns=(), cuts_ns=())
        for ue in system.ues
    )
    servers = (msgspec.structs.replace(es, speed_edges_ns=(), speeds_hz=()) for es in system.edge_servers)
    return msgspec.structs.replace(system, radio=radio, ues=tuple(ues), edge_servers=tuple(servers), backhaul_cuts=())


def without_noise(system: System) -> System:
    """``system`` whose radio loses nothing and has no jitter: what a belief takes for granted until it hears of it."""
    radio = msgspec.structs.replace(system.radio, loss=0.0, jitter_kind=JITTER_NONE)
    return msgspec.structs.replace(system, radio=radio)


def offloading(system: System, choices: Mapping[str, int]) -> Choices:
    """Choices by name as an array (1, N); nobody's are local."""
    return np.array([[choices.get(ue.name, 0) for ue in system.ues]], np.int8)
