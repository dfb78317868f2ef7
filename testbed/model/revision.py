"""What changes of a plan while it is played: a fault that somebody asked for meanwhile, or one that is over sooner.

Everybody is told before it takes effect. A table that is right from then on is right for what came before as well, so
whoever computes an instant anew from it gets what a plan that had the fault from the beginning would have given.
"""

from collections.abc import Sequence

import msgspec

from testbed.model.system import BackhaulCut, Es, Plan, System, Ue
from testbed.model.task import Task


class Revision(msgspec.Struct, frozen=True, kw_only=True):
    """The UEs and ESs that change, and the cuts of all backhauls.

    The UEs of the indices ``generating`` have ``tasks`` in place of those that are generated from ``from_ns`` on.
    """

    ues: tuple[Ue, ...] = ()
    edge_servers: tuple[Es, ...] = ()
    backhaul_cuts: tuple[BackhaulCut, ...] = ()
    generating: tuple[int, ...] = ()
    from_ns: int = 0
    tasks: tuple[Task, ...] = ()


def difference(old: Plan, new: Plan) -> Revision:
    """What turns ``old`` into ``new``, which has the same UEs and ESs."""
    generating = [
        (ue, before, after)
        for ue, (before, after) in enumerate(zip(old.tasks_by_ue(), new.tasks_by_ue(), strict=True))
        if before != after
    ]
    from_ns = min((_first_difference_ns(before, after) for _, before, after in generating), default=0)
    return Revision(
        ues=tuple(ue for before, ue in zip(old.system.ues, new.system.ues, strict=True) if ue != before),
        edge_servers=tuple(
            es for before, es in zip(old.system.edge_servers, new.system.edge_servers, strict=True) if es != before
        ),
        backhaul_cuts=new.system.backhaul_cuts,
        generating=tuple(ue for ue, _, _ in generating),
        from_ns=from_ns,
        tasks=tuple(task for _, _, after in generating for task in after if task.generated_ns >= from_ns),
    )


def _first_difference_ns(before: Sequence[Task], after: Sequence[Task]) -> int:
    """From when on two lists of a UE's tasks are not the same."""
    same = 0
    while same < min(len(before), len(after)) and before[same] == after[same]:
        same += 1
    return min(task.generated_ns for task in (*before[same : same + 1], *after[same : same + 1]))


def revised_system(system: System, revision: Revision) -> System:
    """``system`` as it is from now on."""
    ues = {ue.index: ue for ue in revision.ues}
    edge_servers = {es.index: es for es in revision.edge_servers}
    return msgspec.structs.replace(
        system,
        ues=tuple(ues.get(ue.index, ue) for ue in system.ues),
        edge_servers=tuple(edge_servers.get(es.index, es) for es in system.edge_servers),
        backhaul_cuts=revision.backhaul_cuts,
    )


def revised(plan: Plan, revision: Revision) -> Plan:
    """``plan`` as it is from now on."""
    workload: Sequence[Task] = plan.workload
    if revision.generating:
        others = set(revision.generating)
        kept = [task for task in workload if task.ue not in others or task.generated_ns < revision.from_ns]
        workload = tuple(sorted((*kept, *revision.tasks), key=lambda task: (task.generated_ns, task.ue, task.number)))
    return msgspec.structs.replace(plan, system=revised_system(plan.system, revision), workload=workload)
