"""A role's process on a clock that only the test moves: it reports, waits for its epoch, plays, tells, leaves."""

import signal

import msgspec
import pytest

from testbed.model.delay import NS_PER_S
from testbed.model.system import Plan
from testbed.model.task import Phase
from testbed.node import process
from testbed.node.assignment import Assignment, pieces
from testbed.node.credentials import PLACES
from testbed.node.process import Process, enter
from testbed.protocol import messages
from testbed.protocol.actions import Send
from testbed.protocol.messages import Heartbeat, Hello, Moved, Ready, Revise, Rows, Start, Stop
from testbed.protocol.place import Place
from testbed.protocol.rows import STALE, EventRow, TaskRow
from tests.node.fake_wall import Net, world
from tests.protocol.honest import wrapped
from tests.support import MS, plan, region
from ue_agent.__main__ import make, role_of

__all__ = ("world",)
NAME = "ue-1-1"


class Orders(Net):
    """A net, and the plan that is to be played on it."""

    def __init__(self, wall, plan):
        super().__init__(wall)
        self.plan = plan


@pytest.fixture
def net(world, tmp_path, monkeypatch):
    """A net whose mailboxes a `Process` gets; its orders lie in the working directory."""
    system, tasks = region(slots=8)
    made = plan(system, tasks)
    emulation = msgspec.structs.replace(made.emulation, burn=0.0, spin_ns=0)
    made = msgspec.structs.replace(made, emulation=emulation)
    (tmp_path / PLACES).parent.mkdir()
    (tmp_path / PLACES).write_bytes(msgspec.msgpack.encode({NAME: Place("ipc://nowhere", "ipc://nowhere")}))
    monkeypatch.setattr(process, "read_token", lambda: b"token")
    monkeypatch.chdir(tmp_path)
    found = Orders(world.wall, made)
    monkeypatch.setattr(process, "Mailbox", lambda *args, **options: found.mail(NAME))
    monkeypatch.setattr(process, "tame_garbage", lambda: None)
    return found


def order(world, net, wall_ns, **changes):
    """Let the launcher tell the process what to play, in pieces."""
    orders = Assignment(plan=net.plan, processes={NAME: (NAME,)})
    for piece in pieces(msgspec.msgpack.encode(msgspec.structs.replace(orders, **changes)), messages.Orders):
        told(world, net, wall_ns, piece)


def told(world, net, wall_ns, body):
    """Let the launcher tell the process ``body`` at ``wall_ns``."""
    envelope = wrapped("launcher", Send(to=NAME, body=body, at_ns=0, phase=Phase.FAULT))
    world.wall.at(wall_ns, lambda: net.mails[NAME].inbox.append(envelope))


def bodies(net, kind, to="launcher"):
    """What was told ``to``, of one kind, in order."""
    return [one.body for one in net.elsewhere[to] if isinstance(one.body, kind)]


def test_a_process_reports_plays_from_its_epoch_and_leaves(world, net):
    begin = world.wall.now_ns
    epoch = begin + 500 * MS
    order(world, net, begin + 50 * MS)
    told(world, net, begin + 100 * MS, Start(epoch_monotonic_ns=epoch, speed=1.0))
    told(world, net, epoch + 30 * NS_PER_S, Stop(0, "the run is over"))
    prepared: list[Plan] = []
    made = Process(NAME, "ue_agent", 0)
    made.run(make, role_of, prepared.append)
    world.wall.advance(world.wall.now_ns)
    assert prepared == [made.orders.plan]
    assert bodies(net, Hello)[0].name == NAME and len(bodies(net, Ready)) == 1
    assert bodies(net, Heartbeat, "controller") and bodies(net, Heartbeat, "es-1")
    assert not bodies(net, Heartbeat, "es-2")  # never spoken to by this one
    rows = [row for body in bodies(net, Rows) for row in body.rows]
    tasks = {row.number: row for row in rows if isinstance(row, TaskRow)}
    assert len(tasks) == len(made.orders.plan.tasks_by_ue()[0]) > 0
    assert all(row.finished_ns >= 0 and row.fallback for row in tasks.values())  # nobody answered: local, in the end
    assert {row.kind for row in rows if isinstance(row, EventRow)} >= {"slipped", "burn", "lateness"}
    assert world.wall.now_ns == epoch + 30 * NS_PER_S


def test_a_process_that_plays_again_sends_the_stop_back_and_waits(world, net):
    begin = world.wall.now_ns
    order(world, net, begin)
    told(world, net, begin + MS, Start(epoch_monotonic_ns=begin + 10 * MS, speed=1.0))
    told(world, net, begin + NS_PER_S, Stop(0, "one more", again=True))
    body = Moved("ue-1-1", 0, "es-1", 0)
    late = wrapped("es-1", Send(to=NAME, body=body, at_ns=0, phase=Phase.ARRIVAL))
    world.wall.at(begin + NS_PER_S + MS, lambda: net.mails[NAME].inbox.append(late))
    told(world, net, begin + 2 * NS_PER_S, Start(epoch_monotonic_ns=begin + 3 * NS_PER_S, speed=1.0))
    told(world, net, begin + 4 * NS_PER_S, Stop(0, "enough"))
    Process(NAME, "ue_agent", 0).run(make, role_of)
    world.wall.advance(world.wall.now_ns)
    assert [body.reason for body in bodies(net, Stop)] == ["one more"]
    stale = [row for body in bodies(net, Rows) for row in body.rows if isinstance(row, EventRow) and row.kind == STALE]
    assert [(row.detail, row.value) for row in stale] == [("while no episode is played", 1)]


def test_a_process_that_is_stopped_before_its_start_leaves(world, net):
    told(world, net, world.wall.now_ns + 5 * NS_PER_S, Stop(0, "no run"))
    made = Process(NAME, "ue_agent", 0)
    made.run(make, role_of)
    world.wall.advance(world.wall.now_ns)
    assert not bodies(net, Rows)
    assert len(bodies(net, Hello)) > 1  # asked again, as nobody answered


def test_a_revision_that_is_none_is_dropped_before_the_start_and_after_it(world, net):
    """As a member that goes wrong might send it in the launcher's name."""
    begin = world.wall.now_ns
    order(world, net, begin)
    told(world, net, begin + MS, Revise(0, 1, b"\xc1"))
    told(world, net, begin + 2 * MS, Start(epoch_monotonic_ns=begin + 10 * MS, speed=1.0))
    told(world, net, begin + NS_PER_S, Revise(0, 1, b"\x93\xff"))
    told(world, net, begin + 2 * NS_PER_S, Stop(0, "enough"))
    Process(NAME, "ue_agent", 0).run(make, role_of)
    assert net.mails[NAME].dropped == 2 and net.mails[NAME].last_error.startswith("Revise of launcher: ")


def test_a_process_is_not_started_where_there_are_no_orders(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(signal, "signal", lambda number, handler: None)
    assert enter("ue_agent", ["--run", str(tmp_path), "--name", NAME], print) == 2
    assert "runs are started by `testbed run`" in caplog.text
