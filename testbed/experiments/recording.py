"""What is written of a run: what it depends on, the rows of a virtual clock, the rewards of a live run."""

import contextlib
import importlib.metadata
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from testbed.analysis import run_reward
from testbed.model.printable import printable
from testbed.model.task import Task
from testbed.protocol.rows import TaskRow
from testbed.protocol.table import ColumnTable
from testbed.record import directory, reader
from testbed.record.backends import VIRTUAL
from testbed.record.reader import RecordedRows, RecordedRun
from testbed.record.writer import Recorder
from testbed.scenario.resolve import Resolved
from testbed.sim.run_log import Simulated


def versions() -> dict[str, str]:
    """Versions of what a run's numbers depend on."""
    numbers = {"python": platform.python_version()}
    for name in ("edge-testbed", "msgspec", "numpy", "pyzmq", "numba", "torch"):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            numbers[name] = importlib.metadata.version(name)
    return numbers


def note(path: Path, meta: dict[str, Any], backend: str) -> None:
    """Write only ``meta`` of the record of a run on ``backend``.

    That of a virtual clock has no log: its file is replaced when the run is over, and a log would then be another's.
    """
    Recorder(path / directory.RECORD, meta, logged=backend not in VIRTUAL).close(ended=False)


def simulated(run_log: Simulated, path: Path, resolved: Resolved, workload: Sequence[Task]) -> RecordedRun:
    """Record what the simulation made. Returns what `reader.read_run` would read."""
    file = path / directory.RECORD
    tasks = ColumnTable.of(TaskRow, run_log.tasks)
    rewards = run_reward.by_slot(tasks, resolved.system, resolved.scenario.agent.reward)
    with Recorder.whole(file) as recorder:
        for rows in (run_log.tasks, run_log.slots, run_log.ue_slots, run_log.links, run_log.events, rewards):
            recorder.add(rows)
        recorder.put({"reason": run_log.reason, "end_ns": run_log.end_ns})
    record = RecordedRows(
        meta=reader.read_meta(file),
        tasks=tasks,
        slots=run_log.slots,
        ue_slots=run_log.ue_slots,
        rewards=rewards,
        links=run_log.links,
        updates=[],
        events=[msgspec.structs.replace(row, detail=printable(row.detail)) for row in run_log.events],
    )
    return reader.assemble(path, record, resolved, workload)


def add_rewards(path: Path) -> None:
    """Write the rewards of a live run, which are known when its last task has ended."""
    run = reader.read_run(path)
    recorder = Recorder(path / directory.RECORD)
    recorder.add(run_reward.by_slot(run.tasks, run.resolved.system, run.resolved.scenario.agent.reward))
    recorder.close()
