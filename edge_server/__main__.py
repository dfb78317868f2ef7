"""``python -m edge_server``: the process of one ES."""

import sys

from edge_server.server import Server
from testbed.model.system import Emulation, System
from testbed.node.process import Making, entry
from testbed.node.role import Role, grid_ns
from testbed.protocol.actions import Core


def make(making: Making) -> Core:
    """The core of one ES."""
    plan = making.plan
    index = next(es.index for es in plan.system.edge_servers if es.name == making.name)
    return Server(
        plan.system, index, second_offload=plan.by_rule, incarnation=making.incarnation, from_ns=making.from_ns
    )


def role_of(system: System, emulation: Emulation) -> Role:
    """ESs act in ideal order, a guard after the ideal instant; where there are crowds, on their grid, so that what
    another tells may be later by that much."""
    grid = grid_ns(system, emulation)
    guard = emulation.guard_ns + grid
    return Role(guard_ns=guard, boundary_guard_ns=200_000, ordered=True, executes=True, grid_ns=grid)


def main(argv: list[str]) -> int:
    """Run the process that ``argv`` names."""
    return entry("edge_server", make, role_of, argv)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
