"""Tables of `learning.py` from its lines (pure): means, paired bootstrap intervals, interquartile means, stability."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from harness import table
from testbed.analysis.bootstrap import interquartile_mean, ratio_of_means
from testbed.analysis.comparison import UNSTABLE_SHARE

Line = dict[str, Any]
NEAR = 1.02


def change(a: Any, b: Any) -> str:
    """``a`` against ``b`` in percent, with its interval."""
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        return "unstable"
    ratio = ratio_of_means(a, b)
    middle, low, high = (100.0 * (value - 1.0) for value in (ratio.value, ratio.low, ratio.high))
    return f"{middle:+.1f} % [{low:+.1f}, {high:+.1f}]"


def near_final_s(curve: Sequence[Sequence[float]]) -> float:
    """CPU seconds until the validation overhead first comes within 2 % of its final value, the best of the curve."""
    final = min((overhead for _, _, overhead in curve), default=math.nan)
    return next((seconds for seconds, _, overhead in curve if overhead <= NEAR * final), math.nan)


def stable(flags: Any) -> bool:
    """Whether at most a quarter of all workloads saw a growing backlog."""
    return bool(1.0 - np.mean(flags) <= UNSTABLE_SHARE)


def groups(lines: Iterable[Line]) -> dict[tuple[str, ...], list[Line]]:
    """Lines of the same setting by (scenario, changes, algorithm, options), in the order they came."""
    by_setting: dict[tuple[str, ...], list[Line]] = {}
    for line in lines:
        options = ", ".join(f"{name} {value}" for name, value in line["options"].items())
        key = (line["scenario"], ", ".join(line["changes"]), line["algorithm"], options)
        by_setting.setdefault(key, []).append(line)
    return by_setting


def summaries(lines: Sequence[Line]) -> list[dict[str, Any]]:
    """One record a setting: mean overhead over seeds and workloads, against the best baselines of its scenario."""
    base = {(x["scenario"], ", ".join(x["changes"])): x["strategies"] for x in lines if x["algorithm"] == "baselines"}
    records = []
    for (scenario, changes, algorithm, options), of_setting in groups(lines).items():
        if algorithm in ("baselines", "bound"):
            continue
        overhead = np.array([line["overhead"] for line in of_setting])
        record: dict[str, Any] = {
            "scenario": scenario,
            "changes": changes,
            "algorithm": algorithm,
            "options": options,
            "seeds": len(of_setting),
            "overhead": float(overhead.mean()),
            "stable": stable([line["stable"] for line in of_setting]),
            "near_final_cpu_s": float(np.median([near_final_s(line["curve"]) for line in of_setting])),
            "cpu_s": float(np.median([line.get("cpu_s", math.nan) for line in of_setting])),
            "updates_per_s": float(np.median([line.get("updates_per_s", math.nan) for line in of_setting])),
            "curve": interquartile_mean([[point[2] for point in line["curve"]] for line in of_setting]).tolist()
            if len({len(line["curve"]) for line in of_setting}) == 1
            else [],
        }
        known = base.get((scenario, changes), {})
        for name in ("priced", "priced-do", "greedy-do", "random-do"):
            if name in known:
                record[name] = change(overhead, known[name]["overhead"])
        records.append(record)
    return records


def baseline_table(lines: Sequence[Line]) -> str:
    """Mean overhead of the heuristics by scenario."""
    rows = []
    names: list[str] = []
    for line in lines:
        if line["algorithm"] == "baselines":
            names = names or list(line["strategies"])
            cells = [
                f"{np.mean(one['overhead']):.4f}" if stable(one["stable"]) else "unstable"
                for one in (line["strategies"][name] for name in names)
            ]
            rows.append([line["scenario"], ", ".join(line["changes"]), *cells])
    return table(["scenario", "", *names], rows)


def learned_table(lines: Sequence[Line]) -> str:
    """Mean overhead of what was trained, against the baselines, with pace."""
    rows = []
    for one in summaries(lines):
        mean = f"{one['overhead']:.4f}" if one["stable"] else f"{one['overhead']:.4f} (unstable)"
        against = [one.get(name, "") for name in ("priced-do", "greedy-do", "random-do")]
        pace = [
            "" if math.isnan(one[name]) else f"{one[name]:.0f}"
            for name in ("near_final_cpu_s", "cpu_s", "updates_per_s")
        ]
        rows.append(
            [
                one["scenario"],
                one["changes"],
                one["algorithm"],
                one["options"],
                str(one["seeds"]),
                mean,
                *against,
                *pace,
            ]
        )
    head = [
        "scenario",
        "",
        "policy",
        "options",
        "seeds",
        "overhead",
        "against priced-do",
        "against greedy-do",
        "against random-do",
        "s to 2 %",
        "CPU s",
        "updates/s",
    ]
    return table(head, rows)


def order_table(lines: Sequence[Line], pairs: Sequence[tuple[str, str]]) -> str:
    """Learned strategies against each other, on the same scenario and options."""
    by_setting = groups(lines)
    rows = []
    for (scenario, changes, algorithm, options), of_setting in by_setting.items():
        for a, b in pairs:
            other = by_setting.get((scenario, changes, b, options))
            if algorithm == a and other:
                difference = change([x["overhead"] for x in of_setting], [x["overhead"] for x in other])
                rows.append([scenario, changes, f"{a} against {b}", difference])
    return table(["scenario", "", "pair", "overhead"], rows)


def bound_table(lines: Sequence[Line]) -> str:
    """The best found in hindsight, and how far above it strategies are, means over seeds and workloads."""
    rows = []
    for (scenario, changes, algorithm, _), of_setting in groups(lines).items():
        if algorithm == "bound":
            bounds = [line["bound"] for line in of_setting]
            best, low = (np.mean([one[name]["overhead"] for one in bounds]) for name in ("best_found", "lower_bound"))
            above: dict[str, list[float]] = {}
            for name, result in (pair for one in bounds for pair in one["policies"].items()):
                above.setdefault(name.partition(":")[0], []).append(result["above_best"])
            distances = ", ".join(f"{name} {100.0 * np.mean(each):+.1f} %" for name, each in above.items())
            rows.append([scenario, changes, str(len(of_setting)), f"{best:.4f}", f"{low:.4f}", distances])
    return table(["scenario", "", "seeds", "best found", "lower bound", "above the best found"], rows)


def cost_table(wanted: Sequence[Line], lines: Sequence[Line]) -> str:
    """CPU seconds of the ``wanted`` jobs by table: as measured, or as others of their strategy took in the median."""
    spent: dict[str, list[float]] = {}
    known: dict[tuple[str, ...], float] = {}
    for line in lines:
        known[_place(line)] = line["all_cpu_s"] if "all_cpu_s" in line else line.get("cpu_s", math.nan)
        spent.setdefault(line["algorithm"], []).append(known[_place(line)])
    usual = {name: float(np.nanmedian(each)) for name, each in spent.items() if not np.isnan(each).all()}
    rows: dict[str, list[float]] = {}
    for job in wanted:
        row = rows.setdefault(job["table"], [0.0, 0.0, 0.0, 0.0])
        cost = known.get(_place(job), math.nan)
        cost = usual.get(job["algorithm"], math.nan) if math.isnan(cost) else cost
        row[0] += 1
        row[1] += cost
        if _place(job) in known:
            row[2] += 1
        else:
            row[3] += cost
    named = [
        [name, *("unknown" if math.isnan(number) else f"{number:.0f}" for number in row)] for name, row in rows.items()
    ]
    return table(["table", "jobs", "CPU s", "done", "CPU s left"], named)


def _place(line: Line) -> tuple[str, ...]:
    return tuple(str(line[name]) for name in ("scenario", "algorithm", "seed", "options")) + tuple(line["changes"])
