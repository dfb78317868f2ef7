"""A comparison of strategies as text, and as the rows of a CSV file (pure)."""

import math
from collections.abc import Iterable, Mapping

import msgspec

from testbed.analysis.comparison import LEVEL, METRICS, Comparison, Interval, Pair, best
from testbed.cli.labels import checkpoints, labels
from testbed.cli.layout import wrapped
from testbed.cli.summary_text import count
from testbed.cli.text_table import table

HEAD = ("", "overhead", "delay s", "p95 s", "p99 s", "energy J", "deadlines met", "backlog")
CSV_HEAD = (
    "policy",
    "workloads",
    *(f"{metric}{part}" for metric in METRICS for part in ("", "_low", "_high")),
    "stable",
    "unstable_workloads",
    "policy_errors",
)


def text(comparison: Comparison, columns: int = 0) -> str:
    """Means with their intervals, and each pair's ratio of overheads, for a terminal of ``columns`` (0: any).

    Policies have short names; checkpoints are listed once below.
    """
    labelled = labels(comparison.policies)
    comparison = _relabelled(comparison, labelled)
    rows = [
        (
            name,
            *(_shown(getattr(one, metric)) for metric in METRICS),
            "stable" if one.stable else f"UNSTABLE ({one.unstable_workloads} of {comparison.workloads})",
        )
        for name, one in comparison.policies.items()
    ]
    pairs = [pair for pair in comparison.pairs if pair.metric == METRICS[0]]
    winner = best(comparison)
    blocks = [
        _workloads(comparison),
        table(HEAD, rows, columns),
        "\n".join(_failed(name, one.policy_errors) for name, one in comparison.policies.items() if one.policy_errors),
        "\n".join([*(_pair(pair, several=_tested(pairs) > 1) for pair in pairs), *_test(pairs, comparison.workloads)]),
        f"lowest overhead: {winner}" if winner and pairs else "",
        checkpoints(labelled),
    ]
    return wrapped("\n\n".join(block for block in blocks if block) + "\n", columns)


def _relabelled(comparison: Comparison, labelled: Mapping[str, str]) -> Comparison:
    named = {labelled[name]: one for name, one in comparison.policies.items()}
    pairs = [msgspec.structs.replace(pair, a=labelled[pair.a], b=labelled[pair.b]) for pair in comparison.pairs]
    return msgspec.structs.replace(comparison, policies=named, pairs=pairs)


def csv_rows(comparison: Comparison) -> Iterable[tuple[object, ...]]:
    """One row a strategy, under `CSV_HEAD`: each metric's mean and the bounds of its 95 % interval (empty: unknown)."""
    for name, one in comparison.policies.items():
        intervals = (getattr(one, metric) for metric in METRICS)
        values = [value for interval in intervals for value in (interval.mean, *interval.ci95)]
        known = ("" if math.isnan(value) else repr(value) for value in values)
        yield name, comparison.workloads, *known, str(one.stable).lower(), one.unstable_workloads, one.policy_errors


def _workloads(comparison: Comparison) -> str:
    line = count(comparison.workloads, "workload")
    line += ", mean ± 95 % CI half-width" if comparison.workloads > 1 else ", no confidence interval: only one workload"
    if comparison.empty_workloads:
        line += f"\nWARNING: {count(comparison.empty_workloads, 'workload')} left out, in which no task finished"
    return line


def _test(pairs: list[Pair], workloads: int) -> list[str]:
    """How the pairs were tested, in one line; none where they were not."""
    tested = _tested(pairs)
    if not tested:
        return []
    holm = f", p corrected for {tested} pairs (Holm), each interval for its pair alone" if tested > 1 else ""
    return [f"two-sided t test of the ratio, paired by workload ({workloads}), level {100 * LEVEL:g} %{holm}"]


def _tested(pairs: list[Pair]) -> int:
    return sum(not math.isnan(pair.p) for pair in pairs)


def _failed(name: str, times: int) -> str:
    return f"WARNING: {name} failed {count(times, 'time')}, and the fallback decided instead"


def _shown(interval: Interval) -> str:
    if math.isnan(interval.mean):
        return "-"
    half = (interval.ci95[1] - interval.ci95[0]) / 2.0
    return f"{interval.mean:.4f}" if math.isnan(half) else f"{interval.mean:.4f} ± {half:.4f}"


def _pair(pair: Pair, *, several: bool) -> str:
    """A pair in words; of ``several``, p is corrected and the interval is not."""
    if math.isnan(pair.ratio):
        return f"{pair.a}'s overhead has no ratio to {pair.b}'s, which is 0"
    head = f"{pair.a}'s overhead is {pair.ratio:.3f} × {pair.b}'s"
    if not pair.stable:
        return f"{head}: meaningless, because one of them is unstable"
    if math.isnan(pair.p):
        return head
    low, high = pair.ci95
    verdict = "significant" if pair.significant else "not significant"
    alone, corrected = (" of this pair alone", " after Holm's correction") if several else ("", "")
    return f"{head} (95 % CI{alone} {low:.3f} to {high:.3f}, {_p(pair.p_holm)}{corrected}): {verdict}"


def _p(value: float) -> str:
    return "p < 0.001" if value < 0.001 else f"p = {value:.3f}"
