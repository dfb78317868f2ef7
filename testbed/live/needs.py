"""What of a run's needs can be counted before it starts: memory, descriptors, processes and threads."""

import math
from collections.abc import Iterator

import msgspec

from testbed.model.errors import StartError
from testbed.model.human import size
from testbed.model.system import Plan
from testbed.node import limits
from testbed.protocol.placement import crowds_of

PACKS = (2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)
PROCESS_BYTES, _TASK_BYTES = 5e6, 200.0
LAUNCHER_BYTES, LEARNER_BYTES = 60e6, 400e6


class Needs(msgspec.Struct, frozen=True, kw_only=True):
    """Processes of a run, bytes of memory, descriptors of its launcher (nobody opens more), processes and threads.

    As what there is, infinite numbers stand for no limit.
    """

    processes: int
    memory_bytes: float
    descriptors: float
    tasks: float


def needs_of(plan: Plan, pack: int) -> Needs:
    """The needs of ``plan`` with ``pack`` UEs a process, but for crowds. Every process keeps the workload; one that
    executes has another beside it that burns.
    """
    crowds = crowds_of(plan)
    ues = math.ceil((len(plan.system.ues) - sum(map(len, crowds.values()))) / pack) + len(crowds)
    processes = ues + len(plan.system.edge_servers) + 1 + len(plan.learners)
    burners = ues + len(plan.system.edge_servers) if plan.emulation.burn > 0.0 else 0
    each = PROCESS_BYTES + _TASK_BYTES * len(plan.workload)
    memory = (processes + burners) * each + LAUNCHER_BYTES + len(plan.learners) * LEARNER_BYTES
    tasks = limits.TASKS_A_PROCESS * (processes + 1) + burners + 1
    return Needs(processes=processes, memory_bytes=memory, descriptors=limits.descriptors_of(processes), tasks=tasks)


def provide(plan: Plan, processes: int, *, elsewhere: bool = False) -> None:
    """Raise this process's limits as far as ``processes`` of ``plan`` need it, its children inherit them.

    Processes that live ``elsewhere`` need none of this host's memory, nor of what may be started here.

    Raises `StartError` where that is not possible: libraries end a process that runs out of descriptors.
    """
    needed = limits.descriptors_of(processes, limits.open_descriptors())
    there = msgspec.structs.replace(host(), memory_bytes=math.inf)
    if elsewhere:
        there = msgspec.structs.replace(there, tasks=math.inf)
    short = shortages(plan, there)
    if not short and not limits.may_open(needed):
        limit, remedy = limits.most_descriptors(), f"raise it to {needed}"
        short = [f"file descriptors: {needed} are needed, and the limit is {limit:.0f} (`ulimit -Hn`): {remedy}"]
    if short:
        what, _, remedy = short[0].rpartition(": ")
        raise StartError(what, remedy)


def host() -> Needs:
    """What there is of each on this host."""
    return Needs(
        processes=0, memory_bytes=limits.free_memory(), descriptors=limits.most_descriptors(), tasks=limits.free_tasks()
    )


def shortages(plan: Plan, there: Needs) -> list[str]:
    """What ``plan`` needs more of than is ``there``, a sentence each, with what to do."""
    needed = needs_of(plan, plan.emulation.ues_per_process)
    short = list(_shortages(needed, there))
    if not short:
        return []
    packing = _packing(plan, there)
    return [f"{shortage}: {' or '.join(part for part in (packing, own) if part)}" for shortage, own in short]


def _shortages(needed: Needs, there: Needs) -> Iterator[tuple[str, str]]:
    """(what is short, what would help beside fewer processes)."""
    if needed.memory_bytes > there.memory_bytes:
        have = f"{needed.processes} processes need {size(needed.memory_bytes)}, and {size(there.memory_bytes)} are free"
        yield f"memory: {have}", "take fewer UEs or a shorter run"
    if needed.descriptors > there.descriptors:
        have = f"the launcher of {needed.processes} processes opens {needed.descriptors:.0f} files and sockets"
        have = f"{have}, and the limit is {there.descriptors:.0f} (`ulimit -Hn`)"
        yield f"file descriptors: {have}", f"raise it to {needed.descriptors:.0f}"
    if needed.tasks > there.tasks:
        have = f"the run needs {needed.tasks:.0f}, and {there.tasks:.0f} more can be started (`ulimit -u`, pids.max)"
        yield f"processes and threads: {have}", "raise the limit"


def _packing(plan: Plan, there: Needs) -> str:
    """The option that packs UEs so that all fits; "" if nothing does."""
    for pack in PACKS:
        if pack > plan.emulation.ues_per_process and not any(_shortages(needs_of(plan, pack), there)):
            return f"--set emulation.ues_per_process={pack}"
    return ""
