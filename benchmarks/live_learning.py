"""Learning on the running testbed, and what it costs the decisions.

``python benchmarks/live_learning.py --out DIR``: trains two policies in the twin, one for the scenario's speeds, one
for edge servers of half their speed. Then, at speed 20: the first one runs frozen, against the twin on the same
workload; the second one runs with ``--learn`` in each of ``--modes``, and what it has become is evaluated on workloads
that nobody trained on. What a run costs meanwhile is the overhead of the tasks generated in each 200 slots, against the
policy that it begins with, frozen, in the twin on the same workload; where that is frozen live too, it shows what such
a ratio is worth. Everything is kept in DIR, measurements in its `ENTRIES`, and what is there is not done again.
"""

import argparse
import json
import sqlite3
import statistics
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness import Entry, measure, table, testbed

HALF = (
    "cells=[{es: {cpu: 2 GHz}, ues: 5, density_factor: 0.6}, {es: {cpu: 1.5 GHz}, ues: 5, density_factor: 1.0}, "
    "{es: {cpu: 1 GHz}, ues: 5, density_factor: 1.4}]"
)
TRUE, OTHER = "true", "half"
POLICY = "a3c-do"
ENTRIES = "entries.jsonl"
SYNCHRONOUS = "synchronous"
MODES = f"replay-1,replay-2,replay-3,a3c-1,a3c-2,a3c-3,{SYNCHRONOUS}"
LATENCIES = {"answered p50, p99 ms": "answered", "seen p50, p99 ms": "seen"}
WINDOW, SLOT_NS, WORST = 200, 1_000_000_000, "worst 200 slots"
LIVE = ("--set", "emulation.burn=0.02", "--set", "emulation.payload=declared")


def trained(out: Path, name: str, seconds: int) -> Path:
    """The checkpoint of a policy trained in the twin, for the scenario's speeds or for half of them."""
    path = out / name / f"{POLICY}.npz"
    if not path.exists():
        changes = ("--set", HALF) if name == OTHER else ()
        testbed("train", "region", "--algorithm", POLICY, "--wall", f"{seconds}s", "--out", str(out / name), *changes)
    return path


def evaluated(out: Path, checkpoint: Path, workloads: int) -> float:
    """Mean overhead of a frozen policy on so many ``workloads`` of 1,000 slots, on the twin."""

    def compare(row: Entry) -> Entry:
        name = f"{POLICY}:{checkpoint}"
        options = ("--policies", name, "--seeds", str(workloads), "--slots", "1000", "--on", "twin")
        return {"result": testbed("compare", "region", *options)["policies"][name]}

    row = {"network": checkpoint.parent.name, "workloads": workloads}
    (entry,) = measure([row], out / ENTRIES, compare)
    return float(entry["result"]["overhead"]["mean"]) if entry["result"]["stable"] else float("inf")


def live(out: Path, name: str, checkpoint: Path, seed: int, slots: int, *options: str) -> Entry:
    """A run at speed 20, and ``twin``, the mean overhead on its workload in the twin under the same policy, frozen."""

    def run(row: Entry) -> Entry:
        policy, path, frozen = f"{POLICY}:{checkpoint}", out / name, out / f"{name}-twin"
        where = ("--speed", "20", "--seed", str(seed), "--slots", str(slots), "--out", str(path))
        summary = testbed("run", "region", "--policy", policy, *where, *LIVE, *options)
        on_twin = testbed("replay", str(path), "--policy", policy, "--on", "twin", "--out", str(frozen))
        worst, slot = worst_window(path, frozen)
        return {"summary": {**summary, "twin": on_twin["overhead"]["mean"], "worst": worst, "worst_slot": slot}}

    (entry,) = measure([{"live": name, "slots": slots}], out / ENTRIES, run)
    summary: Entry = entry["summary"]
    return summary


def worst_window(run: Path, frozen: Path) -> tuple[float, int]:
    """By how much the tasks generated in `WINDOW` slots cost more in ``run`` than in ``frozen`` where that is worst, as
    a ratio, and the first of these slots."""
    costs = [slot_overheads(path) for path in (run, frozen)]
    slots = min(len(one) for one in costs)
    sums = [np.convolve(one[:slots], np.ones(WINDOW), "valid") for one in costs]
    ratios = sums[0] / sums[1] - 1.0
    return float(ratios.max()), int(ratios.argmax())


