"""How late short executions end on the testbed: 8 kbit at 500 kbit/s and 1 ms of work, 17 ms if nothing were late.

Several cells and UEs, all or some of whose tasks are offloaded, at speed 1 and faster; and `region`, whose executions
are long, so that grades and slips at its speeds can be compared. Give ``--python`` the interpreter of another checkout
to measure that one.
"""

import sqlite3
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from harness import Entry, measure, middle, options, report, table, testbed

SCENARIO = """
name: short
slots: 60
slot: 0.2 s
density: 0.7
second_offload: {threshold: 1 s}
radio: {bandwidth: 500 kHz, max_spectral_efficiency: 1, latency: 0 ms}
backhaul: {rate: 1 Gbit/s, latency: 1 ms}
task: {input: 8 kbit, cycles: 1 M, deadline: 1 s}
ue: {distance: 10 m, cpu: {uniform: [5 MHz, 80 MHz]}}
emulation: {payload: declared}
cells:
  - {es: {cpu: 1 GHz}, ues: 2}
  - {es: {cpu: 1 GHz}, ues: 2}
"""
LIVE = ("--set", "emulation.payload=declared")
SETTINGS: tuple[tuple[str, str, Sequence[str]], ...] = (
    ("short", "offload", ()),
    ("short", "greedy-do", ()),
    ("region", "greedy-do", ("--slots", "200", "--speed", "20")),
    ("region", "random-do", ("--slots", "200", "--speed", "20")),
)
HEAD = (
    "scenario",
    "strategy",
    "error median",
    "p99",
    "median lag of offloaded tasks, ms",
    "slips",
    "grades",
    "load, steal",
)


def run(row: Entry, python: str) -> Entry:
    """One live run: errors, slips, grade, and how late offloaded tasks ended (wall ms)."""
    name, policy, extra = SETTINGS[row["setting"]]
    with tempfile.TemporaryDirectory() as folder:
        scenario = name
        if name == "short":
            scenario = str(Path(folder) / "short.yaml")
            Path(scenario).write_text(SCENARIO)
        out = str(Path(folder) / "run")
        asked = ("--policy", policy, "--seed", str(row["seed"]), *LIVE, *extra, "--out", out)
        summary = testbed("run", scenario, *asked, python=python)
        lags = lags_ms(Path(out) / "run.db")
    fidelity = summary["fidelity"]
    return {
        "lag_ms": middle(lags) / summary["speed"] if lags else None,
        "slipped": fidelity["slipped"],
        "error_median": fidelity["delay_error"]["median"],
        "error_p99": fidelity["delay_error"]["p99"],
        "grade": fidelity["grade"],
        "steal": fidelity["steal"],
        "host_cpu": fidelity["host_cpu"],
    }


def lags_ms(path: Path) -> list[float]:
    """By how much each offloaded task ended later than the instant that its run computed for it (emulated ms)."""
    code = "SELECT emulation_ns FROM tasks WHERE choice = 1 AND finished_ns >= 0"
    with sqlite3.connect(path) as record:
        return [lag / 1e6 for (lag,) in record.execute(code)]


def tables(entries: Sequence[Entry]) -> list[Entry]:
    """One row a setting: medians over its runs, and the runs."""
    rows = []
    for number, (name, policy, extra) in enumerate(SETTINGS):
        runs = [row for row in entries if row["setting"] == number]
        rows.append(
            {
                "scenario": f"{name}, speed {extra[extra.index('--speed') + 1] if '--speed' in extra else '1'}",
                "policy": policy,
                "error_median": middle(row["error_median"] for row in runs),
                "error_p99": middle(row["error_p99"] for row in runs),
                "lag_ms": middle(row["lag_ms"] for row in runs),
                "runs": runs,
            }
        )
    return rows


def line(row: Entry) -> Sequence[str]:
    """One setting."""
    return (
        row["scenario"],
        row["policy"],
        f"{row['error_median']:.2%}",
        f"{row['error_p99']:.2%}",
        f"{row['lag_ms']:.3f}",
        ", ".join(str(run["slipped"]) for run in row["runs"]),
        "".join(run["grade"] for run in row["runs"]),
        ", ".join(f"{run['host_cpu']:.0%} {run['steal']:.1%}" for run in row["runs"]),
    )


def main() -> None:
    """Measure and print."""
    parser = options("lateness of short executions")
    parser.add_argument("--python", default=sys.executable, help="the interpreter that has the testbed to be measured")
    args = parser.parse_args()
    wanted = [{"setting": n, "seed": seed} for seed in range(1, args.runs + 1) for n in range(len(SETTINGS))]
    rows = tables(measure(wanted, args.out, lambda row: run(row, args.python)))
    report(args, rows, table(HEAD, [line(row) for row in rows]))


if __name__ == "__main__":
    main()
