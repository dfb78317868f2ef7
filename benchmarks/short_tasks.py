"""How late short executions end on the testbed: 8 kbit at 500 kbit/s and 1 ms of work, 17 ms if nothing were late.

Several cells and UEs, all or some of whose tasks are offloaded, at speed 1 and faster; and `region`, whose executions
are long, so that grades and slips at its speeds can be compared. Give ``--python`` the interpreter of another checkout
to measure that one.
"""

import argparse
import json
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from harness import Entry, measure, middle

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
HEAD = [
    "| scenario | strategy | error median | p99 | median lag of offloaded tasks, ms | slips | grades | load, steal |",
    "|---|---|---|---|---|---|---|---|",
]


def run(row: Entry, python: str) -> Entry:
    """One live run: errors, slips, grade, and how late offloaded tasks ended (wall ms)."""
    name, policy, options = SETTINGS[row["setting"]]
    with tempfile.TemporaryDirectory() as folder:
        scenario = name
        if name == "short":
            scenario = str(Path(folder) / "short.yaml")
            Path(scenario).write_text(SCENARIO)
        out = str(Path(folder) / "run")
        command = [python, "-m", "testbed", "run", scenario, "--policy", policy, "--seed", str(row["seed"])]
        command += [*LIVE, *options, "--out", out, "--json"]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        lags = lags_ms(Path(out) / "run.db")
    found = json.loads(done.stdout)
    fidelity = found["fidelity"]
    return {
        "lag_ms": middle(lags) / found["speed"] if lags else None,
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


def line(mine: Sequence[Entry]) -> str:
    """One setting: medians over its runs."""
    name, policy, options = SETTINGS[mine[0]["setting"]]
    speed = options[options.index("--speed") + 1] if "--speed" in options else "1"
    loads = ", ".join(f"{row['host_cpu']:.0%} {row['steal']:.1%}" for row in mine)
    return (
        f"| {name}, speed {speed} | {policy} | {middle(row['error_median'] for row in mine):.2%} "
        f"| {middle(row['error_p99'] for row in mine):.2%} | {middle(row['lag_ms'] for row in mine):.3f} "
        f"| {', '.join(str(row['slipped']) for row in mine)} | {''.join(row['grade'] for row in mine)} | {loads} |"
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="lateness of short executions")
    parser.add_argument("--out", type=Path, help="JSON lines to keep runs in, and to go on from")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--python", default=sys.executable, help="the interpreter that has the testbed to be measured")
    args = parser.parse_args()
    wanted = [{"setting": n, "seed": seed} for seed in range(1, args.runs + 1) for n in range(len(SETTINGS))]
    found = measure(wanted, args.out, lambda row: run(row, args.python))
    lines = [line([row for row in found if row["setting"] == n]) for n in range(len(SETTINGS))]
    print("\n".join([*HEAD, *lines]))


if __name__ == "__main__":
    main()
