"""The wall-clock driver by a clock that only the test moves: whole runs in one thread, late shares, timers, the end."""

import msgspec
import pytest

from controller.__main__ import role_of as controller_role
from controller.server import DecisionServer
from edge_server.__main__ import role_of as es_role
from edge_server.server import Server as EdgeServer
from testbed.analysis.replay import recorded_answers
from testbed.model.system import Emulation
from testbed.node.clock import Clock
from testbed.node.host import Host
from testbed.policy.loading import load
from testbed.protocol.rows import TaskRow
from testbed.sim.simulation import simulate
from tests.node.fake_wall import Net, world
from tests.support import MS, plan, region
from ue_agent.__main__ import role_of as ue_role
from ue_agent.agent import Agent

__all__ = ("world",)
LEAD_IN_NS = 50 * MS
QUIET = Emulation(burn=0.0, spin_ns=0)
MEASURED = {"measured_ns", "emulation_ns", "energy_measured_j", "overhead", "state"}


def fleet(world, made, net):
    """A host for each UE, ES and the controller of a plan, and the rows that they record."""
    system, rows, hosts = made.system, [], []
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
    last = {(row.ue, row.number): row for row in rows if isinstance(row, TaskRow)}
    assert len(last) == len(tasks) and all(row.finished_ns >= 0 for row in last.values())
    for row in simulate(made, None, recorded_answers(last.values())).tasks:
        assert ideal(last[row.ue, row.number]) == ideal(row)
    assert all(host.lateness.slips.total() == 0 and host.mailbox.dropped == 0 for host in hosts)
