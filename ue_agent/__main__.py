"""``python -m ue_agent``: a process of one UE, or of many."""

import sys

from testbed.model.system import Emulation, System
from testbed.node.process import Making, entry
from testbed.node.role import Role
from testbed.protocol.actions import Core
from ue_agent.resilient import agent_of


def make(making: Making) -> Core:
    """The core of one UE."""
    system = making.plan.system
    index = making.tasks[0].ue if making.tasks else next(ue.index for ue in system.ues if ue.name == making.name)
    return agent_of(system, index, making.tasks, making.incarnation, making.from_ns, outcomes=making.plan.learn)


def role_of(system: System, emulation: Emulation) -> Role:
    """UEs act at the ideal instant."""
    return Role(guard_ns=0, boundary_guard_ns=300_000, ordered=False, executes=True)


def main(argv: list[str]) -> int:
    """Run the process that ``argv`` names."""
    return entry("ue_agent", make, role_of, argv)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
