"""What a plan leaves possible: who there is, which tasks they have, how far ahead an instant may be (pure)."""

from itertools import pairwise

from testbed.model.delay import duration_ns
from testbed.model.system import EPOCH_ARRIVAL, Es, Plan, System, Ue
from testbed.model.task import Phase, Task
from testbed.protocol.codec import Envelope
from testbed.protocol.placement import crowd_by_ue, crowds_of

RELEASE_NS = 20_000_000


class RefusedError(Exception):
    """A message that no core may see; the text says why."""


def need(*, holds: bool, why: str) -> None:
    """Raise `RefusedError` unless it ``holds``."""
    if not holds:
        raise RefusedError(why)


class Bounds:
    """The bounds of ``plan`` at ``now_ns``, an instant of emulated time that is moved on from outside.

    What is due soon may be told up to `RELEASE_NS` of wall time before its instant, and clocks may differ by a slot.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan, self.system = plan, plan.system
        self.now_ns = 0
        self.ues = {ue.name: ue for ue in self.system.ues}
        self.edge_servers = {es.name: es for es in self.system.edge_servers}
        self.crowds = {name: (ues[0].index, ues[-1].index) for name, ues in crowds_of(plan).items()}
        self._crowd_of = crowd_by_ue(plan)
        self.cells = [self.system.cell_ues(es.index) for es in self.system.edge_servers]
        self.cycles = sum(task.cycles for task in plan.workload)
        self._tasks = plan.tasks_by_ue()
        self._local_work_ns: dict[int, int] = {}
        self._slack_ns = self.system.slot_ns + int(RELEASE_NS * plan.emulation.speed)

    def ue(self, name: str) -> Ue:
        """The UE called ``name``."""
        ue = self.ues.get(name)
        if ue is None:
            raise RefusedError(f"no UE is called {name[:40]!r}")
        return ue

    def speaker(self, ue: Ue) -> str:
        """Who speaks for a UE: itself, or the crowd that it is in."""
        return self._crowd_of.get(ue.name, ue.name)

    def es(self, name: str) -> Es:
        """The ES called ``name``."""
        es = self.edge_servers.get(name)
        if es is None:
            raise RefusedError(f"no ES is called {name[:40]!r}")
        return es

    def own_es(self, ue: Ue) -> str:
        """The name of the ES of the UE's cell."""
        return self.system.edge_servers[ue.cell].name

    def task(self, ue: Ue, number: int) -> Task:
        """The UE's task ``number``."""
        tasks = self._tasks[ue.index]
        if 0 <= number < len(tasks) and tasks[number].number == number:
            return tasks[number]
        match = next((task for task in tasks if task.number == number), None)
        if match is None:
            raise RefusedError(f"{ue.name} has no task {number}")
        return match

    def known(self, ue: Ue, task: Task) -> None:
        """A task is what the workload says; in a closed loop it comes no earlier than that says, but by now."""
        planned = self.task(ue, task.number)
        if self.system.closed_loop:
            self.by_now(task.generated_ns)
            planned = planned.at(max(planned.generated_ns, task.generated_ns))
        if task != planned:
            raise RefusedError(f"task {task.number} of {ue.name} is another one")

    def local_work_ns(self, ue: Ue) -> int:
        """How long the UE would take for all its tasks."""
        if ue.index not in self._local_work_ns:
            work = sum(duration_ns(task.cycles, ue.cpu_hz) for task in self._tasks[ue.index])
            self._local_work_ns[ue.index] = work + sum(until - since for since, until in ue.pauses_ns)
        return self._local_work_ns[ue.index]

    def by_now(self, at_ns: int, beyond_ns: int = 0) -> None:
        """An instant is no further ahead than ``beyond_ns``."""
        need(holds=at_ns <= self.now_ns + beyond_ns + self._slack_ns, why="it is of an instant too far ahead")

    def elapsed_ns(self, since_ns: int) -> int:
        """The most that can have been charged since an instant: thinking costs wall time, one to one, at any speed."""
        return int(max(0, self.now_ns - since_ns) / min(1.0, self.plan.emulation.speed)) + self._slack_ns

    def slot(self, slot: int, at_ns: int) -> None:
        """A slot and its instant; with ``epoch: arrival`` UEs number their asks by tasks instead."""
        need(holds=slot >= 0 and at_ns >= 0, why="there is no such slot")
        if self.system.epoch != EPOCH_ARRIVAL:
            need(holds=at_ns == slot * self.system.slot_ns, why="its instant is not its slot's")
        self.by_now(at_ns)


def longest_standstill_ns(system: System) -> int:
    """The most that cuts and pauses can hold anything up: all of them together."""
    found = [ue.cuts_ns for ue in system.ues] + [cut.cuts_ns for cut in system.backhaul_cuts]
    found += [one.pauses_ns for one in system.pausing]
    return sum(end - begin for spans in found for begin, end in spans)


def ordered(*instants_ns: int) -> None:
    """Instants follow each other."""
    if any(later < earlier for earlier, later in pairwise(instants_ns)):
        raise RefusedError("its instants are out of order")


def placed(envelope: Envelope, at_ns: int, phase: Phase, ue: int, number: int) -> None:
    """An envelope has the place among other events that its content has."""
    place = (envelope.at_ns, envelope.phase, envelope.ue, envelope.number)
    need(holds=place == (at_ns, int(phase), ue, number), why="its instant and order are not those of its content")


def sent_by(envelope: Envelope, source: str) -> None:
    """An envelope comes from ``source``."""
    if envelope.source != source:
        raise RefusedError(f"it should come from {source}")
