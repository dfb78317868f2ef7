"""``python -m ue_agent.crowd``: the process of a crowd."""

import sys

from testbed.model.system import Emulation, System
from testbed.node.process import Making, entry
from testbed.node.role import Role, grid_ns
from testbed.protocol.actions import Core
from testbed.protocol.placement import crowds_of
from ue_agent.crowd.crowd import Crowd


def make(making: Making) -> Core:
    """The core of a crowd."""
    plan = making.plan
    ues, tasks = crowds_of(plan)[making.name], plan.tasks_by_ue()
    own = [tasks[ue.index] for ue in ues]
    return Crowd(plan.system, making.name, ues, own, making.incarnation, making.from_ns, outcomes=plan.learn)


def role_of(system: System, emulation: Emulation) -> Role:
    """A crowd acts at the ideal instant, or at the next instant of a grid of wall time, and executes nothing."""
    grid = grid_ns(system, emulation)
    return Role(guard_ns=0, boundary_guard_ns=300_000, ordered=False, executes=False, grid_ns=grid)


def main(argv: list[str]) -> int:
    """Run the process that ``argv`` names."""
    return entry("ue_agent.crowd", make, role_of, argv)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
