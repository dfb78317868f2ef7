"""The delays that a run should have had: what the model makes of its inputs (pure).

Of many tasks the compiled twin computes them where it can, in a fraction of the simulation's time; see
`testbed.twin.repeat`. The two agree to the nanosecond.
"""

import numpy as np

from testbed.analysis import replay
from testbed.protocol.rows import TaskRow
from testbed.protocol.table import ColumnTable
from testbed.record.reader import RecordedRun

TWIN_FROM = 20_000  # tasks; fewer are simulated before the twin has been loaded


def delay_pairs(run: RecordedRun) -> list[tuple[int, int]]:
    """(measured, reference) delays in ns of the tasks that finished in both."""
    if len(run.tasks) >= TWIN_FROM:
        pairs = by_twin(run)
        if pairs is not None:
            return pairs
    return replay.delay_pairs(run.tasks, replay.as_recorded(run).tasks)


def by_twin(run: RecordedRun) -> list[tuple[int, int]] | None:
    """As `delay_pairs`, on the twin; None if that is not installed, or cannot repeat the run."""
    try:
        from testbed.twin import repeat
    except ImportError:
        return None
    rows, plan = ColumnTable.of(TaskRow, run.tasks), replay.plan_as_recorded(run)
    labels, index = rows.labels("ue"), {ue.name: ue.index for ue in plan.system.ues}
    ue, number = np.array([index[name] for name in labels.tolist()], np.int64), rows.ints("number")
    decided = repeat.Decided(
        ue=ue, number=number, slot=rows.ints("slot"), choice=rows.ints("choice"), think_ns=rows.ints("think_ns")
    )
    if not repeat.can_repeat(plan, decided):
        return None
    order = np.lexsort((number, ue))
    measured, generated = rows.ints("measured_ns")[order], rows.ints("generated_ns")[order]
    done = rows.ints("finished_ns")[order] >= 0
    reference = repeat.ends_ns(plan, decided) - generated
    return list(zip(measured[done].tolist(), reference[done].tolist(), strict=True))
