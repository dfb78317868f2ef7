"""What hindsight found, as text (pure)."""

import math

from testbed.cli.labels import checkpoints, labels
from testbed.cli.summary_text import percent
from testbed.cli.text_table import table
from testbed.hindsight.bound_report import BoundReport, above
from testbed.model.human import duration


def text(report: BoundReport) -> str:
    """The report for people."""
    labelled = labels(report.policies)
    listed = checkpoints(labelled)
    best, bound = report.best_found, report.lower_bound.overhead
    rows = [
        (
            labelled[name],
            f"{one.overhead:.4f}",
            _more(one.above_best),
            _more(one.above_bound),
            "stable" if one.stable else "UNSTABLE",
        )
        for name, one in report.policies.items()
    ]
    rows.append(("best found", f"{best.overhead:.4f}", "", _more(above(best.overhead, bound)), ""))
    rows.append(("lower bound", f"{bound:.4f}", "", "", ""))
    many = f"{report.workloads} workloads from seed {report.seed} on" if report.workloads > 1 else f"seed {report.seed}"
    offload = "second offload allowed" if report.second_offload else "without second offload"
    title = f"{report.scenario}, {many}, {report.slots} slots, {report.tasks} tasks, {offload}"
    head = ("mean overhead", "", "above best found", "above lower bound", "backlog")
    pace = f"{best.evaluations:,} evaluations in {duration(best.seconds)}, begun from {best.start}"
    known = f"the optimum is between {bound:.4f} and {best.overhead:.4f}"
    if bound > 0.0:
        known += f": the best found is at most {percent(above(best.overhead, bound))} above it"
    return f"{title}\n\n{table(head, rows)}\n\n{pace}\n{known}\n" + (f"\n{listed}\n" if listed else "")


def _more(share: float) -> str:
    """How much more, in percent; nothing where that is unknown, as above 0."""
    return "" if math.isnan(share) else f"{100 * share:+.1f} %"
