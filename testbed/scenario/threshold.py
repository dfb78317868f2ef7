"""Thresholds of a scenario: what a run must keep."""

from dataclasses import dataclass

import msgspec

from testbed.model.errors import InvalidError
from testbed.model.fidelity import GRADE_VALUES
from testbed.scenario import units


class Bound(msgspec.Struct, frozen=True):
    """A threshold as written: ``operator`` < <= > >=, ``value`` in SI units.

    A grade counts as 4 (A), 3 (B), 2 (C) or 1 (F), a run that is exact as 5.
    """

    operator: str
    value: float
    text: str

    def holds(self, measured: float) -> bool:
        """Whether ``measured`` (SI units) keeps the threshold; NaN never does."""
        if self.operator == "<":
            return measured < self.value
        if self.operator == "<=":
            return measured <= self.value
        return measured > self.value if self.operator == ">" else measured >= self.value


EXACT_VALUE = 5.0


@dataclass(frozen=True)
class Limit:
    """A `Bound` such as "< 3 s"; ``dimension`` as in `units`, or "" for a plain number, or "grade"."""

    dimension: str = ""

    def parse(self, text: str) -> Bound:
        """See `testbed.scenario.fields.Scalar`."""
        for operator in ("<=", ">=", "<", ">"):
            if text.strip().startswith(operator):
                return Bound(operator, self._value(text.strip().removeprefix(operator).strip()), text)
        raise InvalidError(
            f'"{text}" is not a threshold', f'write <, <=, > or >= and a value, like "{self._example()}"'
        )

    def _value(self, text: str) -> float:
        if self.dimension == "grade":
            if text not in GRADE_VALUES:
                raise InvalidError(f'"{text}" is not a grade', "grades: A, B, C, F")
            return GRADE_VALUES[text]
        if not self.dimension:
            return units.number(text)
        value = units.parse(text, self.dimension)
        return value * 1e-9 if self.dimension == "time" else value

    def _example(self) -> str:
        return {"grade": ">= B", "time": "< 3 s", "energy": "< 2 J"}.get(self.dimension, "> 0.9")

    def write(self, value: Bound) -> str:
        """See `testbed.scenario.fields.Scalar`."""
        return value.text
