"""The cores of a plan's processes, by name."""

from collections.abc import Sequence

from controller.server import DecisionServer as Controller
from edge_server.server import Server as EdgeServer
from testbed.model.system import CONTROLLER, Plan
from testbed.model.task import Task
from testbed.planning.acting import acting
from testbed.policy.heuristics import Policy
from ue_agent.agent import Agent
from ue_agent.resilient import agent_of

AnyCore = Controller | EdgeServer | Agent


def core_of(
    plan: Plan, policy: Policy | None, name: str, tasks: Sequence[Task], *, incarnation: int, from_ns: int
) -> AnyCore:
    """The core of the process ``name``, which as a UE has ``tasks``, in a life of its own from ``from_ns`` on."""
    system = plan.system
    if name == CONTROLLER:
        return Controller(system, acting(plan, policy), incarnation, from_ns)  # type: ignore[arg-type]
    for es in system.edge_servers:
        if es.name == name:
            double = plan.by_rule
            return EdgeServer(system, es.index, second_offload=double, incarnation=incarnation, from_ns=from_ns)
    index = next(ue.index for ue in system.ues if ue.name == name)
    return agent_of(system, index, tasks, incarnation, from_ns, outcomes=plan.learn)
