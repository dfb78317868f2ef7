"""What a run plays of a trace: from which of its instants on, how fast, until when, and what is said of the rest."""

from collections.abc import Sequence

import msgspec

from testbed.model.delay import NS_PER_S
from testbed.model.errors import ScenarioError
from testbed.model.system import System
from testbed.model.task import Task
from testbed.scenario.schema import Workload
from testbed.scenario.workload import begin_ns, columns_of, limited, scaled, shifted

IDLE_SLOTS = 1000


class Played(msgspec.Struct, frozen=True):
    """The tasks of a run, and what a user should know of those that a trace has and the run has not."""

    tasks: Sequence[Task]
    notes: tuple[str, ...] = ()


def played(tasks: Sequence[Task], workload: Workload, system: System) -> Played:
    """What a run plays of the ``tasks`` of the trace that ``workload`` names: shifted, compressed, cut at its end.

    Raises `ScenarioError` if that is none of them.
    """
    later = shifted(tasks, begin_ns(columns_of(tasks)["generated_ns"].tolist(), workload))
    return cut(scaled(later, workload.rate), workload, system, len(tasks) - len(later))


def cut(tasks: Sequence[Task], workload: Workload, system: System, before: int) -> Played:
    """The tasks before the last slot's end and, if there is one, ``workload``'s duration; ``before`` are gone already.

    Raises `ScenarioError` if none is left.
    """
    played = limited(tasks, system, workload.duration_ns)
    at = columns_of(tasks)["generated_ns"]
    asked = at if workload.duration_ns < 0 else at[at < workload.duration_ns]
    late, end = asked[asked >= system.end_ns], f"{system.end_ns / NS_PER_S:g} s"
    if not played and (len(late) or before):
        first = f", the first {int(late.min()) / NS_PER_S:.10g} s from the start" if len(late) else ""
        where = f"after the last slot ({end}){first}" if len(late) else "before workload.start"
        remedy = "begin with the first one: --set workload.start=first"
        raise ScenarioError(f"all {len(late) or before} tasks are generated {where}", workload.trace, remedy=remedy)
    notes = []
    if before:
        notes.append(f"{before} tasks of {workload.trace} are generated before workload.start and left out")
    if len(late):
        whole = f"--slots {int(late.max()) // system.slot_ns + 1} would hold all"
        of = f"{len(late)} of {len(late) + len(played)} tasks of {workload.trace}"
        notes.append(f"{of} are generated after the last slot ({end}) and left out: {whole}")
    return Played(played, (*notes, *remarks(played, system)))


def remarks(tasks: Sequence[Task], system: System) -> tuple[str, ...]:
    """What is strange about a workload, ``tasks`` by instant: that it is empty, or begins long after the run."""
    if not tasks:
        return ("the workload is empty: no task is generated",)
    idle = tasks[0].generated_ns // system.slot_ns
    if idle >= IDLE_SLOTS:
        return (f"the first task is generated in slot {idle}: with a trace, workload.start=first begins there",)
    return ()
