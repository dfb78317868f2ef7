"""The edge server's core (sans-IO): radio of its cell, queue, second offload, announcements."""

from collections.abc import Sequence

import msgspec

from edge_server import transfers
from edge_server.cell_radio import CellRadio
from edge_server.events import Arrived, Dispatch, Ended, LastBit, TakenBack
from edge_server.job import Job
from edge_server.peers import Peers
from edge_server.queue import Queue
from edge_server.under_way import Answer, UnderWay
from testbed.model import transmission
from testbed.model.cuts import closed_ns, open_ns
from testbed.model.delay import NEVER
from testbed.model.queue import FCFS, NO_LIMIT, second_offload
from testbed.model.system import CONTROLLER, System, Ue
from testbed.model.task import ANNOUNCE, ARRIVAL, EXEC_END, EXEC_START, FAULT, Task
from testbed.protocol.actions import Action, Boundary, Execute, Lost, Record, Send, Wake
from testbed.protocol.idle import Boundaries
from testbed.protocol.messages import Announce, Down, Forward, Post, Result, Up
from testbed.protocol.rows import EventRow, SlotRow


class Server:
    """One ES. ``second_offload`` switches its rule on; ``from_ns`` is the instant this incarnation serves from."""

    def __init__(
        self, system: System, index: int, *, second_offload: bool, incarnation: int = 0, from_ns: int = 0
    ) -> None:
        self.system, self.es = system, system.edge_servers[index]
        self.name = self.es.name
        self.incarnation, self._from_ns = incarnation, from_ns
        self._second_offload = second_offload
        self._radio = CellRadio(system, index)
        self._queue = Queue(self.es)
        self._consulted_ns = 0
        self._peers = Peers(system)
        self._deaths_ns: dict[str, list[int]] = {}
        self._dispatching = False
        self._busy_before_ns = 0
        self._boundaries = Boundaries()
        self._last_slot = 0
        self._moving = UnderWay()
        self._returns_ns: dict[int, int] = {}
        self._ues = {ue.name: ue for ue in system.ues}
        self._own_ues = system.cell_ues(index)

    def begin(self) -> list[Action]:
        """The first slot boundary at or after the instant this incarnation serves from."""
        return [self._boundary(-(-self._from_ns // self.system.slot_ns))]

    def handle(self, now_ns: int, event: object) -> list[Action]:
        """See `testbed.protocol.actions.Core`."""
        match event:
            case Post():
                return self._post(now_ns, event)
            case Arrived():
                return self._arrived(now_ns, event)
            case TakenBack() if self._radio.lets_go(event):
                return [transfers.moved(event.job, event.job.ue.name, now_ns)]
            case Ended():
                return self._ended(now_ns, event)
            case Dispatch():
                return self._dispatch()
            case Forward():
                return self._take_over(now_ns, event)
            case LastBit():
                return self._radio.last_bit(now_ns, event)
            case Announce():
                self._peers.announce(event.es, event.slot, event.backlog_ns)
                return []
            case Boundary():
                return self._announce(now_ns, event.slot)
            case Down() | Up() | Lost():
                return self._fault(now_ns, event)
        return []

    def revise(self, now_ns: int, system: System, tasks: Sequence[Task]) -> list[Action]:
        """See `testbed.protocol.actions.Core`."""
        self.system, self.es = system, system.edge_servers[self.es.index]
        self._ues = {ue.name: ue for ue in system.ues}
        self._own_ues = system.cell_ues(self.es.index)
        self._peers.revise(system)
        self._moving.begin()
        actions = self._radio.revise(system)
        for core, job in self._queue.revise(self.es):
            actions += self._execution(core, job)
        for onward in self._moving.moved_on(system, now_ns):
            actions += transfers.forward(system, onward, again=True)
        for answer in self._moving.held_answers(now_ns):
            send = self._answer(answer.job, rejected=answer.rejected, told=answer.told)
            actions += [send] if send.at_ns not in answer.told else []
        return actions

    def _boundary(self, slot: int) -> Wake:
        return Wake(slot * self.system.slot_ns, ANNOUNCE, Boundary(slot), self.es.index)

    def _post(self, now_ns: int, post: Post) -> list[Action]:
        ue = self._ues[post.ue]
        if self._deaths_ns and any(post.ready_ns <= died for died in self._deaths_ns.get(ue.name, ())):
            return []
        return self._radio.post(now_ns, ue, post)

    def _arrived(self, now_ns: int, event: Arrived) -> list[Action]:
        job, trip = event.job, event.job.trip
        if not self._radio.lets_go(event) or (self._deaths_ns and self._died_sending(job)):
            return []
        arrived = transfers.uplink(job, self.es)
        if now_ns > trip.arrival_ns:
            job.trip = msgspec.structs.replace(trip, arrival_ns=now_ns, late_ns=now_ns - trip.arrival_ns)
        target = self._target(now_ns, job)
        if target != self.es.index:
            onward = transfers.Onward(job, target, now_ns)
            self._moving.sent_on(onward, onward.arrival_ns(self.system))
            return [arrived, *transfers.forward(self.system, onward)]
        return [arrived, *self._enter(now_ns, job)]

    def _died_sending(self, job: Job) -> bool:
        trip = job.trip
        return any(trip.ready_ns <= died <= trip.tx_end_ns for died in self._deaths_ns.get(job.ue.name, ()))

    def settled_ns(self, event: object) -> int:
        """See `testbed.protocol.actions.Forgiving`."""
        if isinstance(event, Forward):
            return self._queue.settled_ns
        return self._consulted_ns if isinstance(event, Announce) else NEVER

    def awaits(self, at_ns: int, event: object) -> bool:
        """See `testbed.protocol.actions.Forgiving`: an arrival over the threshold is judged by all announcements. Where
        the ES stands still nothing arrives: what was due there, until a pause was asked for, comes later."""
        if not (self._second_offload and isinstance(event, Arrived) and self.es.hz(at_ns)):
            return False
        if self._queue.expected_wait_ns(at_ns) <= self.system.threshold_ns:
            return False
        return not self._peers.have_told(min((at_ns - 1) // self.system.slot_ns, self._last_slot))

    def _target(self, now_ns: int, job: Job) -> int:
        """The ES that executes an arriving task: its agent's choice if that is within reach, or the rule's."""
        if job.target >= 0 and self._peers.within_reach(self.es.index, now_ns)[job.target]:
            return job.target
        if not self._second_offload:
            return self.es.index
        wait = self._queue.expected_wait_ns(now_ns)
        if wait <= self.system.threshold_ns:
            return self.es.index
        self._consulted_ns = now_ns
        within_reach = self._peers.within_reach(self.es.index, now_ns)
        return second_offload(self.es.index, wait, self.system.threshold_ns, self._peers.announced, within_reach)

    def _take_over(self, now_ns: int, forward: Forward) -> list[Action]:
        job = Job(ue=self._ues[forward.ue], task=forward.task, trip=forward.trip, own=False)
        if not self._moving.is_due(self.system, job, forward, self.es.index) or self._was_taken_back(now_ns, job):
            return []
        told = transfers.moved(job, self.name, now_ns, arrived=True)
        arrived = transfers.backhaul(self.system, job, forward.arrival_ns, self.es)
        return [arrived, told, *self._enter(now_ns, job)]

    def _was_taken_back(self, now_ns: int, job: Job) -> bool:
        """Whether an ES died while a job was sent from one to the other, this one or that: its UE has it back."""
        own, sent_ns = self.system.edge_servers[job.ue.cell].name, job.trip.arrival_ns
        return sent_ns < self._from_ns or any(sent_ns < died <= now_ns for died in self._deaths_ns.get(own, ()))

    def _enter(self, now_ns: int, job: Job) -> list[Action]:
        job.arrival_ns = now_ns
        if self.es.queue_limit != NO_LIMIT or (job.own and self.es.discipline == FCFS):
            self._queue.settle(now_ns)
        if self._queue.admits():
            self._queue.put(job)
            return self._dispatch_soon(now_ns)
        job.start_ns = job.end_ns = now_ns
        return [self._answer(job, rejected=True)]

    def _returned_ns(self, job: Job) -> int:
        """When the result of a job is at its UE."""
        return transmission.returned_ns(self.system, self._ues[job.ue.name], job.task.number, job.end_ns, self.es.index)

    def _answer(self, job: Job, *, rejected: bool, told: frozenset[int] = frozenset()) -> Send:
        """The result of a job that has ended, at the instants ``told`` so far; it is kept in mind until it has come."""
        at = self._returned_ns(job)
        self._moving.answered(Answer(job, at, rejected, told | {at}))
        return self._result(job, at, rejected=rejected)

    def _result(self, job: Job, at_ns: int, *, rejected: bool = False) -> Send:
        """What the UE hears of ``job`` at ``at_ns``."""
        result = Result(
            ue=job.ue.name,
            number=job.task.number,
            es=self.name,
            incarnation=self.incarnation,
            trip=job.trip,
            es_arrival_ns=job.arrival_ns,
            start_ns=job.start_ns,
            end_ns=job.end_ns,
            at_ns=at_ns,
            rejected=rejected,
        )
        return Send(
            to=job.ue.name,
            body=result,
            at_ns=at_ns,
            phase=ARRIVAL,
            ue=job.ue.index,
            number=job.task.number,
        )

    def _dispatch_soon(self, now_ns: int) -> list[Action]:
        if self._dispatching or not self._queue.may_start():
            return []
        self._dispatching = True
        return [Wake(now_ns, EXEC_START, Dispatch(), self.es.index)]

    def _ended(self, now_ns: int, event: Ended) -> list[Action]:
        job = self._queue.ending(event.core, event.end_ns)
        if job is None:
            return []
        self._queue.finish(event.core)
        returns_ns = self._returns_ns.pop(event.core)
        self._moving.answered(Answer(job, returns_ns, rejected=False, told=frozenset({returns_ns})))
        return self._dispatch_soon(now_ns)

    def _dispatch(self) -> list[Action]:
        self._dispatching = False
        actions: list[Action] = []
        for core, job in self._queue.start():
            actions += self._execution(core, job)
        return actions

    def _execution(self, core: int, job: Job) -> list[Action]:
        ue, task = job.ue, job.task
        self._returns_ns[core] = self._returned_ns(job)
        then = self._result(job, self._returns_ns[core])
        return [
            Execute(
                start_ns=job.start_ns,
                end_ns=job.end_ns,
                cycles=task.cycles,
                ue=ue.name,
                number=task.number,
                then=then,
                still_ns=closed_ns(job.start_ns, job.end_ns, self.es.pauses_ns),
            ),
            Wake(job.end_ns, EXEC_END, Ended(core, job.end_ns), ue.index, task.number),
        ]

    def _announce(self, now_ns: int, slot: int) -> list[Action]:
        if open_ns(now_ns, self.es.pauses_ns) != now_ns:
            return [self._boundary(slot + 1)]
        radio, queue = self._radio, self._queue
        queue.settle(now_ns)
        backlog = queue.backlog_ns(now_ns)
        own, forwarded, air = queue.own_cycles, queue.forwarded_cycles, radio.air_cycles
        notice = Announce(
            es=self.name,
            slot=slot,
            at_ns=now_ns,
            backlog_ns=backlog,
            own_cycles=own,
            forwarded_cycles=forwarded,
            air_cycles=air,
            senders=radio.senders(now_ns),
            radio_wait_ns=radio.waits_ns(self._own_ues, now_ns),
        )
        busy = queue.busy_ns(now_ns)
        over = queue.expected_wait_ns(now_ns) > self.system.threshold_ns
        row = SlotRow(
            es=self.name,
            slot=slot,
            at_ns=now_ns,
            backlog_ns=backlog,
            waiting=queue.waiting,
            own_cycles=own,
            forwarded_cycles=forwarded,
            air_cycles=air,
            busy_ns=busy - self._busy_before_ns,
            over_threshold=over,
        )
        self._busy_before_ns = busy
        self._moving.prune(now_ns)
        self._peers.announce(self.name, slot, backlog)
        self._last_slot = slot
        brief = msgspec.structs.replace(notice, radio_wait_ns=())
        told = [(CONTROLLER, notice)]
        told += [(es.name, brief) for es in self.system.edge_servers if es.name != self.name]
        sends: list[Action] = [
            Send(to=peer, body=news, at_ns=now_ns, phase=ANNOUNCE, ue=self.es.index) for peer, news in told
        ]
        recorded = [Record(row)] if self._boundaries.records(row) else []
        return [*sends, *recorded, self._boundary(slot + 1)]

    def is_idle(self, now_ns: int) -> bool:
        """See `testbed.protocol.actions.Idling`."""
        if not self._boundaries.idle or self._queue.waiting or self._queue.is_running or self._radio.air_cycles:
            return False
        return self._queue.busy_ns(now_ns) == self._busy_before_ns

    def _fault(self, now_ns: int, event: Down | Up | Lost) -> list[Action]:
        if event.name in self._peers:
            self._peers.take(event)
            if isinstance(event, Down):
                self._deaths_ns.setdefault(event.name, []).append(event.at_ns)
                lost = Lost(event.name, event.at_ns, event.incarnation)
                return [Wake(event.at_ns + self.system.detection_ns, FAULT, lost)]
            return []
        if isinstance(event, Down) and event.name in self._ues:
            return self._silence(now_ns, self._ues[event.name], event.at_ns)
        return []

    def _silence(self, now_ns: int, ue: Ue, died_ns: int) -> list[Action]:
        self._deaths_ns.setdefault(ue.name, []).append(died_ns)
        dropped, actions = self._radio.drop(ue, now_ns)
        row = EventRow(now_ns, self.name, "radio_dropped", ue.name, dropped)
        return [Record(row), *actions] if dropped else []
