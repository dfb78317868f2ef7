"""Progress of a training run: a bar on a terminal, otherwise a line at every verdict."""

import math
from typing import TYPE_CHECKING, TextIO

from controller.learn.train import Budget, Report
from testbed.experiments.train import Baseline

if TYPE_CHECKING:
    from rich.progress import Progress as Bar


def text(report: Report, baseline: Baseline) -> str:
    """A verdict in words."""
    parts = [f"overhead {report.overhead:.4f}", f"best {report.best:.4f}{against(report.best, baseline)}"]
    parts += [f"{report.rate:.0f} updates/s", f"lag {report.lag:.1f}"]
    return ", ".join(parts)


def brief(report: Report, baseline: Baseline) -> str:
    """A verdict in a few words, beside a bar on a narrow terminal."""
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


class TrainingBar:
    """Shows reports on ``stream``, on a terminal as a bar of rich; use it as a context."""

    def __init__(self, stream: TextIO, *, plain: bool, budget: Budget, baseline: Baseline) -> None:
        self._stream, self._budget, self._baseline = stream, budget, baseline
        self._bar: Bar | None = None
        if stream.isatty() and not plain:
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

            columns = (BarColumn(12), TaskProgressColumn(), TextColumn("{task.description}"))
            self._bar = Progress(*columns, console=Console(file=stream), transient=True)
            self._task = self._bar.add_task("starting", total=1.0)

    def __enter__(self) -> "TrainingBar":
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def __call__(self, report: Report) -> None:
        """Show ``report``."""
        seconds = left_s(report, self._budget)
        left = f"{seconds:.0f} s left" if math.isfinite(seconds) else "time left unknown"
        if self._bar is not None:
            said = f"{brief(report, self._baseline)}, {left}"
            self._bar.update(self._task, completed=done(report, self._budget), description=said)
        else:
            self._stream.write(f"{report.seconds:.0f} s: {text(report, self._baseline)}, {left}\n")
            self._stream.flush()
