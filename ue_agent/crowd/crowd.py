"""The core of a crowd (sans-IO): many UEs of one cell that ask, and are answered, with one message a slot.

What matters at a slot boundary of every UE stands in columns, one place for each: an idle UE costs a few operations on
arrays. What happens to a task is as with a single UE, and is done by the same code (`CrowdMember`).
"""

from collections.abc import Iterable, Sequence
from itertools import chain

import msgspec
import numpy as np
from numpy.typing import NDArray

from testbed.model.cuts import open_ns
from testbed.model.system import CONTROLLER, SHARED, System, Ue
from testbed.model.task import DECIDE, FAULT, Task
from testbed.protocol.actions import Action, Alarm, Boundary, Lost, Record, Send, Wake
from testbed.protocol.crowd_messages import Asks, Decisions, Posts
from testbed.protocol.lives import Lives
from testbed.protocol.messages import Aired, Down, Moved, Post, Result, Up
from testbed.protocol.rows import UeSlotRow
from ue_agent.crowd.member import CrowdMember

STANDING = ("cpu_free_ns", "radio_free_ns", "present", "last_choice", "next_ns")


class AsksExpired(msgspec.Struct, frozen=True, gc=False):
    """Event: no answer to what was asked in ``slot`` within the decision timeout."""

    slot: int


class OfMember(msgspec.Struct, frozen=True, gc=False):
    """Event: ``event`` of the UE at ``place`` of the crowd is due."""

    place: int
    event: object


class Columns:
    """The state of a crowd's UEs at slot boundaries, an array with a place for each UE; instants in ns.

    A UE to which something has happened is only noted; the arrays follow when they are `true` again.
    """

    def __init__(self, members: Sequence[CrowdMember]) -> None:
        self._members = members
        self._rows = np.zeros((len(STANDING), len(members)), np.int64)
        self.cpu_free_ns, self.radio_free_ns, self.present, self.last_choice, self.next_ns = self._rows
        self.idle = np.zeros(len(members), np.bool_)
        self._touched = set(range(len(members)))
        self.note = self._touched.add

    def true(self) -> "Columns":
        """The arrays, as the UEs stand now."""
        if self._touched:
            places = [*self._touched]
            self._rows[:, places] = np.array([self._members[place].standing() for place in places], np.int64).T
            self._touched.clear()
        return self


