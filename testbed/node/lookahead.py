"""What an ES may still be told that takes effect before an instant: the lookahead of conservative simulation (pure).

An ES must act on its events in ideal order, so before it acts at instant t it has to know that nothing earlier is still
on its way to it. Most of that follows from the plan and from what was heard already (Chandy and Misra, 1979):

- **Posts.** The plan says which tasks each UE of the cell asks about, and when. Until that task was posted, or the
  controller said that its UE keeps it (`Kept`), it may arrive, but no earlier than a whole airtime after it was asked.
- **Forwards.** Another ES sends a task on only while its expected wait is above the threshold, and that wait cannot
  exceed the backlog it announced and all work that has appeared since. Where agents choose the target, it may send on
  whatever is in the air. A forward takes effect a backhaul's latency after it was sent.
- **Planned deaths.** Until the notice has come, a UE of the cell may have died with bits on the radio.

What no rule excludes is waited for, but never longer than a guard of wall time after the ideal instant. Deaths that
nobody planned, and messages that are later still, make slips: nothing here is needed for anything but punctuality.
"""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import groupby
from operator import attrgetter, itemgetter

import msgspec

from testbed.model.system import Fault, Plan, System
from testbed.model.task import Task
from testbed.node.forwards import Forwards
from testbed.node.posts import AwaitedPosts
from testbed.protocol.messages import Announce, Down, Kept, Post, Up

_PATIENCE = 2


class Lookahead:
    """What the ES of index ``es`` may still be told in ``plan``; it waits for that no longer than ``guard_ns`` of wall
    time."""

    def __init__(self, plan: Plan, es: int, guard_ns: int) -> None:
        emulation, system = plan.emulation, plan.system
        self._guard_ns = guard_ns
        patience_ns = int(_PATIENCE * system.decision_timeout_ns * emulation.speed)
        self._posts = AwaitedPosts(system, es, patience_ns)
        self._deaths = Deaths(system, es, plan.faults, patience_ns)
        self._forwards = Forwards(system, es) if plan.second_offload and len(system.edge_servers) > 1 else None
        self._forward_wait_ns = max(0, self._guard_ns - int(system.backhaul.latency_ns / emulation.speed))
        self._es = es
        self._asked, self._next, self._seen_ns = _asked(plan, es), 0, -1

    def follow(self, plan: Plan) -> None:
        """The plan changes from some instant to come on."""
        self._posts.follow(plan.system, {(task.ue, task.number): task for task in plan.workload})
        if self._forwards is not None:
            self._forwards.follow(plan.system)
        seen = {(asked.at_ns, task) for asked in self._asked[: self._next] for task in asked.tasks}
        self._asked = _asked(plan, self._es)
        self._next = bisect_right(self._asked, self._seen_ns, key=attrgetter("at_ns"))
        for asked in self._asked[: self._next]:
            new = [task for task in asked.tasks if (asked.at_ns, task) not in seen]
            if new:
                self._heed(_together(plan.system, self._es, asked.at_ns, new))

    def _heed(self, asked: "_Asked") -> None:
        for task in asked.own:
            self._posts.asked(task, asked.at_ns)
        if self._forwards is not None:
            self._forwards.asked(asked.at_ns, asked.cycles, asked.largest_cycles)

    def hear(self, body: object) -> None:
        """A message came to hand, or the ES itself announces."""
        match body:
            case Post():
                self._posts.posted(body.task)
            case Kept():
                self._posts.kept(body)
            case Announce():
                if self._forwards is not None:
                    self._forwards.announced(body)
            case Down() | Up():
                self._fault(body)

    def _fault(self, notice: Down | Up) -> None:
        self._posts.fault(notice)
        self._deaths.hear(notice)
        if self._forwards is not None:
            self._forwards.fault(notice)

    def wait_ns(self, at_ns: int) -> int:
        """How long after its ideal instant (wall time) an event of ``at_ns`` must wait, as far as is known now."""
        self._appear(at_ns)
        if self._posts.outstanding(at_ns) or self._deaths.outstanding(at_ns):
            return self._guard_ns
        if self._forwards is not None and self._forwards.possible(at_ns):
            return self._forward_wait_ns
        return 0

    def _appear(self, at_ns: int) -> None:
        """The tasks that are asked about by ``at_ns``."""
        self._seen_ns = max(self._seen_ns, at_ns)
        while self._next < len(self._asked):
            asked = self._asked[self._next]
            if asked.at_ns > at_ns:
                return
            self._next += 1
            self._heed(asked)


class _Asked(msgspec.Struct, frozen=True):
    """All ``tasks`` that are asked about at one instant: those of the ``own`` cell, and the cycles of all together."""

    at_ns: int
    tasks: tuple[Task, ...]
    own: tuple[Task, ...]
    cycles: int
    largest_cycles: int


def _asked(plan: Plan, es: int) -> list[_Asked]:
    """What is asked about at each instant, in order."""
    asked = sorted(((plan.system.asked_ns(task), task) for task in plan.workload), key=itemgetter(0))
    by_instant = groupby(asked, key=itemgetter(0))
    return [_together(plan.system, es, at_ns, [task for _, task in several]) for at_ns, several in by_instant]


def _together(system: System, es: int, at_ns: int, tasks: Sequence[Task]) -> _Asked:
    cycles = [task.cycles for task in tasks]
    own = tuple([task for task in tasks if system.ues[task.ue].cell == es])
    return _Asked(at_ns, tuple(tasks), own, sum(cycles), max(cycles))


class Deaths:
    """Planned deaths that matter to the ES of index ``es`` and of which no notice has come."""

    def __init__(self, system: System, es: int, faults: Sequence[Fault], patience_ns: int) -> None:
        self._patience_ns = patience_ns
        cell = {ue.name: 0 for ue in system.cell_ues(es)}
        known_after = cell | {one.name: system.detection_ns for one in system.edge_servers if one.index != es}
        self._expected = sorted(
            (fault.at_ns + known_after[fault.name], fault.name) for fault in faults if fault.name in known_after
        )

    def hear(self, notice: Down | Up) -> None:
        """The notice of a death, planned or not, or of a return."""
        if isinstance(notice, Down):
            expected = next((one for one in self._expected if one[1] == notice.name), None)
            if expected is not None:
                self._expected.remove(expected)

    def outstanding(self, at_ns: int) -> bool:
        """Whether a death that takes effect by ``at_ns`` may not have been told yet."""
        while self._expected and self._expected[0][0] + self._patience_ns < at_ns:
            self._expected.pop(0)
        return bool(self._expected) and self._expected[0][0] <= at_ns
