"""Testbed against simulation: the same run repeated task by task, and the same workload decided afresh.

``python benchmarks/parity.py --out parity.jsonl`` keeps every run in a file and goes on from there; ``--quick`` is a
short form. As-recorded: the error of a task is its measured delay minus the delay that the simulation computes from the
run's workload, decisions and ask-to-answer times. Free-running: mean delay and overhead of a live run over those of the
simulation of the same workload under the same strategy, which then decides on what it sees itself.
"""

import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path

from harness import POLICIES, Entry, measure, options, report, table, testbed

DECLARED = ("--set", "emulation.payload=declared")
REAL = ("--set", "emulation.payload=real")
AS_RECORDED = ((1.0, REAL), (5.0, REAL), (20.0, DECLARED))
HEAD = (
    "speed",
    "policy",
    "runs",
    "task error median",
    "p99",
    "free-running delay",
    "range",
    "steal, max",
    "host CPU",
)


def run(folder: Path, policy: str, speed: float, seed: int, slots: int, payload: tuple[str, ...]) -> Entry:
    """One live run and its free replay in the simulation, as an entry of the file."""
    live = folder / "live"
    density = ("--set", "density=0.5")
    summary = testbed(
        "run",
        "region",
        "--policy",
        policy,
        "--speed",
        str(speed),
        "--seed",
        str(seed),
        "--slots",
        str(slots),
        *density,
        *payload,
        "--out",
        str(live),
    )
    free = testbed("replay", str(live), "--policy", policy, "--on", "sim", "--out", str(folder / "free"))
    fidelity = summary["fidelity"]
    return {
        "tasks": summary["tasks"]["generated"],
        "unaccounted": summary["tasks"]["unaccounted"],
        "delay_error": fidelity["delay_error"],
        "grade": fidelity["grade"] or "-",
        "slipped": fidelity["slipped"],
        "steal": fidelity["steal"],
        "host_cpu": fidelity["host_cpu"],
        "delay_ratio": summary["delay_s"]["mean"] / free["delay_s"]["mean"],
        "overhead_ratio": summary["overhead"]["mean"] / free["overhead"]["mean"],
    }


def wanted(seeds: int, speeds: list[float], *, quick: bool) -> list[Entry]:
    """What to run, each once."""
    rows: list[Entry] = []
    for speed, payload in AS_RECORDED:
        if speed not in speeds or (quick and speed < 5):
            continue
        for policy in POLICIES:
            if speed < 5 and policy != "greedy-do":
                continue
            rows += [
                {"speed": speed, "policy": policy, "seed": seed, "payload": payload[1], "slots": 30 if quick else 200}
                for seed in range(1, 1 + (1 if quick else seeds))
            ]
    return rows


def repeated(row: Entry) -> Entry:
    """`run` in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="parity-") as folder:
        payload = ("--set", row["payload"])
        return run(Path(folder), row["policy"], row["speed"], row["seed"], row["slots"], payload)


def tables(entries: list[Entry]) -> list[Entry]:
    """One row a speed and strategy: medians and ranges over seeds."""
    rows = []
    for speed, policy in dict.fromkeys((entry["speed"], entry["policy"]) for entry in entries):
        these = [entry for entry in entries if (entry["speed"], entry["policy"]) == (speed, policy)]
        delays = [entry["delay_ratio"] - 1 for entry in these]
        overheads = [entry["overhead_ratio"] - 1 for entry in these]
        rows.append(
            {
                "speed": speed,
                "policy": policy,
                "runs": len(these),
                "error_median": statistics.median(entry["delay_error"]["median"] for entry in these),
                "error_p99": statistics.median(entry["delay_error"]["p99"] for entry in these),
                "mean_delay": statistics.mean(delays),
                "mean_delay_range": [min(delays), max(delays)],
                "mean_overhead": statistics.mean(overheads),
                "slipped": sum(entry["slipped"] for entry in these),
                "steal": statistics.median(entry["steal"] for entry in these),
                "steal_max": max(entry["steal"] for entry in these),
                "host_cpu": statistics.median(entry["host_cpu"] for entry in these),
            }
        )
    return rows


def shown(rows: list[Entry]) -> str:
    """The table."""
    return table(HEAD, [line(row) for row in rows])


def line(row: Entry) -> Sequence[str]:
    """One speed and strategy."""
    low, high = row["mean_delay_range"]
    return (
        f"{row['speed']:g}",
        row["policy"],
        str(row["runs"]),
        f"{row['error_median']:.3%}",
        f"{row['error_p99']:.2%}",
        f"{row['mean_delay']:+.3%}",
        f"{low:+.2%} … {high:+.2%}",
        f"{row['steal']:.2%}, {row['steal_max']:.2%}",
        f"{row['host_cpu']:.0%}",
    )


def main() -> None:
    """Measure and print."""
    parser = options(
        "testbed against simulation, region at density 0.5", "--seeds", quick="30 slots, one seed, no speed 1"
    )
    parser.add_argument("--speeds", type=float, nargs="+", default=[speed for speed, _ in AS_RECORDED])
    args = parser.parse_args()
    rows = tables(measure(wanted(args.seeds, args.speeds, quick=args.quick), args.out, repeated))
    report(args, rows, shown(rows))


if __name__ == "__main__":
    main()
