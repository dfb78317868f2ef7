"""``python -m ue_agent``: a process of one UE, or of many."""

import sys

from testbed.model.system import Emulation, System
from testbed.node.process import Making, entry
from testbed.node.role import Role
from testbed.protocol.actions import Core
from testbed.protocol.messages import Outcome
from testbed.protocol.rows import TaskRow
from ue_agent.agent import Agent
from ue_agent.report import measured, measured_outcome


def make(making: Making) -> Core:
    """The core of one UE."""
    system = making.plan.system
    index = making.tasks[0].ue if making.tasks else next(ue.index for ue in system.ues if ue.name == making.name)
    return Agent(system, index, making.tasks, making.incarnation, making.from_ns, outcomes=making.plan.learn)


def role_of(system: System, emulation: Emulation) -> Role:
    """UEs act at the ideal instant; a finished task is measured when it really ended."""
    ues = {ue.name: ue for ue in system.ues}

    def measure(row: TaskRow, actual_ns: int) -> TaskRow:
        return measured(row, actual_ns, ues[row.ue])

    def measure_outcome(outcome: Outcome, actual_ns: int) -> Outcome:
        return measured_outcome(outcome, actual_ns, ues[outcome.ue])

    return Role(
        guard_ns=0,
        boundary_guard_ns=300_000,
        ordered=False,
        executes=True,
        measure=measure,
        measure_outcome=measure_outcome,
    )


def main(argv: list[str]) -> int:
    """Run the process that ``argv`` names."""
    return entry("ue_agent", make, role_of, argv)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
