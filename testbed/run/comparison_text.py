"""A comparison of strategies as text (pure)."""

import math

from testbed.run.compare import Comparison, Interval, Pair, best
from testbed.run.layout import wrapped
from testbed.run.tables import table


def text(found: Comparison, columns: int = 0) -> str:
    """Means with their intervals, and each pair's ratio of overheads, for a terminal of ``columns`` (0: any)."""
    head = ("", "overhead", "delay s", "energy J", "deadlines kept", "backlog")
    rows = [
        (
            name, _shown(one.overhead), _shown(one.delay_s), _shown(one.energy_j), _shown(one.deadline_hit_rate),
            "stable" if one.stable else f"UNSTABLE ({one.unstable_workloads} of {found.workloads})",
        )
        for name, one in found.policies.items()
    ]  # fmt: skip
    workloads = f"{found.workloads} workload{'s' if found.workloads != 1 else ''}, mean ± half of the 95 % interval"
    pairs = "\n".join(_pair(pair) for pair in found.pairs if pair.metric == "overhead")
    winner = best(found)
    said = f"\nleast overhead: {winner}\n" if winner and len(found.policies) > 1 else ""
    failed = "".join(_failed(name, one.policy_errors) for name, one in found.policies.items() if one.policy_errors)
    shown = f"{workloads}\n\n{table(head, rows, columns)}\n{failed}" + (f"\n{pairs}\n" if pairs else "") + said
    return wrapped(shown, columns)


def _failed(name: str, count: int) -> str:
    return f"\nWARNING: {name} failed {count} time{'s' if count > 1 else ''}, and the fallback decided instead\n"


def _shown(interval: Interval) -> str:
    half = (interval.ci95[1] - interval.ci95[0]) / 2.0
    return f"{interval.mean:.4f}" if math.isnan(half) else f"{interval.mean:.4f} ± {half:.4f}"


def _pair(pair: Pair) -> str:
    head = f"overhead of {pair.a} is {pair.ratio:.3f} of {pair.b}'s"
    if not pair.stable:
        return f"{head}; one of them is unstable, so this says nothing"
    if math.isnan(pair.ci95[0]):
        return f"{head}; one workload tells no interval"
    verdict = "significant" if pair.significant else "not significant"
    return f"{head} [{pair.ci95[0]:.3f}, {pair.ci95[1]:.3f}], {verdict}"
