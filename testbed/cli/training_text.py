"""How far training is, and what it has reached, in words (pure)."""

import math

from controller.learn.train import Budget, Report
from testbed.experiments.train import Baseline
from testbed.model.human import duration


def text(report: Report, baseline: Baseline) -> str:
    """An evaluation in words."""
    parts = [f"overhead {report.overhead:.4f}", f"best {report.best:.4f}{against(report.best, baseline)}"]
    parts += [f"{report.rate:.0f} updates/s", f"lag {report.lag:.1f}"]
    return ", ".join(parts)


def line(report: Report, baseline: Baseline) -> str:
    """An evaluation in words, after the time that training has taken."""
    return f"{duration(round(report.seconds))}: {text(report, baseline)}"


def brief(report: Report, baseline: Baseline) -> str:
    """An evaluation in a few words, beside a bar on a narrow terminal."""
    comparable = baseline.policy and math.isfinite(report.best) and baseline.overhead > 0.0
    change = f" ({100.0 * (report.best / baseline.overhead - 1.0):+.1f} % to {baseline.policy})" if comparable else ""
    return f"best {report.best:.4f}{change}, {report.rate:.0f}/s, lag {report.lag:.1f}"


def against(overhead: float, baseline: Baseline) -> str:
    """How far ``overhead`` is from the best baseline's."""
    if not baseline.policy or not math.isfinite(overhead) or not baseline.overhead > 0.0:
        return ""
    change = 100.0 * (overhead / baseline.overhead - 1.0)
    return f" ({change:+z.1f} % against {baseline.policy}'s {baseline.overhead:.4f})"


def done(report: Report, budget: Budget) -> float:
    """The share of the budget that is used, 0 to 1."""
    shares = [report.seconds / budget.seconds if budget.seconds else 0.0]
    shares.append(report.updates / budget.updates if budget.updates else 0.0)
    return min(1.0, max(shares))


def left_s(report: Report, budget: Budget) -> float:
    """Seconds until the budget is used, at the present rate."""
    limits = [budget.seconds - report.seconds] if budget.seconds else []
    if budget.updates:
        limits.append((budget.updates - report.updates) / report.rate if report.rate else math.inf)
    return max(0.0, min(limits))
