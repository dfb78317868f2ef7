"""``python -m controller``: the process that answers every cell from one policy."""

import sys
import time

from controller.notices import notices_of
from controller.server import DecisionServer
from testbed.model.system import Emulation, Plan, System
from testbed.node.process import Making, entry
from testbed.node.role import Role
from testbed.planning.acting import acting
from testbed.policy.heuristics import Policy
from testbed.policy.loading import load
from testbed.protocol.actions import Core


def make(making: Making) -> Core:
    """The controller's core."""
    return DecisionServer(making.plan.system, acting_in(making.plan), making.incarnation, making.from_ns)


def acting_in(plan: Plan) -> Policy:
    """The policy that answers in a run of ``plan``; made once before the run's epoch too, so that its modules and its
    compiled code are there when it begins."""
    policy = acting(plan, policy_of(plan), time.monotonic_ns)
    assert policy is not None
    return policy


def policy_of(plan: Plan) -> Policy:
    """The policy that ``plan`` names."""
    if plan.learn:
        from controller.online.start import behaviour

        return behaviour(plan)
    return load(plan.policy)[0]


def role_of(system: System, emulation: Emulation) -> Role:
    """The controller answers as soon as it can, and tells ESs which tasks will not come."""
    return Role(guard_ns=0, boundary_guard_ns=0, ordered=False, executes=False, notices=notices_of(system))


def main(argv: list[str]) -> int:
    """Run the process that ``argv`` names."""
    return entry("controller", make, role_of, argv, acting_in)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
