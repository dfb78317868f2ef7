"""Learning in live runs whose processes die at random: workers that learn, the controller, edge servers, UEs.

``python benchmarks/learning_deaths.py --out DIR [--runs 40]``: every run begins with the same network, trained in the
twin for edge servers of half their speed, and has three workers. Two to five deaths come at random instants: those of
workers by ``kill -9``, the others as planned faults with a restart. What the runs have learned is evaluated frozen on
workloads that nobody trained on, beside runs in which nobody died. Everything is kept in DIR, and what is there is not
done again.
"""

import argparse
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path

from harness import Entry, measure, table, testbed
from live_learning import ENTRIES, LIVE, OTHER, POLICY, evaluated, trained

LIVE_SPEED, RESTART_S = 20.0, 5
MORTAL = ["controller", "es-1", "es-2", "es-3", "ue-1-1", "ue-1-5", "ue-2-1", "ue-2-5", "ue-3-1", "ue-3-5"]
LEARNERS = ["learner-1", "learner-2", "learner-3"]
LEARN = ("--learn", "--mode", "a3c", "--workers", str(len(LEARNERS)))
PATIENCE_S = 300


def deaths(seed: int, slots: int) -> tuple[list[tuple[int, str]], list[tuple[int, str]]]:
    """(slot, name) of deaths that are planned, one for each process, and of those by ``kill -9``."""
    drawn = random.Random(seed)
    first, last = slots // 10, slots - slots // 5
    planned = [(drawn.randint(first, last), name) for name in drawn.sample(MORTAL, drawn.randint(1, 3))]
    sudden = [(drawn.randint(first, last), name) for name in drawn.sample(LEARNERS, drawn.randint(1, 2))]
    return sorted(planned), sorted(sudden)


def killed(process: "subprocess.Popen[str]", out: Path, sudden: list[tuple[int, str]]) -> int:
    """Kill workers when the run's time has come, as it tells on its output; how many were there to be killed."""
    assert process.stdout is not None
    count, waiting = 0, list(sudden)
    for line in process.stdout:
        words = line.split()
        if "running:" not in words:
            continue
        now = float(words[words.index("running:") + 1])
        while waiting and waiting[0][0] <= now:
            _, name = waiting.pop(0)
            there = {one["name"]: one["pid"] for one in json.loads((out / "processes.json").read_text())}
            if name in there:
                os.kill(there[name], signal.SIGKILL)
                count += 1
    return count


def run(out: Path, checkpoint: Path, row: Entry) -> Entry:
    """One run that learns; what `testbed report` says of it, with how it ended and how many workers were killed."""
    path, slots = out / name_of(row), row["slots"]
    planned, sudden = deaths(row["seed"], slots) if row["hurt"] else ([], [])
    faults = ", ".join(f"{{at: {at} s, kill: {name}, restart_after: {RESTART_S} s}}" for at, name in planned)
    command = [sys.executable, "-m", "testbed", "run", "region", "--policy", f"{POLICY}:{checkpoint}", *LIVE, *LEARN]
    command += ["--speed", f"{LIVE_SPEED:g}", "--seed", str(row["seed"]), "--slots", str(slots), "--out", str(path)]
    command += ["--plain", "--set", f"faults=[{faults}]"]
    began = time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        count = killed(process, path, sudden)
        code = process.wait(PATIENCE_S)
    summary = testbed("report", str(path))
    return {
        **{key: (summary["learning"] or {}).get(key, 0) for key in ("restarts", "updates")},
        "unaccounted": summary["tasks"]["unaccounted"],
        "code": code,
        "killed": count,
        "planned": len(planned),
        "wall_s": time.monotonic() - began,
    }


def name_of(row: Entry) -> str:
    """The folder of a run."""
    return f"{'hurt' if row['hurt'] else 'whole'}-{row['seed']}"


def learned(path: Path, start: Path) -> Path:
    """What the run in ``path`` has learned; one that died before its first update stays where it began."""
    checkpoint = path / "learned.npz"
    return checkpoint if checkpoint.exists() else start


def line(runs: list[Entry], overheads: list[float]) -> list[str]:
    """What is said of a kind of runs."""
    middle, spread = statistics.mean(overheads), statistics.stdev(overheads) if len(overheads) > 1 else 0.0
    return [
        str(len(runs)),
        str(sum(run["planned"] for run in runs)),
        str(sum(run["killed"] for run in runs)),
        str(sum(run["restarts"] for run in runs)),
        str(sum(run["unaccounted"] for run in runs)),
        str(sum(run["code"] != 0 for run in runs)),
        f"{statistics.median(run['updates'] for run in runs):.0f}",
        f"{middle:.4f} ± {spread:.4f}",
    ]


def main() -> None:
    """Do what is missing, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("learning-deaths"), help="where everything is kept")
    parser.add_argument("--runs", type=int, default=40, help="runs with deaths; a quarter as many without (40)")
    parser.add_argument("--slots", type=int, default=300, help="slots of learning (300)")
    parser.add_argument("--train", type=int, default=60, help="seconds of training in the twin (60)")
    parser.add_argument("--workloads", type=int, default=10, help="workloads to evaluate on (10)")
    args = parser.parse_args()
    out: Path = args.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    start = trained(out, OTHER, args.train)
    rows = []
    for hurt, count in ((False, max(1, args.runs // 4)), (True, args.runs)):
        wanted = [{"hurt": hurt, "seed": seed, "slots": args.slots} for seed in range(101, 101 + count)]
        runs = measure(wanted, out / ENTRIES, lambda row: run(out, start, row))
        overheads = [evaluated(out, learned(out / name_of(row), start), args.workloads) for row in wanted]
        rows.append(["random deaths" if hurt else "none dies", *line(runs, overheads)])
    head = ("runs", "number", "planned deaths", "workers killed", "workers back", "tasks unaccounted", "failed runs")
    print(f"before learning {evaluated(out, start, args.workloads):.4f}\n")
    print(table((*head, "updates, median", "overhead after, mean ± SD"), rows))


if __name__ == "__main__":
    main()
