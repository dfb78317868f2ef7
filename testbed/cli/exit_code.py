"""From a summary to an exit code, and the words that go with it (pure)."""

import math

from testbed.analysis.summary import Summary
from testbed.analysis.threshold_checks import NOT_GRADED, ThresholdCheck, unknown
from testbed.model.exit_codes import EXIT_FIDELITY, EXIT_INTERRUPTED, EXIT_LEDGER, EXIT_OK, EXIT_THRESHOLD
from testbed.model.fidelity import no_worse
from testbed.model.task import INTERRUPTED, STARTER_DIED, UE_DIED

STRICT_GRADE = "B"


def exit_code_of(summary: Summary, *, strict: bool = False) -> tuple[int, str]:
    """(exit code, why); (0, "") when all is well. An early end comes first, then ledger, thresholds, fidelity."""
    if summary.ended == INTERRUPTED:
        return EXIT_INTERRUPTED, "interrupted; the summary is of what was recorded"
    if summary.ended == STARTER_DIED:
        return EXIT_THRESHOLD, f"{STARTER_DIED}, and all processes with it: see logs/zygote.log of the run"
    if summary.tasks["unaccounted"]:
        first = summary.problems[0] if summary.problems else "see the record"
        return EXIT_LEDGER, f"{summary.tasks['unaccounted']} tasks are unaccounted for: {first}"
    broken = [outcome for outcome in summary.thresholds if not outcome.holds]
    if broken:
        reasons = "; ".join(f"{outcome.name} {outcome.bound}: {shown(outcome)}" for outcome in broken)
        return EXIT_THRESHOLD, f"threshold failed: {reasons}"
    failed = {why: count for why, count in summary.failures.items() if why != UE_DIED}
    if failed:
        reasons = ", ".join(f"{count} ({why})" for why, count in failed.items())
        return EXIT_THRESHOLD, f"tasks failed without a UE fault: {reasons}"
    fidelity = summary.fidelity
    if strict and (fidelity.grade is None or not no_worse(fidelity.grade, STRICT_GRADE)):
        reasons = fidelity.grade or NOT_GRADED
        return EXIT_FIDELITY, f"fidelity {reasons}: {fidelity.worst}; {fidelity.remedy}"
    return EXIT_OK, ""


def shown(outcome: ThresholdCheck) -> str:
    """What was measured for a threshold, short, with its unit."""
    value = outcome.measured
    if isinstance(value, str):
        return value
    return unknown(outcome.name) if math.isnan(value) else f"{value:.4g} {outcome.unit}".rstrip()