class Crowd:
    """``ues`` of one cell with their ``tasks``; otherwise as an `ue_agent.agent.Agent` of each."""

    def __init__(
        self,
        system: System,
        name: str,
        ues: Sequence[Ue],
        tasks: Sequence[Sequence[Task]],
        incarnation: int = 0,
        from_ns: int = 0,
        *,
        outcomes: bool = False,
    ) -> None:
        self.system, self.name, self.incarnation = system, name, incarnation
        self._from_ns, self._outcomes = from_ns, outcomes
        self._members = [
            CrowdMember(system, ue.index, own, incarnation, from_ns, outcomes=outcomes)
            for ue, own in zip(ues, tasks, strict=True)
        ]
        self._place = {ue.name: place for place, ue in enumerate(ues)}
        self._first = ues[0].index
        self._places_of = {ue.index: place for place, ue in enumerate(ues)}
        self._columns = Columns(self._members)
        self._lives = Lives()
        self._shared = system.radio.access == SHARED

    def begin(self) -> list[Action]:
        """The first slot boundary."""
        return [self._boundary(-(-self._from_ns // self.system.slot_ns))]

    def handle(self, now_ns: int, event: object) -> list[Action]:
        """See `testbed.protocol.actions.Core`."""
        match event:
            case OfMember():
                return self._tell(event.place, now_ns, event.event)
            case Result() | Moved() | Aired():
                return self._tell(self._place[event.ue], now_ns, event)
            case Decisions():
                return self._decided(event, now_ns - event.asked_ns)
            case Boundary():
                return self._at_boundary(now_ns, event.slot)
            case AsksExpired():
                return self._fall_back(event.slot, self.system.decision_timeout_ns, "timeout")
            case Down() | Up() | Lost():
                return self._fault(now_ns, event)
        return []

    def revise(self, now_ns: int, system: System, tasks: Sequence[Task]) -> list[Action]:
        """See `testbed.protocol.actions.Core`; ``tasks`` are those of all its UEs, by UE and then by number."""
        self.system = system
        own: list[list[Task]] = [[] for _ in self._members]
        for task in tasks:
            own[self._places_of[task.ue]].append(task)
        parts = [
            self._of(place, member.revise(now_ns, system, own[place])) for place, member in enumerate(self._members)
        ]
        return [*chain.from_iterable(parts)]

    def waits_for(self, alarm: object) -> bool:
        """Whether it still waits for what ``alarm`` would end."""
        return isinstance(alarm, AsksExpired) and any(member.is_asking(alarm.slot) for member in self._members)

    def _boundary(self, slot: int) -> Wake:
        return Wake(slot * self.system.slot_ns, DECIDE, Boundary(slot), self._first)

    def _at_boundary(self, now_ns: int, slot: int) -> list[Action]:
        """Ask for all that stand still at no time now, as long as they have to."""
        asking, goes_on = self._asking(now_ns)
        if not goes_on:
            return []
        columns, following = self._columns.true(), self._boundary(slot + 1)
        queue_ns = np.maximum(0, columns.cpu_free_ns - now_ns)
        wait_ns = np.full_like(queue_ns, -1) if self._shared else np.maximum(0, columns.radio_free_ns - now_ns)
        earlier, undecided = columns.present.copy(), np.zeros(len(self._members), np.int64)
        tasks: list[Task] = []
        for place in np.flatnonzero(asking & (columns.next_ns <= now_ns)).tolist():
            member = self._members[place]
            own = member.take_up(slot, now_ns)
            undecided[place] = len(own)
            tasks += own
            columns.note(place)
        said = self._ask(slot, now_ns, asking, queue_ns, tasks)
        seen = self._seen(slot, now_ns, asking, queue_ns, wait_ns, earlier + undecided, undecided)
        return [*said, *seen, following]

    def _asking(self, now_ns: int) -> tuple[NDArray[np.bool_], bool]:
        """Which UEs ask at a boundary, and whether any may ask at a later one."""
        system, members = self.system, self._members
        if not system.pausing:
            goes_on = self._outcomes or now_ns <= system.boundary_ns(members[0].ue, system.end_ns)
            return np.full(len(members), goes_on), goes_on
        last = [system.boundary_ns(member.ue, system.end_ns) for member in members]
        moving = [open_ns(now_ns, member.ue.pauses_ns) == now_ns for member in members]
        due = [self._outcomes or now_ns <= at for at in last]
        return np.array(moving) & np.array(due), any(due)

    def _seen(
        self,
        slot: int,
        now_ns: int,
        asking: NDArray[np.bool_],
        queue_ns: NDArray[np.int64],
        wait_ns: NDArray[np.int64],
        present: NDArray[np.int64],
        undecided: NDArray[np.int64],
    ) -> Iterable[Record]:
        """The rows of the UEs at a boundary, in the slots of generation, but of those that stay idle."""
        if slot >= self.system.slots:
            return ()
        columns = self._columns
        idle = (wait_ns <= 0) & (queue_ns == 0) & (present == 0) & (undecided == 0)
        places = np.flatnonzero(asking & ~(idle & columns.idle))
        columns.idle = np.where(asking, idle, columns.idle)
        values = (queue_ns, wait_ns, present, undecided)
        return [
            Record(
                UeSlotRow(
                    ue=self._members[place].name,
                    slot=slot,
                    at_ns=now_ns,
                    queue_ns=queue,
                    radio_wait_ns=wait,
                    present=there,
                    undecided=new,
                )
            )
            for place, queue, wait, there, new in zip(
                places.tolist(), *(column[places].tolist() for column in values), strict=True
            )
        ]

    def _ask(
        self, slot: int, now_ns: int, asking: NDArray[np.bool_], queue_ns: NDArray[np.int64], tasks: Sequence[Task]
    ) -> list[Action]:
        if self._lives.is_lost(CONTROLLER):
            return self._fall_back(slot, 0, "controller lost")
        places = np.flatnonzero(asking)
        asks = Asks(
            crowd=self.name,
            slot=slot,
            at_ns=now_ns,
            ues=tuple((places + self._first).tolist()),
            queue_ns=tuple(queue_ns[places].tolist()),
            last_choice=tuple(self._columns.last_choice[places].tolist()),
            tasks=tuple(tasks),
        )
        actions: list[Action] = [Send(to=CONTROLLER, body=asks, at_ns=now_ns, phase=DECIDE, ue=self._first)]
        if tasks:
            actions.append(Alarm(self.system.decision_timeout_ns, AsksExpired(slot)))
        return actions

    def _decided(self, decisions: Decisions, think_ns: int) -> list[Action]:
        actions: list[Action] = []
        for answer, ue in enumerate(decisions.ues):
            place = self._places_of[ue]
            actions += self._of(place, self._members[place].decided(decisions, answer, think_ns))
        return _together(actions)

    def _fall_back(self, slot: int, think_ns: int, why: str) -> list[Action]:
        """Nobody answers what was asked in ``slot``."""
        parts = [
            self._of(place, member.fall_back(slot, think_ns, why))
            for place, member in enumerate(self._members)
            if member.is_asking(slot)
        ]
        return _together(chain.from_iterable(parts))

    def _fault(self, now_ns: int, event: Down | Up | Lost) -> list[Action]:
        """Somebody died, this was detected, or serves again: every UE hears of it, and all detect a death at once."""
        self._lives.take(event)
        actions = [*chain.from_iterable(self._tell(place, now_ns, event) for place in range(len(self._members)))]
        if isinstance(event, Down):
            lost = Lost(event.name, event.at_ns, event.incarnation)
            return [Wake(event.at_ns + self.system.detection_ns, FAULT, lost, self._first)]
        return _together(actions)

    def _tell(self, place: int, now_ns: int, event: object) -> list[Action]:
        return self._of(place, self._members[place].handle(now_ns, event))

    def _of(self, place: int, actions: list[Action]) -> list[Action]:
        """What the UE at ``place`` asks for, as its crowd asks for it."""
        self._columns.note(place)
        return [
            Wake(action.at_ns, action.phase, OfMember(place, action.event), action.ue, action.number)
            if isinstance(action, Wake)
            else action
            for action in actions
        ]


def _together(actions: Iterable[Action]) -> list[Action]:
    """``actions`` with the posts among them that are ready at one instant in one message."""
    others: list[Action] = []
    posts: dict[tuple[str, int], list[Post]] = {}
    for action in actions:
        if isinstance(action, Send) and isinstance(action.body, Post):
            posts.setdefault((action.to, action.at_ns), []).append(action.body)
        else:
            others.append(action)
    sends = [
        Send(to=to, body=_columns_of(ready_ns, several), at_ns=ready_ns, phase=DECIDE, ue=several[0].task.ue)
        for (to, ready_ns), several in posts.items()
    ]
    return [*sends, *others]


def _columns_of(ready_ns: int, posts: Sequence[Post]) -> Posts:
    return Posts(
        ready_ns=ready_ns,
        ues=tuple([post.task.ue for post in posts]),
        numbers=tuple([post.task.number for post in posts]),
        targets=tuple([post.target for post in posts]),
    )
