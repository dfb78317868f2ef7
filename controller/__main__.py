"""``python -m controller``: the process that answers every cell from one policy."""

import sys

from controller.policies import load
from controller.server import Server
from testbed.model.system import Emulation, System
from testbed.node.process import Making, entry
from testbed.node.role import Role
from testbed.protocol.actions import Core


def make(making: Making) -> Core:
    """The controller's core; the policy is loaded here, before the run's epoch."""
    policy, _ = load(making.plan.policy)
    return Server(making.plan.system, policy, making.incarnation, making.from_ns)


def role_of(system: System, emulation: Emulation) -> Role:
    """The controller answers as soon as it can."""
    return Role(0, 0, ordered=False, executes=False)


def main(argv: list[str]) -> int:
    """Run the process that ``argv`` names."""
    return entry("controller", make, role_of, argv)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
