"""Runs as a report shows them: each with its summary and a label that tells it from the others (pure)."""

from collections import Counter
from collections.abc import Sequence

import msgspec
import numpy as np

from testbed.analysis.figures import finished
from testbed.analysis.summary import Summary
from testbed.model.printable import readable
from testbed.policy import loading
from testbed.protocol.rows import TaskRow
from testbed.protocol.table import ColumnTable
from testbed.record.reader import RecordedRun


class Reported(msgspec.Struct, frozen=True):
    """A run of a report; ``done`` are its tasks that ended with a result, by the instant of their end."""

    label: str
    run: RecordedRun
    summary: Summary
    done: Sequence[TaskRow]


def reported(runs: Sequence[tuple[RecordedRun, Summary]]) -> list[Reported]:
    """``runs`` with their summaries, labelled by policy; by policy and name, or path, where that is not enough."""
    return [
        Reported(label, run, summary, _in_order_of_ends(finished(ColumnTable.of(TaskRow, run.tasks))))
        for label, (run, summary) in zip(labels([run for run, _ in runs]), runs, strict=True)
    ]


def labels(runs: Sequence[RecordedRun]) -> list[str]:
    """A short label for each of ``runs``, no two alike unless two runs are."""
    names = [strategy(run) for run in runs]
    for longer in (lambda run: run.name, lambda run: readable(str(run.path))):
        count = Counter(names)
        names = [
            label if count[label] == 1 else f"{strategy(run)} ({longer(run)})"
            for label, run in zip(names, runs, strict=True)
        ]
    return names


def strategy(run: RecordedRun) -> str:
    """What decided in ``run``: its policy without its checkpoint, and whether it learned meanwhile."""
    return loading.without_checkpoint(run.policy) + (", learning" if run.meta.get("learn") else "")


def _in_order_of_ends(done: ColumnTable[TaskRow]) -> ColumnTable[TaskRow]:
    return done.take(np.argsort(done.ints("generated_ns") + done.ints("measured_ns"), kind="stable"))
