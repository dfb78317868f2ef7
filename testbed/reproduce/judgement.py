"""Parts, cases and claims, and how a verdict follows from intervals (pure).

A part holds in a case when its interval lies where the claim says. A case holds when all of its parts do. A claim holds
when it does in every case, fails when it does in none, and depends on the case otherwise.
"""

import math
from collections.abc import Sequence

import msgspec

from testbed.analysis import intervals
from testbed.analysis.intervals import Estimate

HOLDS, FAILS, DEPENDS = "holds", "fails", "depends"
SHOWN, REFUTED, OPEN = "shown", "refuted", "not shown"


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One statement of a claim: ``what`` it says, the ``measure`` that judges it with its value and 95 % interval, and
    the ``finding``: shown, refuted (shown to be otherwise), or not shown."""

    what: str
    measure: str
    value: float
    low: float
    high: float
    finding: str


class ClaimCase(msgspec.Struct, frozen=True):
    """A study in which a claim was judged."""

    name: str
    parts: list[Part]

    @property
    def holds(self) -> bool:
        """Whether all parts were shown."""
        return all(part.finding == SHOWN for part in self.parts)


class JudgedClaim(msgspec.Struct, frozen=True, kw_only=True):
    """A claim with what the paper ``said`` in our words, its cases, its verdict, and what that ``depends_on``."""

    number: int
    title: str
    said: str
    verdict: str
    depends_on: list[str]
    cases: list[ClaimCase]
    notes: list[str] = []


def judged(
    number: int, title: str, statement: str, cases: Sequence[ClaimCase], notes: Sequence[str] = ()
) -> JudgedClaim:
    """The verdict on a claim. Raises `ValueError` without any case."""
    if not cases:
        raise ValueError(f"claim {number} has no case to judge")
    holding = sum(case.holds for case in cases)
    verdict = HOLDS if holding == len(cases) else FAILS if not holding else DEPENDS
    return JudgedClaim(
        number=number,
        title=title,
        said=statement,
        verdict=verdict,
        depends_on=differences(cases),
        cases=list(cases),
        notes=list(notes),
    )


def differences(cases: Sequence[ClaimCase]) -> list[str]:
    """A sentence for each part that is shown in some cases and not in others."""
    sentences = []
    for what in dict.fromkeys(part.what for case in cases for part in case.parts):
        shown = [case.name for case in cases for part in case.parts if part.what == what and part.finding == SHOWN]
        others = [case.name for case in cases for part in case.parts if part.what == what and part.finding != SHOWN]
        if shown and others:
            sentences.append(f"{what}: shown for {'; '.join(shown)}. Not for {'; '.join(others)}")
    return sentences


def above(what: str, measure: str, values: Sequence[float], limit: float = 0.0) -> Part:
    """The mean of ``values``, one a seed, is above ``limit``."""
    estimate = intervals.of_mean(values)
    finding = SHOWN if estimate.low > limit else REFUTED if estimate.high < limit else OPEN
    return part(what, measure, estimate, finding)


def within(what: str, measure: str, values: Sequence[float], width: float) -> Part:
    """The mean of ``values`` is within ``width`` of 0."""
    estimate = intervals.of_mean(values)
    inside = -width < estimate.low and estimate.high < width
    outside = estimate.low > width or estimate.high < -width
    return part(what, measure, estimate, SHOWN if inside else REFUTED if outside else OPEN)


def part(what: str, measure: str, estimate: Estimate, finding: str) -> Part:
    """A part from what was estimated; an infinite or unknown value is not shown, whatever it is."""
    known = finding if math.isfinite(estimate.value) else OPEN
    return Part(what=what, measure=measure, value=estimate.value, low=estimate.low, high=estimate.high, finding=known)


def paired(a: Sequence[float], b: Sequence[float]) -> list[float]:
    """The differences ``a − b`` by seed; of a heuristic, which has one value, the same for each seed."""
    count = max(len(a), len(b))
    wide = [list(one) * count if len(one) == 1 else list(one) for one in (a, b)]
    return [x - y for x, y in zip(*wide, strict=True)]


def relative(a: Sequence[float], b: Sequence[float]) -> list[float]:
    """``(a − b)/|b|`` by seed."""
    return [(x - y) / abs(y) if y else math.nan for x, y in zip(a, b, strict=True)]
