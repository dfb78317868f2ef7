"""The verdicts on a scenario's thresholds (pure)."""

import math
from collections.abc import Mapping
from typing import cast

import msgspec

from testbed.model.fidelity import EXACT, GRADE_VALUES
from testbed.scenario.parse import slots
from testbed.scenario.threshold import EXACT_VALUE, Bound, Limit
from testbed.scenario.threshold_schema import Thresholds

NOT_GRADED, NO_TASK, NOT_MEASURED = "not graded", "no task finished", "not measured"
OF_RECOVERY = ("mttr", "time_to_steady", "goodput_dip")
ACHIEVED = {**GRADE_VALUES, EXACT: EXACT_VALUE}
UNIT_OF = {"time": "s", "energy": "J"}


class ThresholdCheck(msgspec.Struct, frozen=True):
    """One threshold: its bound as written, what was measured (in ``unit``; a grade's letter), whether it holds."""

    name: str
    bound: str
    measured: float | str
    holds: bool
    unit: str = ""


def unknown(name: str) -> str:
    """What is said of a threshold for which there is no number."""
    return NOT_MEASURED if name in OF_RECOVERY else NO_TASK


def checked(thresholds: Thresholds, values: Mapping[str, float], grade: str | None) -> list[ThresholdCheck]:
    """What came of each threshold that is set."""
    outcomes = []
    for name in thresholds.__struct_fields__:
        bound: Bound | None = getattr(thresholds, name)
        if bound is None:
            continue
        measured: float | str = (grade or NOT_GRADED) if name == "fidelity" else values[name]
        value = ACHIEVED.get(grade or "", math.nan) if name == "fidelity" else values[name]
        unit = UNIT_OF.get(cast(Limit, slots(Thresholds)[name].kind).dimension, "")
        outcomes.append(ThresholdCheck(name, bound.text, measured, bound.holds(value), unit))
    return outcomes
