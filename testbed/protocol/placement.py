"""Which processes a plan needs on the testbed, and which of its cores live in each (pure)."""

from collections.abc import Mapping

from testbed.model.system import Plan

Hosted = tuple[str, tuple[str, ...]]
Processes = Mapping[str, Hosted]


def hosts_of(plan: Plan) -> Processes:
    """The processes of ESs and UEs: name → (role, names of its cores); ``ues_per_process`` UEs share one."""
    hosts: dict[str, Hosted] = {es.name: ("edge_server", (es.name,)) for es in plan.system.edge_servers}
    names = [ue.name for ue in plan.system.ues]
    pack = plan.emulation.ues_per_process
    for first in range(0, len(names), pack):
        group = tuple(names[first : first + pack])
        hosts[group[0] if pack == 1 else f"ues-{first // pack + 1}"] = ("ue_agent", group)
    return hosts


def processes_of(plan: Plan) -> Processes:
    """Every process of a run, likewise."""
    processes: dict[str, Hosted] = {"controller": ("controller", ("controller",)), **hosts_of(plan)}
    for name in plan.learners:
        processes[name] = ("controller.online", (name,))
    return processes
