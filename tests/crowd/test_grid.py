"""The grid of wall time on which crowds, and the ESs of such a run, act."""

import pytest

from edge_server.__main__ import role_of as es_role
from testbed.model.system import Emulation
from testbed.node.clock import Clock
from testbed.node.role import grid_ns
from testbed.node.work import Work, lead_ns
from testbed.protocol.actions import Execute, Send
from testbed.protocol.messages import Heartbeat
from tests.support import MS, system
from ue_agent.crowd.__main__ import role_of as crowd_role

SYSTEM = system((4,))


@pytest.mark.parametrize(("speed", "grid"), [(1.0, 8 * MS), (4.0, 2 * MS), (0.1, 20 * MS)])
def test_the_grid_is_a_125th_of_a_slot_of_wall_time_but_no_more_than_20_ms(speed, grid):
    assert grid_ns(SYSTEM, Emulation(speed=speed, crowds=(2,))) == grid


def test_without_crowds_nobody_waits_for_a_grid():
    emulation = Emulation()
    assert grid_ns(SYSTEM, emulation) == es_role(SYSTEM, emulation).grid_ns == 0
    assert es_role(SYSTEM, emulation).guard_ns == emulation.guard_ns


def test_an_es_waits_so_much_longer_for_what_others_tell_on_their_grid():
    emulation = Emulation(crowds=(2,))
    role = es_role(SYSTEM, emulation)
    assert role.grid_ns == 8 * MS
    assert role.guard_ns == emulation.guard_ns + 8 * MS


def test_crowds_ask_one_after_another_within_a_twentieth_of_a_slot():
    role = crowd_role(SYSTEM, Emulation(crowds=(2,)))
    first, last = role.turn_ns(0, 1000, 1000 * MS), role.turn_ns(1000, 1000, 1000 * MS)
    assert (first, last - first) == (role.boundary_guard_ns, 50 * MS)
    assert not role.executes


@pytest.mark.parametrize("early_ns", [0, 8 * MS])
def test_a_result_is_released_as_much_earlier_as_its_receiver_may_look_later(early_ns):
    timers = []
    work = Work(Clock(0, 1.0), 0.0, lambda wall_ns, call: timers.append(wall_ns), early_ns)
    then = Send(to="ue-1-1", body=Heartbeat(0), at_ns=100 * MS, phase=2)  # type: ignore[arg-type]
    execute = Execute(start_ns=60 * MS, end_ns=100 * MS, cycles=1, ue="ue-1-1", number=0, then=then)
    work.begin(execute, lambda: None)
    assert timers == [100 * MS - lead_ns(40 * MS, 0.0) - early_ns]
