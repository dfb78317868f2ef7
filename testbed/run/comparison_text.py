"""A comparison of strategies as text (pure)."""

import math

from testbed.run.compare import Comparison, Interval, Pair, best
from testbed.run.layout import wrapped
from testbed.run.tables import table


def text(found: Comparison, columns: int = 0) -> str:
    """Means with their intervals, and each pair's ratio of overheads, for a terminal of ``columns`` (0: any)."""
    if not found.policies:
        return f"no task finished in {_workloads(found.left_out)}: nothing to compare\n"
    head = ("", "overhead", "delay s", "energy J", "deadlines kept", "backlog")
    rows = [
        (
            name, _shown(one.overhead), _shown(one.delay_s), _shown(one.energy_j), _shown(one.deadline_hit_rate),
            "stable" if one.stable else f"UNSTABLE ({one.unstable_workloads} of {found.workloads})",
        )
        for name, one in found.policies.items()
    ]  # fmt: skip
    without = f"; left out: {_workloads(found.left_out)} of which no task finished" if found.left_out else ""
    workloads = f"{_workloads(found.workloads)}, mean ± half of the 95 % interval{without}"
    pairs = "\n".join(_pair(pair) for pair in found.pairs if pair.metric == "overhead")
    winner = best(found)
    said = f"\nleast overhead: {winner}\n" if winner and len(found.policies) > 1 else ""
    failed = "".join(_failed(name, one.policy_errors) for name, one in found.policies.items() if one.policy_errors)
    shown = f"{workloads}\n\n{table(head, rows, columns)}\n{failed}" + (f"\n{pairs}\n" if pairs else "") + said
    return wrapped(shown, columns)


def _workloads(count: int) -> str:
    return f"{count} workload{'s' if count != 1 else ''}"


def _failed(name: str, count: int) -> str:
    return f"\nWARNING: {name} failed {count} time{'s' if count > 1 else ''}, and the fallback decided instead\n"


def _shown(interval: Interval) -> str:
    half = (interval.ci95[1] - interval.ci95[0]) / 2.0
    return f"{interval.mean:.4f}" if math.isnan(half) else f"{interval.mean:.4f} ± {half:.4f}"


def _pair(pair: Pair) -> str:
    if math.isnan(pair.ratio):
        return f"overhead of {pair.a} is no multiple of {pair.b}'s, which is 0"
    head = f"overhead of {pair.a} is {pair.ratio:.3f} of {pair.b}'s"
    if not pair.stable:
        return f"{head}; one of them is unstable, so this says nothing"
    if math.isnan(pair.ci95[0]):
        return f"{head}; one workload tells no interval"
    verdict = "significant" if pair.significant else "not significant"
    return f"{head} [{pair.ci95[0]:.3f}, {pair.ci95[1]:.3f}], {verdict}"
