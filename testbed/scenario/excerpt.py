"""What a replay plays of recorded tasks and faults: a part of them, faster, over and over (pure)."""

import math
from collections.abc import Sequence

import msgspec
import numpy as np

from testbed.model.delay import NS_PER_S
from testbed.model.errors import UsageError
from testbed.model.task import Task, TaskTable
from testbed.scenario.fault_schema import FaultSection
from testbed.scenario.occurrences import occurrences
from testbed.scenario.overload import is_overload
from testbed.scenario.workload import columns_of, numbered


class Excerpt(msgspec.Struct, frozen=True, kw_only=True):
    """From ``from_ns`` on, for ``length_ns`` (-1: to the end), ``rate`` times as fast, ``loops`` times over."""

    from_ns: int = 0
    length_ns: int = -1
    rate: float = 1.0
    loops: int = 1


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """The tasks and faults of an excerpt, how many slots it lasts, and what there is to say of the rest."""

    tasks: TaskTable
    faults: tuple[FaultSection, ...]
    slots: int
    notes: tuple[str, ...]


def take(excerpt: Excerpt, tasks: Sequence[Task], faults: Sequence[FaultSection], end_ns: int, slot_ns: int) -> Taken:
    """The excerpt of what was recorded up to ``end_ns``; each round begins at a slot boundary.

    A fault stays where it was among the tasks, and lasts as long. Raises `UsageError` for an excerpt of nothing.
    """
    until = end_ns if excerpt.length_ns < 0 else min(end_ns, excerpt.from_ns + excerpt.length_ns)
    if until <= excerpt.from_ns:
        why = f"--from {excerpt.from_ns / NS_PER_S:g} s: the recording ends at {end_ns / NS_PER_S:g} s"
        raise UsageError(why, "begin earlier")
    slots = max(1, math.ceil((until - excerpt.from_ns) / excerpt.rate / slot_ns))
    rounds = range(0, excerpt.loops * slots * slot_ns, slots * slot_ns)
    columns = columns_of(tasks)
    inside = (columns["generated_ns"] >= excerpt.from_ns) & (columns["generated_ns"] < until)
    part = {name: column[inside] for name, column in columns.items()}
    at = np.floor((part["generated_ns"] - excerpt.from_ns) / excerpt.rate + 0.5).astype(np.int64)
    whole = {name: np.tile(column, excerpt.loops) for name, column in part.items()}
    whole["generated_ns"] = np.concatenate([at + begin for begin in rounds])
    each = occurrences(tuple(faults), end_ns)
    came = [fault for fault in each if excerpt.from_ns <= fault.at_ns < until]
    return Taken(
        tasks=numbered(whole),
        faults=tuple(_moved(fault, excerpt, begin) for begin in rounds for fault in came),
        slots=slots * excerpt.loops,
        notes=_notes(len(inside) - len(at), len(inside), len(each) - len(came), len(each)),
    )


def _moved(fault: FaultSection, excerpt: Excerpt, begin_ns: int) -> FaultSection:
    at_ns = int(math.floor((fault.at_ns - excerpt.from_ns) / excerpt.rate + 0.5)) + begin_ns
    if is_overload(fault) and fault.for_ns > 0:  # it lies in the tasks, which come faster
        return msgspec.structs.replace(fault, at_ns=at_ns, for_ns=max(1, round(fault.for_ns / excerpt.rate)))
    return msgspec.structs.replace(fault, at_ns=at_ns)


def _notes(tasks: int, of_tasks: int, faults: int, of_faults: int) -> tuple[str, ...]:
    """What is left out, a line each."""
    notes = []
    if tasks:
        notes.append(f"{tasks} of {of_tasks} tasks are outside of the part that is played")
    if faults:
        notes.append(f"{faults} of {of_faults} faults are outside of the part that is played")
    return tuple(notes)
