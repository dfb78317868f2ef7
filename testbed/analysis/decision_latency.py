"""How long decisions took, wall time (pure): at the controller from a cell's last ask on, and as the UE saw it."""

import msgspec
import numpy as np

from testbed.analysis.grading import detail
from testbed.model import histogram
from testbed.model.delay import MS_PER_NS
from testbed.model.statistics import percentile
from testbed.protocol.rows import TaskRow
from testbed.protocol.table import ColumnTable
from testbed.record.reader import RecordedRun


class Spread(msgspec.Struct, frozen=True):
    """Median and 99th percentile, ms; None where nothing was measured."""

    p50: float | None = None
    p99: float | None = None


class DecisionLatency(msgspec.Struct, frozen=True):
    """``answered``: from a cell's last ask until its answers were out; ``seen``: from a UE's ask to its answer."""

    answered: Spread
    seen: Spread


def latency_of(run: RecordedRun) -> DecisionLatency:
    """The decision times of a live run; fallbacks are left out."""
    last = {event.source: detail(event) for event in run.record.events if event.kind == "answers"}
    answers = histogram.merge(last.values())
    if not run.live:
        return DecisionLatency(Spread(), Spread())
    rows = ColumnTable.of(TaskRow, run.tasks)
    counted = (rows.ints("asked_ns") >= 0) & rows.labels("fallback").are("")
    seen = np.sort(rows.ints("think_ns")[counted] * MS_PER_NS).tolist()
    return DecisionLatency(
        Spread(answers.quantile_ns(0.5) * MS_PER_NS, answers.quantile_ns(0.99) * MS_PER_NS)
        if answers.count
        else Spread(),
        Spread(percentile(seen, 50), percentile(seen, 99)) if seen else Spread(),
    )
