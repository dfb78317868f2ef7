"""Learning on the running testbed from nothing: the learning curve, and the memory of the workers.

``python benchmarks/live_from_nothing.py --out DIR``: `region` at speed 60, five UEs a process, declared payload, with
``--learn`` from a network that knows nothing. Overheads are of the tasks generated in each block of slots, beside
`greedy-do` on the same workload in the twin. The memory of workers is looked at every two seconds. Everything is kept
in DIR, and what is there is not done again.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import psutil
from numpy.typing import NDArray

import testbed
from harness import Entry, measure, table
from live_learning import ENTRIES, POLICY, options_of
from testbed.analysis import intervals
from testbed.model.human import MB

RIVAL = "greedy-do"
EMULATION = ("emulation.burn=0.02", "emulation.payload=declared", "emulation.ues_per_process=5")
LOOK_S, PATIENCE_S = 2.0, 900


def memory_of_workers(path: Path) -> dict[str, float]:
    """The memory that each learning process of a run has for itself, MB."""
    try:
        processes = json.loads((path / "processes.json").read_text())
    except (OSError, ValueError):
        return {}
    megabytes = {}
    for one in processes:
        if one["name"].startswith("learner"):
            try:
                megabytes[one["name"]] = psutil.Process(one["pid"]).memory_full_info().uss / MB
            except psutil.Error:
                continue
    return megabytes


def watched(command: list[str], path: Path) -> list[tuple[float, dict[str, float]]]:
    """Run ``command``; (seconds since the start, memory of workers) while it runs."""
    began, looks = time.monotonic(), list[tuple[float, dict[str, float]]]()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        while process.poll() is None and time.monotonic() - began < PATIENCE_S:
            try:
                process.wait(LOOK_S)
            except subprocess.TimeoutExpired:
                looks.append((time.monotonic() - began, memory_of_workers(path)))
        if process.poll() is None:
            process.terminate()
        if process.wait() != 0:
            sys.exit(f"{path}: the run ended with exit code {process.returncode}")
    return [look for look in looks if look[1]]


def by_block(columns: Mapping[str, NDArray[np.generic]], slots: int, block: int, slot_ns: int) -> list[float]:
    """Mean overhead of the tasks generated in each block of slots, of those that finished."""
    done = columns["finished_ns"].astype(np.int64) >= 0
    slot = columns["generated_ns"].astype(np.int64)[done] // slot_ns
    overhead = columns["overhead"].astype(float)[done]
    return [float(overhead[(slot >= first) & (slot < first + block)].mean()) for first in range(0, slots, block)]


def learned(out: Path, row: Entry) -> Entry:
    """A run that learns from nothing: its curve, its rival's, memory of workers, grade."""
    mode, seed, slots, block = row["mode"], row["seed"], row["slots"], row["block"]
    path = out / f"{mode}-{seed}"
    where = ["--speed", f"{row['speed']:g}", "--seed", str(seed), "--slots", str(slots), "--out", str(path)]
    changes = [word for change in EMULATION for word in ("--set", change)]
    command = [sys.executable, "-m", "testbed", "run", "region", "--policy", POLICY, *where, *changes]
    looks = watched([*command, *options_of(mode), "--plain"], path)
    run = testbed.read_run(path)
    scenario = testbed.load_scenario(str(path))
    rival = testbed.run_scenario(scenario, RIVAL, backend="twin", out=str(out / f"{RIVAL}-{mode}-{seed}"))
    return {
        "curve": by_block(run.columns("tasks"), slots, block, scenario.slot_ns),
        "rival": by_block(rival.columns("tasks"), slots, block, scenario.slot_ns),
        "memory": looks,
        "learning": run.summary["learning"],
        "decision_ms": run.summary["decision_ms"],
        "grade": run.summary["fidelity"]["grade"],
    }


def show_curve(mode: str, runs: list[Entry], block: int) -> None:
    """The learning curve of a mode, with 95 % intervals over runs."""
    rows = []
    for n in range(len(runs[0]["curve"])):
        one = intervals.of_mean([run["curve"][n] for run in runs])
        rival = statistics.mean(run["rival"][n] for run in runs)
        rows.append(
            (f"{n * block} to {(n + 1) * block}", f"{one.value:.4f} [{one.low:.4f}, {one.high:.4f}]", f"{rival:.4f}")
        )
    print(table((f"slots, {mode}", "overhead [95 % interval]", RIVAL), rows), end="\n\n")


def show_runs(runs: list[Entry]) -> None:
    """What each run took and gave."""
    rows = []
    for run in runs:
        grown = []
        for name in sorted({name for _, look in run["memory"] for name in look}):
            seen = [look[name] for _, look in run["memory"] if name in look]
            quarter = max(1, len(seen) // 4)
            middles = [statistics.median(part) for part in (seen[quarter : 2 * quarter], seen[-quarter:]) if part]
            grown.append(" → ".join(f"{value:.1f}" for value in middles))
        answered = run["decision_ms"]["answered"]
        rows.append(
            (
                run["mode"],
                str(run["seed"]),
                str(run["learning"]["updates"]),
                f"{run['learning']['policy_lag']:.0f}",
                f"{answered['p50']:.2f}, {answered['p99']:.2f}",
                str(run["grade"]),
                "; ".join(grown),
            )
        )
    head = ("mode, workers", "seed", "updates", "lag", "answered p50, p99 ms", "grade")
    print(table((*head, "MB of each worker, second quarter → last"), rows))


def main() -> None:
    """Do what is missing, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("live-from-nothing"), help="where everything is kept")
    parser.add_argument("--seeds", type=int, default=3, help="runs of each mode (3)")
    parser.add_argument("--slots", type=int, default=10_000, help="slots of learning (10000)")
    parser.add_argument("--block", type=int, default=1000, help="slots of a point of the curve (1000)")
    parser.add_argument("--speed", type=float, default=60.0)
    parser.add_argument("--modes", default="replay-1", help="with numbers of workers (replay-1)")
    args = parser.parse_args()
    out: Path = args.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    wanted = [
        {"mode": mode, "seed": seed, "slots": args.slots, "speed": args.speed, "block": args.block}
        for mode in args.modes.split(",")
        for seed in range(101, 101 + args.seeds)
    ]
    entries = measure(wanted, out / ENTRIES, lambda row: learned(out, row))
    for mode in args.modes.split(","):
        show_curve(mode, [entry for entry in entries if entry["mode"] == mode], args.block)
    show_runs(entries)


if __name__ == "__main__":
    main()
