"""Which processes a plan needs on the testbed, and which of its cores live in each (pure)."""

from collections.abc import Iterator, Mapping

from testbed.model.system import Plan, Ue

Hosted = tuple[str, tuple[str, ...]]
Processes = Mapping[str, Hosted]

CROWD_ROLE = "ue_agent.crowd"
MOST_IN_A_CROWD = 1000


def hosts_of(plan: Plan) -> Processes:
    """The processes of ESs and UEs: name → (role, names of its cores); ``ues_per_process`` UEs share one, and all of a
    crowd."""
    hosts: dict[str, Hosted] = {es.name: ("edge_server", (es.name,)) for es in plan.system.edge_servers}
    crowds = crowds_of(plan)
    crowded = {ue.name for ues in crowds.values() for ue in ues}
    names = [ue.name for ue in plan.system.ues if ue.name not in crowded]
    pack = plan.emulation.ues_per_process
    for first in range(0, len(names), pack):
        group = tuple(names[first : first + pack])
        hosts[group[0] if pack == 1 else f"ues-{first // pack + 1}"] = ("ue_agent", group)
    for name, ues in crowds.items():
        hosts[name] = (CROWD_ROLE, tuple(ue.name for ue in ues))
    return hosts


def processes_of(plan: Plan) -> Processes:
    """Every process of a run, likewise."""
    processes: dict[str, Hosted] = {"controller": ("controller", ("controller",)), **hosts_of(plan)}
    for name in plan.learners:
        processes[name] = ("controller.online", (name,))
    return processes


def crowds_of(plan: Plan) -> dict[str, tuple[Ue, ...]]:
    """The UEs of each crowd of ``plan``, by its name: the last ones of a cell, `MOST_IN_A_CROWD` to a process."""
    return dict(_crowds(plan)) if any(plan.emulation.crowds) else {}


def _crowds(plan: Plan) -> Iterator[tuple[str, tuple[Ue, ...]]]:
    for cell, (ues, count) in enumerate(zip(plan.system.ues_by_cell(), plan.emulation.crowds, strict=True)):
        crowd = ues[len(ues) - count :]
        for place, first in enumerate(range(0, count, MOST_IN_A_CROWD)):
            yield f"crowd-{cell + 1}-{place + 1}", crowd[first : first + MOST_IN_A_CROWD]


def crowd_by_ue(plan: Plan) -> dict[str, str]:
    """The name of its crowd for each UE that is in one."""
    return {ue.name: name for name, ues in crowds_of(plan).items() for ue in ues}


def listeners(process: str, hosted: Hosted) -> tuple[str, ...]:
    """Whom of a process notices are for: each core, but a crowd as a whole."""
    role, cores = hosted
    return (process,) if role == CROWD_ROLE else cores
