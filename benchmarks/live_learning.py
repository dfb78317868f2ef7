"""Learning on the running testbed, and what it costs the decisions.

``python benchmarks/live_learning.py --out DIR``: trains two policies in the twin, one for the scenario's speeds, one
for edge servers of half their speed. Then, at speed 20: the first one runs frozen, against the twin on the same
workload; the second one runs with ``--learn`` in each of ``--ways``, and what it has become is evaluated on workloads
that nobody trained on. Everything is kept in DIR, and what is there is not done again.
"""

import argparse
import json
import statistics
from collections.abc import Callable
from pathlib import Path

from harness import Entry, table, testbed

HALF = (
    "cells=[{es: {cpu: 2 GHz}, ues: 5, density_factor: 0.6}, {es: {cpu: 1.5 GHz}, ues: 5, density_factor: 1.0}, "
    "{es: {cpu: 1 GHz}, ues: 5, density_factor: 1.4}]"
)
TRUE, OTHER = "true", "half"
POLICY = "a3c-do"
SYNCHRONOUS = "synchronous"
WAYS = f"replay-1,a3c-1,a3c-2,a3c-3,{SYNCHRONOUS}"
LATENCIES = {"answered p50, p99 ms": "answered", "seen p50, p99 ms": "seen"}
LIVE = ("--set", "emulation.burn=0.02", "--set", "emulation.payload=declared")


def once(path: Path, make: Callable[[], Entry]) -> Entry:
    """What ``path`` holds, made and written if it is not there."""
    if not path.exists():
        path.write_text(json.dumps(make()) + "\n")
    found: Entry = json.loads(path.read_text())
    return found


def trained(out: Path, name: str, seconds: int) -> Path:
    """The checkpoint of a policy trained in the twin, for the scenario's speeds or for half of them."""
    path = out / name / f"{POLICY}.npz"
    if not path.exists():
        changes = ("--set", HALF) if name == OTHER else ()
        testbed("train", "region", "--algorithm", POLICY, "--wall", f"{seconds}s", "--out", str(out / name), *changes)
    return path


def evaluated(out: Path, checkpoint: Path, seeds: int) -> float:
    """Mean overhead of a frozen policy on ``seeds`` workloads of 1,000 slots, on the twin."""

    def compare() -> Entry:
        name = f"{POLICY}:{checkpoint}"
        options = ("--policies", name, "--seeds", str(seeds), "--slots", "1000", "--on", "twin")
        measured: Entry = testbed("compare", "region", *options)["policies"][name]
        return measured

    found = once(out / f"judged-{checkpoint.parent.name}.json", compare)
    return float(found["overhead"]["mean"]) if found["stable"] else float("inf")


def live(out: Path, name: str, checkpoint: Path, seed: int, slots: int, *options: str) -> Entry:
    """A run at speed 20; without ``options`` also the twin's mean overhead under the same policy on its workload."""

    def run() -> Entry:
        given, path = f"{POLICY}:{checkpoint}", out / name
        where = ("--speed", "20", "--seed", str(seed), "--slots", str(slots), "--out", str(path))
        made = testbed("run", "region", "--policy", given, *where, *LIVE, *options)
        if options:
            return made
        on_twin = testbed("replay", str(path), "--policy", given, "--on", "twin", "--out", str(out / f"{name}-twin"))
        return {**made, "twin": on_twin["overhead"]["mean"]}

    return once(out / f"{name}.json", run)


def show_frozen(runs: list[Entry]) -> None:
    """The table of frozen runs."""
    ratios = [run["overhead"]["mean"] / run["twin"] - 1.0 for run in runs]
    rows = [
        (
            str(run["seed"]),
            f"{run['overhead']['mean']:.4f}",
            f"{run['twin']:.4f}",
            f"{ratio:+.1%}",
            run["fidelity"]["grade"],
            f"{run['fidelity']['host_cpu']:.0%}",
        )
        for run, ratio in zip(runs, ratios, strict=True)
    ]
    print(table(("seed", "overhead live", "twin", "difference", "grade", "host CPU"), rows))
    print(f"\nmean difference {statistics.mean(ratios):+.1%}\n")


def options_of(way: str) -> tuple[str, ...]:
    """The options of a way to learn, its mode and its number of workers: ``replay-1``, ``a3c-3``; or `SYNCHRONOUS`."""
    if way == SYNCHRONOUS:
        return "--learn", "--synchronous"
    mode, _, workers = way.rpartition("-")
    return "--learn", "--mode", mode, "--workers", workers


def show_learning(runs: list[tuple[str, Entry]], after: list[float], best: float, before: float) -> None:
    """The table of learning runs, each with its way."""
    print(f"trained for the true speeds {best:.4f}, for half of them {before:.4f}\n")
    head = ("way", "seed", "after learning", "recovered", "updates", "a second", "lag", *LATENCIES, "grade", "host CPU")
    rows = [
        (
            way,
            str(run["seed"]),
            f"{overhead:.4f}",
            f"{(before - overhead) / (before - best):.0%}",
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
        for (way, run), overhead in zip(runs, after, strict=True)
    ]
    print(table(head, rows))


def main() -> None:
    """Do what is missing, and print both tables, or everything as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("live-learning"), help="where everything is kept")
    parser.add_argument("--seeds", type=int, default=3, help="runs of each kind (3)")
    parser.add_argument("--slots", type=int, default=3000, help="slots of learning (3000)")
    parser.add_argument("--train", type=int, default=60, help="seconds of training in the twin (60)")
    parser.add_argument("--judges", type=int, default=10, help="workloads to evaluate on (10)")
    parser.add_argument("--ways", default=WAYS, help=f"modes and numbers of workers ({WAYS})")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    out: Path = args.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    true, other = trained(out, TRUE, args.train), trained(out, OTHER, args.train)
    best, before = evaluated(out, true, args.judges), evaluated(out, other, args.judges)
    seeds = range(101, 101 + args.seeds)
    frozen = [live(out, f"frozen-{seed}", true, seed, 1000) for seed in seeds]
    names = {(way, seed): f"learn-{way}-{seed}" for way in args.ways.split(",") for seed in seeds}
    learning = [
        (way, live(out, name, other, seed, args.slots, *options_of(way))) for (way, seed), name in names.items()
    ]
    after = [evaluated(out, out / name / "learned.npz", args.judges) for name in names.values()]
    if args.json:
        print(json.dumps({"best": best, "before": before, "after": after, "frozen": frozen, "learning": learning}))
        return
    show_frozen(frozen)
    show_learning(learning, after, best, before)


if __name__ == "__main__":
    main()
