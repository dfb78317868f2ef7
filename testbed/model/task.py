"""A task, the ways it can end, and the order of events at one instant."""

from abc import abstractmethod
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import IntEnum
from functools import partial
from itertools import chain, islice
from operator import attrgetter
from typing import Self, overload

import msgspec


class Phase(IntEnum):
    """Rank of events that share an instant; then come UE index and task number."""

    FAULT = 0
    EXEC_END = 1
    ARRIVAL = 2
    ANNOUNCE = 3
    GENERATE = 4
    DECIDE = 5
    START = 6


FAULT, EXEC_END, ARRIVAL, ANNOUNCE, GENERATE, DECIDE, EXEC_START = Phase  # read without a call, unlike the members


class Task(msgspec.Struct, frozen=True, gc=False, array_like=True, kw_only=True):
    """One row of a workload: ``ue`` is the global UE index, ``number`` counts that UE's tasks from 0."""

    ue: int
    number: int
    generated_ns: int
    input_bits: int
    cycles: int
    deadline_ns: int

    def at(self, generated_ns: int) -> "Task":
        """The same task, generated at another instant."""
        return msgspec.structs.replace(self, generated_ns=generated_ns)


TASK_COLUMNS = Task.__struct_fields__
MADE_AT_ONCE = 4096
ROWS_IN_TURN = 256
TASKS_IN_A_PART = 1 << 15  # of a workload that is not in memory as a whole


class PartedTasks(Sequence[Task]):
    """Tasks by (instant, UE, number) that are not in memory as a whole, and come part by part."""

    @property
    @abstractmethod
    def last_ns(self) -> int:
        """When the last one is generated."""

    @abstractmethod
    def parts(self) -> Iterator["TaskTable"]:
        """All of them, some at a time."""

    @abstractmethod
    def in_turn(self) -> "list[TasksInTurn]":
        """Those of each UE, by its index."""

    def __iter__(self) -> Iterator[Task]:
        return chain.from_iterable(self.parts())

    @overload
    def __getitem__(self, at: int) -> Task: ...

    @overload
    def __getitem__(self, at: slice) -> "TaskTable": ...

    def __getitem__(self, at: int | slice) -> "Task | TaskTable":
        if isinstance(at, int) and at >= 0:
            for task in islice(self, at, at + 1):
                return task
            raise IndexError(at)
        return TaskTable.of(self)[at]


class TaskTable(Sequence[Task]):
    """Tasks as columns of 64-bit integers, by the names of `TASK_COLUMNS`: a sequence of `Task`, each made when it is
    asked for. A million tasks take 48 MB.
    """

    __slots__ = ("columns",)

    def __init__(self, columns: Sequence["array[int]"]) -> None:
        self.columns = dict(zip(TASK_COLUMNS, columns, strict=True))

    @classmethod
    def of(cls, tasks: Sequence[Task]) -> "TaskTable":
        """The table of ``tasks``, which may be one already."""
        if isinstance(tasks, TaskTable):
            return tasks
        if isinstance(tasks, PartedTasks):
            return cls.joined(tasks.parts())
        return cls([array("q", map(attrgetter(name), tasks)) for name in TASK_COLUMNS])

    @classmethod
    def joined(cls, parts: "Iterable[TaskTable]") -> "TaskTable":
        """The tasks of ``parts``, one after another."""
        columns = [array("q") for _ in TASK_COLUMNS]
        for part in parts:
            for column, more in zip(columns, part.columns.values(), strict=True):
                column.extend(more)
        return cls(columns)

    def __len__(self) -> int:
        return len(self.columns["ue"])

    @overload
    def __getitem__(self, at: int) -> Task: ...

    @overload
    def __getitem__(self, at: slice) -> Self: ...

    def __getitem__(self, at: int | slice) -> "Task | Self":
        if isinstance(at, slice):
            return type(self)([column[at] for column in self.columns.values()])
        return Task(**{name: column[at] for name, column in self.columns.items()})

    def __iter__(self) -> Iterator[Task]:
        return chain.from_iterable(map(self._rows, range(0, len(self), MADE_AT_ONCE)))

    def _rows(self, first: int) -> list[Task]:
        columns = (column[first : first + MADE_AT_ONCE] for column in self.columns.values())
        return msgspec.convert(list(zip(*columns, strict=True)), list[Task])

    def __eq__(self, other: object) -> bool:
        if isinstance(other, TaskTable):
            return self.columns == other.columns
        if not isinstance(other, Sequence) or len(self) != len(other):
            return NotImplemented if not isinstance(other, Sequence) else False
        return all(mine == task for mine, task in zip(self, other, strict=True))

    def __hash__(self) -> int:
        return hash(tuple(column.tobytes() for column in self.columns.values()))


class TasksInTurn(Sequence[Task]):
    """The ``count`` tasks of a UE, by number, which are looked at one after another: only a few at a time are rows.

    ``load`` makes those from one place up to another, wherever all of them are.
    """

    __slots__ = ("_count", "_first", "_load", "_rows")

    def __init__(self, count: int, load: Callable[[int, int], Sequence[Task]]) -> None:
        self._count, self._load = count, load
        self._first = 0
        self._rows: Sequence[Task] = ()

    @classmethod
    def of(cls, tasks: Sequence[Task], ues: int) -> "list[TasksInTurn]":
        """Those of each of ``ues`` UEs, by its index; a workload that is in memory is not there twice."""
        if isinstance(tasks, PartedTasks):
            return tasks.in_turn()
        table, places = TaskTable.of(tasks), [array("q") for _ in range(ues)]
        for place, ue in enumerate(table.columns["ue"]):
            places[ue].append(place)
        return [cls(len(mine), partial(_rows_at, table, mine)) for mine in places]

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, at: int) -> Task: ...

    @overload
    def __getitem__(self, at: slice) -> list[Task]: ...

    def __getitem__(self, at: int | slice) -> Task | list[Task]:
        if isinstance(at, slice):
            return [self[place] for place in range(*at.indices(self._count))]
        if not -self._count <= at < self._count:
            raise IndexError(at)
        at %= self._count
        if not 0 <= at - self._first < len(self._rows):
            self._first, self._rows = at, self._load(at, min(at + ROWS_IN_TURN, self._count))
        return self._rows[at - self._first]


def _rows_at(table: TaskTable, places: "array[int]", first: int, end: int) -> list[Task]:
    """The tasks of ``table`` at ``places[first:end]``."""
    return [table[place] for place in places[first:end]]


def parts_of(tasks: Sequence[Task], at_once: int) -> Iterator[TaskTable]:
    """``tasks``, some at a time: as they come, or ``at_once`` of those that are in memory."""
    if isinstance(tasks, PartedTasks):
        yield from tasks.parts()
        return
    table = TaskTable.of(tasks)
    for first in range(0, len(table), at_once):
        yield table[first : first + at_once]


LOCAL, OFFLOAD, UNDECIDED = 0, 1, -1
COMPLETED, LATE, FAILED, DECIDED = "completed", "late", "failed", "decided"
UE_DIED, DRAIN_LIMIT, INTERRUPTED = "ue died", "drain limit", "interrupted"
STARTER_DIED = "the process starter died"
NEVER_BEGAN_NS = -1