def slot_overheads(run: Path) -> NDArray[np.float64]:
    """The summed overhead of the tasks generated in each slot of a run."""
    with sqlite3.connect(run / "run.db") as database:
        rows = database.execute("select generated_ns, overhead from tasks where finished_ns >= 0").fetchall()
    generated_ns, overheads = np.array(rows).T
    return np.bincount(generated_ns.astype(np.int64) // SLOT_NS, overheads).astype(np.float64)


def show_frozen(runs: list[Entry]) -> None:
    """The table of frozen runs."""
    ratios = [run["overhead"]["mean"] / run["twin"] - 1.0 for run in runs]
    rows = [
        (
            str(run["seed"]),
            f"{run['overhead']['mean']:.4f}",
            f"{run['twin']:.4f}",
            f"{ratio:+.1%}",
            worst_of(run),
            run["fidelity"]["grade"],
            f"{run['fidelity']['host_cpu']:.0%}",
        )
        for run, ratio in zip(runs, ratios, strict=True)
    ]
    print(table(("seed", "overhead live", "twin", "difference", WORST, "grade", "host CPU"), rows))
    print(f"\nmean difference {statistics.mean(ratios):+.1%}\n")


def worst_of(run: Entry) -> str:
    """What its worst window cost more than the frozen policy, and which slots that were."""
    return f"{run['worst']:+.1%} ({run['worst_slot']} to {run['worst_slot'] + WINDOW})"


def options_of(mode: str) -> tuple[str, ...]:
    """The options of a mode with its number of workers, ``replay-1`` or ``a3c-3``, or of `SYNCHRONOUS`."""
    if mode == SYNCHRONOUS:
        return "--learn", "--synchronous"
    name, _, workers = mode.rpartition("-")
    return "--learn", "--mode", name, "--workers", workers


def show_learning(runs: list[tuple[str, Entry]], after: list[float], best: float, before: float) -> None:
    """The table of learning runs, each with its mode."""
    print(f"trained for the true speeds {best:.4f}, for half of them {before:.4f}\n")
    head = (
        "mode, workers",
        "seed",
        "after learning",
        "recovered",
        WORST,
        "updates",
        "a second",
        "lag",
        *LATENCIES,
        "grade",
        "host CPU",
    )
    rows = [
        (
            mode,
            str(run["seed"]),
            f"{overhead:.4f}",
            f"{(before - overhead) / (before - best):.0%}",
            worst_of(run),
            str(run["learning"]["updates"]),
            f"{run['learning']['updates_per_s']:.1f}",
            f"{run['learning']['policy_lag']:.0f}",
            *(
                f"{run['decision_ms'][name]['p50']:.2f}, {run['decision_ms'][name]['p99']:.2f}"
                for name in LATENCIES.values()
            ),
            str(run["fidelity"]["grade"]),
            f"{run['fidelity']['host_cpu']:.0%}",
        )
        for (mode, run), overhead in zip(runs, after, strict=True)
    ]
    print(table(head, rows))


def main() -> None:
    """Do what is missing, and print both tables, or everything as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("live-learning"), help="where everything is kept")
    parser.add_argument("--seeds", type=int, default=3, help="runs of each kind (3)")
    parser.add_argument("--slots", type=int, default=3000, help="slots of learning (3000)")
    parser.add_argument("--train", type=int, default=60, help="seconds of training in the twin (60)")
    parser.add_argument("--workloads", type=int, default=10, help="workloads to evaluate on (10)")
    parser.add_argument("--modes", default=MODES, help=f"with numbers of workers ({MODES})")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    out: Path = args.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    true, other = trained(out, TRUE, args.train), trained(out, OTHER, args.train)
    best, before = evaluated(out, true, args.workloads), evaluated(out, other, args.workloads)
    seeds = range(101, 101 + args.seeds)
    frozen = [live(out, f"frozen-{seed}", true, seed, 1000) for seed in seeds]
    names = {(mode, seed): f"learn-{mode}-{seed}" for mode in args.modes.split(",") for seed in seeds}
    learning = [
        (mode, live(out, name, other, seed, args.slots, *options_of(mode))) for (mode, seed), name in names.items()
    ]
    after = [evaluated(out, out / name / "learned.npz", args.workloads) for name in names.values()]
    if args.json:
        print(json.dumps({"best": best, "before": before, "after": after, "frozen": frozen, "learning": learning}))
        return
    show_frozen(frozen)
    show_learning(learning, after, best, before)


if __name__ == "__main__":
    main()
