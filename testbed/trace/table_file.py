"""A workload table that stays in its file: as large as may be, if its rows are in the order of their instants."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from testbed.model.errors import ScenarioError
from testbed.model.system import System
from testbed.model.task import TASKS_IN_A_PART, PartedTasks, Task, TasksInTurn, TaskTable
from testbed.scenario import table_text
from testbed.scenario import workload as tables
from testbed.scenario.decimals import Ints
from testbed.scenario.ranges import TaskLimits
from testbed.scenario.reading import is_stream
from testbed.trace.by_ue import by_ue
from testbed.trace.lines import blocks, text_of

STREAMED_BYTES = 1 << 24
Columns = dict[str, Ints]


def read(path: str | Path, system: System) -> Sequence[Task]:
    """The tasks of a workload table: of a large file those that stay in it, of another as `workload.read_csv` reads it.

    Raises `ScenarioError` with file, line and column.
    """
    if not is_stream(path) and Path(path).is_file() and Path(path).stat().st_size >= STREAMED_BYTES:
        tasks = TableFile(path, system)
        if tasks.is_sorted:
            return tasks
    return tables.read_csv(path, system)


class TableFile(PartedTasks):
    """The tasks of the table at ``path``, by (instant, UE), each UE's numbered from 0; see `read`.

    It is gone through once to begin with. If ``is_sorted`` is not true, there are no parts.
    """

    def __init__(self, path: str | Path, system: System) -> None:
        self._path, self._system = path, system
        self._limits = TaskLimits(system)
        self._plain = table_text.PlainReader(system, self._limits)
        self._count, self._last_ns, self.is_sorted = 0, -1, True
        for part in self._blocks():
            at = part["generated_ns"]
            self._count += len(at)
            self.is_sorted &= bool((at[1:] >= at[:-1]).all()) and int(at[0]) >= self._last_ns
            self._last_ns = max(self._last_ns, int(at.max()))

    @property
    def last_ns(self) -> int:
        """When the last task is generated."""
        return self._last_ns

    def __len__(self) -> int:
        return self._count

    def parts(self) -> Iterator[TaskTable]:
        """All tasks, some at a time, none before those of the part before."""
        counts, waiting, count = np.zeros(len(self._system.ues), np.int64), list[Columns](), 0
        for part in self._blocks():
            waiting.append(part)
            count += len(part["ue"])
            if count >= TASKS_IN_A_PART:
                rows = _joined(waiting)
                known = rows["generated_ns"] < rows["generated_ns"][-1]  # of the last instant there may be more
                yield _numbered({name: column[known] for name, column in rows.items()}, counts)
                waiting, count = [{name: column[~known] for name, column in rows.items()}], int((~known).sum())
        if waiting:
            yield _numbered(_joined(waiting), counts)

    def in_turn(self) -> list[TasksInTurn]:
        """Those of each UE, by its index, from a temporary file; `StartError` where there is no room for it."""
        return by_ue(self, len(self._system.ues))

    def _blocks(self) -> Iterator[Columns]:
        """The rows of the file in its order, some at a time, at least one."""
        head = b""
        for first, block in blocks(self._path):
            if not block.endswith(b"\n"):
                block += b"\n"
            if not head:
                head = _head(block)
                plain = first == 1 and block.startswith(table_text.HEADER_LINE)
                found = self._plain.rows(block[len(table_text.HEADER_LINE) :]) if plain else None
                rows = self._by_cell(block, first) if found is None else found
            else:
                found = self._plain.rows(block)
                rows = self._by_cell(head + block, first - 1) if found is None else found
            if len(rows["ue"]):
                yield rows

    def _by_cell(self, table: bytes, first: int) -> Columns:
        """The rows of a part of the file behind its header, which stands in line ``first``."""
        file = str(self._path)
        try:
            return tables.columns_by_cell(text_of(table, file, 1), file, self._system, self._limits)
        except ScenarioError as error:
            if error.line:
                error.line += first - 1
            raise


def _head(block: bytes) -> bytes:
    """The first line with content."""
    return next((line for line in block.splitlines(keepends=True) if line.strip()), b"")


def _joined(parts: Sequence[Columns]) -> Columns:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _numbered(columns: Columns, counts: Ints) -> TaskTable:
    """The tasks in ``columns`` by (instant, UE), a UE's numbered from its one of ``counts`` on, which grow."""
    table = tables.columns_of(tables.numbered(columns))
    table["number"] = table["number"] + counts[table["ue"]]
    counts += np.bincount(table["ue"], minlength=len(counts))
    return tables.table_of(table)
