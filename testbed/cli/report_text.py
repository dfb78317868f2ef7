"""Several runs side by side as text (pure)."""

import math
from collections.abc import Sequence

from testbed.cli.layout import wrapped
from testbed.cli.text_table import table
from testbed.report.side_by_side import Standing
from testbed.report.tables import around, number, percents

STANDINGS_HEAD = (
    "run",
    "mean delay s",
    "p95 s",
    "mean energy J",
    "deadlines kept",
    "mean overhead",
    "against baseline",
)


def text(standings: Sequence[Standing], columns: int = 0) -> str:
    """The comparison for people, in plain lines, for a terminal of ``columns`` (0: any)."""
    rows = [
        (
            f"{one.label}{'' if one.stable else ' (UNSTABLE)'}",
            around(one.delay_s),
            number(one.delay_p95_s),
            around(one.energy_j),
            number(one.deadline_hit_rate, ".1%"),
            around(one.overhead),
            _against(one),
        )
        for one in standings
    ]
    note = "" if all(one.same_tasks for one in standings) else "Runs of other tasks than the baseline's are marked *.\n"
    return wrapped(f"{table(STANDINGS_HEAD, rows, columns)}\n{note}", columns)


def _against(one: Standing) -> str:
    if one.label == one.baseline:
        return "baseline"
    other = "" if one.same_tasks or not math.isfinite(one.overhead_change.value) else " *"
    return f"{percents(one.overhead_change)}{other}"
