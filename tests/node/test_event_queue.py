"""When an event is acted on, by a clock that only the test moves: what it waits for, how late it was, what slipped."""

import msgspec
import pytest

from testbed.model.delay import NEVER, NS_PER_S
from testbed.model.system import Emulation, Plan
from testbed.model.task import Phase
from testbed.node.clock import Clock
from testbed.node.event_queue import GUARDS_OF_PATIENCE, EventQueue
from testbed.node.lateness import LatenessMeter
from testbed.node.lookahead import Lookahead
from testbed.node.role import Role
from testbed.protocol.actions import Boundary
from testbed.protocol.messages import Announce, Kept
from tests.support import MS, system, task_of

GUARD, BOUNDARY_GUARD = 2 * MS, MS // 5
AIRTIME = 10 * MS
UNHEARD = task_of(0, 0, bits=80_000)


class Event(msgspec.Struct, frozen=True):
    """Something that an ES acts on."""

    awaits: bool = False


class Es:
    """A core that decides nothing, and awaits what its events say."""

    name = "es-1"
    settled = NEVER

    def begin(self):
        return []

    def handle(self, now_ns, event):
        return []

    def revise(self, now_ns, system, tasks):
        return []

    def settled_ns(self, event):
        return self.settled

    def awaits(self, at_ns, event):
        return isinstance(event, Event) and event.awaits


class Bench:
    """The events of one ES whose cell has asked about ``tasks`` at instant 0."""

    def __init__(self, *tasks, speed=1.0, ordered=True, looks=True):
        made = msgspec.structs.replace(system((2,)), decision_timeout_ns=NS_PER_S)
        plan = Plan(
            system=made,
            workload=tasks,
            policy="greedy",
            second_offload=False,
            emulation=Emulation(speed=speed, guard_ns=GUARD),
        )
        self.lateness, self.core = LatenessMeter(), Es()
        role = Role(guard_ns=GUARD, boundary_guard_ns=BOUNDARY_GUARD, ordered=ordered, executes=False)
        self.events = EventQueue(Clock(0, speed), role, self.lateness)
        self.events.know(self.core, Lookahead(plan, 0, plan.emulation.guard_ns) if looks else None)

    def push(self, at, event=None, phase=Phase.ARRIVAL):
        self.events.push(at, phase, 0, 0, self.core, event or Event())

    def popped(self, wall_ns):
        """What is due by then, which there is."""
        due = self.events.pop(wall_ns)
        assert due is not None
        return due

    def late(self, kind="Event"):
        return self.lateness.histograms[kind].maximum


def test_an_event_before_which_nothing_can_come_is_due_at_its_instant():
    bench = Bench(speed=4.0)
    bench.push(40 * MS)
    assert bench.events.due_wall_ns() == 10 * MS
    assert bench.events.pop(10 * MS - 1) is None
    assert bench.popped(10 * MS).at_ns == 40 * MS
    assert bench.events.due_wall_ns() == NEVER and bench.events.held_wall_ns == -1


@pytest.mark.parametrize(("tasks", "looks"), [((UNHEARD,), True), ((), False)])
def test_an_event_waits_a_guard_for_what_may_come_before_it(tasks, looks):
    bench = Bench(*tasks, looks=looks)
    bench.push(AIRTIME)
    assert bench.events.due_wall_ns() == AIRTIME + GUARD


def test_it_is_released_by_the_message_it_waits_for_and_not_late_for_that():
    bench = Bench(UNHEARD)
    bench.push(AIRTIME)
    assert bench.events.pop(AIRTIME) is None
    bench.events.hear(bench.core, Kept(0, (0,)))
    assert bench.events.due_wall_ns() == AIRTIME
    assert bench.popped(AIRTIME + MS).wall_ns == AIRTIME + MS
    assert bench.late() == 0 and bench.events.held_wall_ns == AIRTIME + MS


def test_it_is_late_from_the_end_of_the_guard_if_nothing_came():
    bench = Bench(UNHEARD)
    bench.push(AIRTIME)
    assert bench.events.pop(AIRTIME + GUARD - 1) is None
    assert bench.events.pop(AIRTIME + GUARD + 7) is not None
    assert bench.late() == 7 and bench.events.held_wall_ns == AIRTIME + GUARD


def test_it_is_late_from_its_instant_if_it_need_not_wait():
    bench = Bench()
    bench.push(AIRTIME)
    assert bench.events.pop(AIRTIME - 1) is None
    assert bench.events.pop(AIRTIME + 7) is not None
    assert bench.late() == 7


def test_an_earlier_event_that_comes_meanwhile_goes_first():
    bench = Bench(UNHEARD)
    bench.push(AIRTIME + MS)
    assert bench.events.pop(AIRTIME + MS) is None
    bench.push(AIRTIME)
    bench.events.hear(bench.core, Kept(0, (0,)))
    assert [bench.popped(AIRTIME + 2 * MS).at_ns for _ in range(2)] == [AIRTIME, AIRTIME + MS]
    assert not bench.lateness.slips


def test_a_slot_boundary_waits_for_little_and_takes_along_what_comes_before_it():
    bench = Bench(task_of(0, 0, bits=8_000_000 - 8_000))
    bench.push(NS_PER_S, Boundary(1), Phase.ANNOUNCE)
    bench.push(NS_PER_S - MS)
    assert bench.events.due_wall_ns() == NS_PER_S + BOUNDARY_GUARD
    assert bench.events.pop(NS_PER_S + BOUNDARY_GUARD) is not None
    assert bench.popped(NS_PER_S + BOUNDARY_GUARD).event == Boundary(1)


def test_what_must_be_judged_by_others_waits_longer():
    bench = Bench()
    bench.push(AIRTIME, Event(awaits=True))
    assert bench.events.due_wall_ns() == AIRTIME + (1 + GUARDS_OF_PATIENCE) * GUARD
    bench.push(AIRTIME + MS, Boundary(1), Phase.ANNOUNCE)
    assert bench.events.due_wall_ns() == AIRTIME + MS + BOUNDARY_GUARD + GUARDS_OF_PATIENCE * GUARD


@pytest.mark.parametrize(("settled", "slips"), [(NEVER, 1), (MS, 0)])
def test_what_comes_after_its_turn_slips_if_it_would_have_changed_something(settled, slips):
    bench = Bench()
    bench.core.settled = settled
    bench.push(3 * MS)
    bench.events.pop(3 * MS)
    bench.push(2 * MS, Announce(es="es-1", slot=0, at_ns=2 * MS), Phase.ANNOUNCE)
    assert bench.popped(4 * MS).at_ns == (3 * MS if slips else 2 * MS)
    assert bench.lateness.slips.total() == slips


def test_unordered_cores_wait_for_nobody_but_their_guard():
    bench = Bench(UNHEARD, ordered=False)
    bench.push(AIRTIME)
    assert bench.events.due_wall_ns() == AIRTIME + GUARD
