"""What a UE costs: CPU a UE and slot by role, live, with and without crowds, and the simulation of many UEs.

``python benchmarks/scale.py --out scale.jsonl`` keeps every run in a file and goes on from there. Live: 30 cells with
the radio and the tasks of `region`, a task in 70 % of the slots, `greedy-do`, declared payload, nothing burnt. CPU
time is that of all processes of the run between its second slot and its last but one, so host load changes it little.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import psutil

from harness import Entry, measure, middle, options, recorded, report, spent, table
from testbed.record.reader import read_meta

SCENARIO = """
name: scale
slots: {slots}
cells: [{cells}]
emulation: {{payload: declared, burn: 0, ues_per_process: 100, speed: {speed}}}
"""
CELL = "{{es: {{cpu: {ghz} GHz}}, ues: {ues}, crowd: {crowd}}}"
CELLS, GHZ_A_UE, SAMPLE_S = 30, 0.6, 0.2
LIVE = ((3000, 0, 1.0), (3000, 1.0, 1.0), (10_000, 1.0, 1.0), (10_000, 1.0, 0.5))
SIMULATED = (1_000, 10_000, 100_000)
HEAD = ("UEs", "played by", "speed", "grade", "error p50, p99", "answers seen p50, p99", "CPU a UE and slot", "by role")
HEAD_SIMULATED = ("UEs simulated", "seconds a slot", "memory")


def wanted(runs: int, *, quick: bool) -> Iterator[Entry]:
    """What to measure, each once."""
    for run in range(1, runs + 1):
        for ues, crowd, speed in LIVE[:2] if quick else LIVE:
            yield {"kind": "live", "ues": ues, "crowd": crowd, "speed": speed, "slots": 8 if quick else 12, "run": run}
    for ues in SIMULATED[:1] if quick else SIMULATED:
        yield {"kind": "simulated", "ues": ues, "slots": 3}


def scenario(row: Entry, cells: int = CELLS) -> str:
    """The scenario of a row, its UEs spread evenly over ``cells``."""
    ues = -(-row["ues"] // cells)
    cell = CELL.format(ghz=max(1, round(GHZ_A_UE * ues)), ues=ues, crowd=int(ues * row.get("crowd", 0)))
    return SCENARIO.format(slots=row["slots"], cells=", ".join([cell] * cells), speed=row.get("speed", 1))


def run(row: Entry) -> Entry:
    """One measurement."""
    with tempfile.TemporaryDirectory(prefix="scale-") as folder:
        file = Path(folder) / "scale.yaml"
        if row["kind"] == "live":
            file.write_text(scenario(row))
            return _live(row, file, Path(folder) / "run")
        file.write_text(scenario(row))
        command = ("run", str(file), "--backend", "sim", "--policy", "greedy-do", "--out", f"{folder}/run")
        whole = spent(*command)
        less = spent(*command[:-1], f"{folder}/less", "--slots", "1")
        return {"slot_s": (whole.cpu_s - less.cpu_s) / (row["slots"] - 1), "peak_bytes": whole.peak_bytes}


def _live(row: Entry, file: Path, out: Path) -> Entry:
    command = [sys.executable, "-m", "testbed", "run", str(file), "--policy", "greedy-do", "--out", str(out), "--json"]
    looks: list[tuple[int, dict[str, tuple[str, float]]]] = []
    load = os.getloadavg()[0]
    with tempfile.TemporaryFile("w+") as printed:
        process = subprocess.Popen(command, stdout=printed, stderr=subprocess.PIPE)
        try:
            while process.poll() is None:
                time.sleep(SAMPLE_S)
                looks.append((time.monotonic_ns(), _cpu_s(process.pid, out)))
        finally:
            if process.poll() is None:
                process.terminate()
        if process.returncode:
            sys.exit(process.stderr.read().decode() if process.stderr is not None else "")
        printed.seek(0)
        summary = json.load(printed)
    fidelity, cost = summary["fidelity"], _cost_us(row, looks, read_meta(out / "run.db"))
    return {
        "load_before": load,
        "grade": fidelity["grade"],
        "error_median": fidelity["delay_error"]["median"],
        "error_p99": fidelity["delay_error"]["p99"],
        "seen_ms": summary["decision_ms"]["seen"],
        "host_cpu": fidelity["host_cpu"],
        "unaccounted": summary["tasks"]["unaccounted"],
        "cost_us": cost,
    }


def _cpu_s(launcher: int, out: Path) -> dict[str, tuple[str, float]]:
    """Role and CPU seconds so far of every process of a run, by name."""
    try:
        processes = json.loads((out / "processes.json").read_text())
    except (OSError, ValueError):
        return {}
    result = {}
    for one in [*processes, {"name": "launcher", "role": "launcher", "pid": launcher}]:
        try:
            times = psutil.Process(one["pid"]).cpu_times()
            result[one["name"]] = (one["role"], times.user + times.system)
        except psutil.Error:
            continue
    return result


def _cost_us(row: Entry, looks: Sequence[tuple[int, dict[str, tuple[str, float]]]], meta: Entry) -> dict[str, float]:
    """µs of CPU a UE and slot, by role, between the second slot and the last but one."""
    slot_ns = 1e9 / row["speed"]
    epoch = int(meta["epoch_monotonic_ns"])
    inside = [look for look in looks if epoch + slot_ns <= look[0] <= epoch + (row["slots"] - 1) * slot_ns]
    (began, first), (ended, last) = inside[0], inside[-1]
    cost: dict[str, float] = {}
    for name, (role, cpu_s) in last.items():
        spent_s = cpu_s - first[name][1] if name in first else 0.0
        cost[role] = cost.get(role, 0.0) + spent_s * 1e6 / row["ues"] / ((ended - began) / slot_ns)
    return cost


def tables(entries: Sequence[Entry]) -> list[Entry]:
    """One row for each kind of run: medians over its repetitions."""
    result = []
    for row in (entry for entry in entries if entry.get("run", 1) == 1):
        same = [
            entry for entry in entries if all(entry.get(k) == row.get(k) for k in ("kind", "ues", "crowd", "speed"))
        ]
        result.append({**row, "of": same})
    return result


def shown(rows: Sequence[Entry]) -> str:
    """Both tables."""
    live = [_live_line(row["of"]) for row in rows if row["kind"] == "live"]
    simulated = [
        (f"{row['ues']:,}", f"{row['slot_s']:.2f}", f"{row['peak_bytes'] / 1e6:,.0f} MB")
        for row in rows
        if row["kind"] == "simulated"
    ]
    return table(HEAD, live) + "\n\n" + table(HEAD_SIMULATED, simulated)


def _live_line(runs: Sequence[Entry]) -> Sequence[str]:
    one = runs[0]
    roles = sorted({role for run in runs for role in run["cost_us"]})
    by_role = {role: middle(run["cost_us"].get(role, 0.0) for run in runs) for role in roles}
    seen = [(middle(run["seen_ms"][key] for run in runs)) for key in ("p50", "p99")]
    return (
        f"{one['ues']:,}",
        "crowds" if one["crowd"] else "100 a process",
        f"{one['speed']:g}",
        "".join(run["grade"] or "-" for run in runs),
        f"{middle(run['error_median'] for run in runs):.2%}, {middle(run['error_p99'] for run in runs):.2%}",
        f"{seen[0]:.0f} ms, {seen[1]:.0f} ms",
        f"{middle(sum(run['cost_us'].values()) for run in runs) / 1e3:.3f} ms",
        ", ".join(f"{role} {cost:.0f} µs" for role, cost in by_role.items()),
    )


def main() -> None:
    """Measure and print."""
    args = options("CPU a UE and slot", quick="short runs of the smallest", page="the tables", default=1).parse_args()
    if args.show:
        entries = recorded(args.out, "scale.jsonl")
    else:
        entries = measure(list(wanted(args.runs, quick=args.quick)), args.out, run)
    rows = tables(entries)
    report(args, rows, shown(rows), "scale")


if __name__ == "__main__":
    main()
