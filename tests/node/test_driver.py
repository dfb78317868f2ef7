"""The wall-clock driver by a clock that only the test moves: whole runs in one thread, late shares, timers, the end."""

import msgspec
import pytest

from controller.__main__ import role_of as controller_role
from controller.server import DecisionServer
from edge_server.__main__ import role_of as es_role
from edge_server.server import Server as EdgeServer
from testbed.analysis.replay import recorded_answers
from testbed.model.system import Emulation
from testbed.model.task import Phase
from testbed.node.clock import Clock
from testbed.node.host import Host
from testbed.node.work import Work
from testbed.policy.loading import load
from testbed.protocol.actions import Alarm, Execute, Send
from testbed.protocol.messages import Heartbeat, Stop
from testbed.protocol.rows import EventRow, Row, TaskRow, rows_by_task
from testbed.sim.simulation import simulate
from tests.node.fake_wall import Net, world
from tests.protocol.honest import wrapped
from tests.support import MS, plan, region
from ue_agent.__main__ import role_of as ue_role
from ue_agent.agent import Agent

__all__ = ("world",)
LEAD_IN_NS = 50 * MS
QUIET = Emulation(burn=0.0, spin_ns=0)
MEASURED = {"measured_ns", "emulation_ns", "energy_measured_j", "overhead", "state"}


def fleet(world, made, net):
    """A host for each UE, ES and the controller of a plan, and the rows that they record."""
    system, hosts = made.system, []
    rows: list[Row] = []
    clock = Clock(world.wall.now_ns + LEAD_IN_NS, made.emulation.speed)
    tasks = made.tasks_by_ue()

    def add(core, role):
        hosts.append(Host(made, clock, net.mail(core.name), role, rows.append))
        hosts[-1].add(core, 0)

    add(DecisionServer(system, load(made.policy)[0]), controller_role(system, made.emulation))
    for es in system.edge_servers:
        core = EdgeServer(system, es.index, second_offload=made.second_offload)
        add(core, es_role(system, made.emulation))
    for ue in system.ues:
        add(Agent(system, ue.index, tasks[ue.index]), ue_role(system, made.emulation))
    return hosts, rows, clock


def ideal(row):
    """What does not depend on the wall: all but what was measured."""
    return {name: value for name, value in msgspec.structs.asdict(row).items() if name not in MEASURED}


@pytest.mark.parametrize(
    ("policy", "access"), [("greedy-do", "dedicated"), ("greedy-do", "shared"), ("lc", "dedicated")]
)
@pytest.mark.parametrize("speed", [1.0, 8.0])
def test_a_run_on_a_wall_clock_is_the_simulated_one_to_the_nanosecond(world, policy, access, speed):
    system, tasks = region(slots=8, access=access)
    made = msgspec.structs.replace(plan(system, tasks, policy), emulation=msgspec.structs.replace(QUIET, speed=speed))
    hosts, rows, clock = fleet(world, made, Net(world.wall))
    world.play(hosts, clock.wall_ns(2 * system.end_ns))
    last = rows_by_task(row for row in rows if isinstance(row, TaskRow))
    assert len(last) == len(tasks) and all(row.finished_ns >= 0 for row in last.values())
    for row in simulate(made, None, recorded_answers(last.values())).tasks:
        assert ideal(last[row.ue, row.number]) == ideal(row)
    assert all(host.lateness.slips.total() == 0 and host.mailbox.dropped == 0 for host in hosts)


class Executor:
    """A core that executes once, and answers an alarm by word of it."""

    name = "es-1"

    def __init__(self, execute):
        self.execute, self.heard = execute, []

    def begin(self):
        return [self.execute, Alarm(3 * MS, "ring")]

    def handle(self, now_ns, event):
        self.heard.append((now_ns, event))
        return []

    def revise(self, now_ns, system, tasks):
        return []


def executing(world, length_ns, burn, **burner):
    """A host that executes for ``length_ns`` from instant 0 and tells the launcher, played until it is told to stop."""
    system, _ = region(slots=2)
    made = plan(system, ())
    then = Send(to="launcher", body=Heartbeat(7), at_ns=length_ns, phase=Phase.ARRIVAL)
    core = Executor(Execute(start_ns=0, end_ns=length_ns, cycles=length_ns, ue="ue-1-1", number=0, then=then))
    net = Net(world.wall)
    mail = net.mail(core.name)
    emulation = msgspec.structs.replace(QUIET, burn=burn)
    epoch = world.wall.now_ns
    one = Host(
        msgspec.structs.replace(made, emulation=emulation),
        Clock(epoch, 1.0),
        mail,
        es_role(system, emulation),
        print,
    )
    for made in world.burners:
        vars(made).update(burner)
    one.add(core, 0)
    released = []
    watch = mail.post

    def post(envelope):
        released.append(world.wall.now_ns - epoch)
        watch(envelope)

    mail.post = post
    stop = wrapped("launcher", Send(to=core.name, body=Stop(0, "over"), at_ns=0, phase=Phase.FAULT))
    world.wall.at(epoch + 2 * length_ns, lambda: mail.inbox.append(stop))
    assert one.run() == stop.body
    rows = {row.kind: row for row in one.statistics("es-1") if isinstance(row, EventRow)}
    one.close()
    return released, core, rows


@pytest.mark.parametrize(
    ("burn", "burner", "released_ms", "achieved"),
    [
        (0.0, {}, 90, 0.0),  # by the timer alone, a lead before the end
        (0.5, {}, 90, 0.05),  # when its share is burnt, halfway through what is not
        (0.5, {"late_ns": 4 * MS}, 94, 0.05),  # a late share is waited for …
        (0.5, {"late_ns": 20 * MS}, 97.5, 0.05),  # … but no longer than a quarter of the lead before the end
        (0.5, {"takes": 0}, 90, 0.0),  # a burner that takes no more is not waited for
        (0.5, {"share": 0.5}, 90, 0.025),
    ],
)
def test_a_result_leaves_when_its_share_is_burnt_and_never_after_its_end(world, burn, burner, released_ms, achieved):
    released, _, rows = executing(world, 100 * MS, burn, **burner)
    assert released == [released_ms * MS]
    assert float(rows["burn"].detail) == pytest.approx(achieved)
    assert rows["burn"].value == pytest.approx(0.1 * burn)
    assert all(one.closed for one in world.burners)


def test_an_alarm_rings_on_the_wall_clock(world):
    _, core, _ = executing(world, 100 * MS, 0.0)
    assert core.heard == [(3 * MS, "ring")]


def test_what_is_done_every_so_often_is_done_on_time_until_the_end(world):
    system, _ = region(slots=2)
    mail = Net(world.wall).mail("es-1")
    one = Host(plan(system, ()), Clock(world.wall.now_ns, 1.0), mail, es_role(system, QUIET), print)
    begin, times = world.wall.now_ns, []
    one.every(10 * MS, lambda: times.append(world.wall.now_ns - begin), 4 * MS)
    stop = wrapped("launcher", Send(to="es-1", body=Stop(0, "over"), at_ns=0, phase=Phase.FAULT))
    world.wall.at(begin + 30 * MS, lambda: mail.inbox.append(stop))
    assert one.run().reason == "over"
    assert times == [4 * MS, 14 * MS, 24 * MS]
    one.close()


def test_without_burning_there_is_nothing_to_wait_for(world):
    work = Work(Clock(world.wall.now_ns, 1.0), 0.0, lambda wall_ns, call: None)
    work.collect()
    work.finish()
    work.close()
    assert work.fd == -1 and work.achieved_ns == 0 and world.burners == []
