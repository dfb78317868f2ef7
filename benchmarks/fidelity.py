"""How exact live runs of `region` are, by speed; the highest speed at grade A; shaped links and known messages.

``python benchmarks/fidelity.py --out fidelity.jsonl`` keeps every run in a file and goes on from there, ``--show`` only
prints what the file has, or without ``--out`` what the documentation rests on; ``--quick`` tries everything once.
``--plot FILE`` draws the last `testbed verify` in it: what was asked of links and executions against what they took.
"""

import statistics
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from itertools import takewhile
from pathlib import Path

from fidelity_plot import draw
from harness import POLICIES, Entry, measure, middle, options, recorded, report, table, testbed
from testbed.analysis.grading import RELEASES, lateness
from testbed.live.host_meter import HostLoad
from testbed.model.delay import NS_PER_MS, NS_PER_S
from testbed.model.system import Emulation, Radio
from testbed.record.reader import read_record
from testbed.verify import bench, links

LADDERS = {
    ("declared", 1): (20.0, 30.0, 40.0, 60.0),
    ("declared", 5): (40.0, 60.0, 80.0),
    ("real", 1): (15.0, 20.0, 25.0),
    ("real", 5): (15.0, 25.0),
}
GOODPUT_MBIT, GOODPUT_S, LATENCY_MS = (1, 5, 20, 100), 2.0, 10
KNOWN = ((24, 400), (96, 50))
EACH = 10
LIVE_HEAD = (
    "`region` under",
    "speed",
    "payload, UEs a process",
    "task error median",
    "p99",
    "release lateness p50, p99 ms",
    "last ask to answers out p50, p99 ms",
    "seen by the UE p50, p99 ms",
    "grades",
    "error p99 (steal) of each run",
)
LINK_HEAD = ("link", "error, median of runs", "each run (steal)")
SETTING = ("table", "policy", "speed", "payload", "packed")
QUIET = 0.006


def wanted(runs: int, *, quick: bool) -> Iterator[Entry]:
    """What to measure, each once."""
    for seed in range(1, runs + 1):
        slots = 10 if quick else 30
        yield live(table="speed 1", policy="greedy-do", speed=1.0, payload="real", slots=slots, seed=seed, density=0.7)
    for policy in POLICIES:
        for seed in range(1, runs + 1):
            slots = 30 if quick else 200
            yield live(
                table="speed 20", policy=policy, speed=20.0, payload="declared", slots=slots, seed=seed, density=0.5
            )
    for (payload, packed), speeds in LADDERS.items():
        for speed in speeds[:1] if quick else speeds:
            for seed in range(1, runs + 1):
                slots = 30 if quick else 150
                yield live(
                    table="highest speed",
                    policy="greedy-do",
                    speed=speed,
                    payload=payload,
                    slots=slots,
                    seed=seed,
                    density=0.7,
                    packed=packed,
                )
    yield from ({"table": "links", "seed": seed} for seed in range(1, runs + 1))
    yield {"table": "verify", "quick": quick}


def live(**row: object) -> Entry:
    """A row that asks for a live run, with one UE a process unless it says otherwise."""
    return {"packed": 1, **row}


def run(row: Entry) -> Entry:
    """Measure one row."""
    if row["table"] == "links":
        return shaped()
    if row["table"] == "verify":
        quick = ("--quick",) if row["quick"] else ()
        verification = testbed("verify", *quick, codes=(0, 5))
        return {key: verification[key] for key in ("ok", "steal", "cpu", "seconds", "checks")}
    with tempfile.TemporaryDirectory(prefix="fidelity-") as folder:
        return run_live(row, Path(folder) / "run")


def run_live(row: Entry, folder: Path) -> Entry:
    """One live run of `region`."""
    summary = testbed(
        "run",
        "region",
        "--policy",
        row["policy"],
        "--speed",
        str(row["speed"]),
        "--slots",
        str(row["slots"]),
        "--seed",
        str(row["seed"]),
        "--set",
        f"density={row['density']}",
        "--set",
        f"emulation.payload={row['payload']}",
        "--set",
        f"emulation.ues_per_process={row['packed']}",
        "--out",
        str(folder),
    )
    fidelity = summary["fidelity"]
    release = lateness(read_record(folder / "run.db").events, RELEASES)
    return {
        "grade": fidelity["grade"] or "-",
        "error_median": fidelity["delay_error"]["median"],
        "error_p99": fidelity["delay_error"]["p99"],
        "release_ms": {"p50": release.p50, "p99": release.p99, "max": release.max},
        "decision_ms": summary["decision_ms"],
        "tasks": summary["tasks"]["generated"],
        "unaccounted": summary["tasks"]["unaccounted"],
        "slipped": fidelity["slipped"],
        "burn": fidelity["burn"],
        "worst": fidelity["worst"],
        "steal": fidelity["steal"],
        "host_cpu": fidelity["host_cpu"],
    }


def shaped() -> Entry:
    """Goodput of busy links, and two messages to be compared with other emulators, on real processes with payload."""
    rates = (*GOODPUT_MBIT, *(rate for rate, _ in KNOWN))
    sizes = [round(GOODPUT_S * rate * links.MBIT / EACH) for rate in GOODPUT_MBIT]
    sizes += [size * links.KB for _, size in KNOWN]
    gap_ns = round(GOODPUT_S * NS_PER_S / EACH)
    tasks = []
    for ue, bits in enumerate(sizes):
        for n in range(EACH):
            at = 0 if ue < len(GOODPUT_MBIT) else n * gap_ns + (ue - 3) * gap_ns // 3
            tasks.append(bench.task(ue, n, at, bits))
    system = bench.system([rate * links.MBIT for rate in rates], GOODPUT_S, Radio(latency_ns=LATENCY_MS * NS_PER_MS))
    load = HostLoad()
    taken = links.by_ue(bench.run(system, tasks, "offload", Emulation(burn=0.0, drain_limit_ns=60 * NS_PER_S)).tasks)
    errors: Entry = {"goodput": {}, "known": {}, "steal": load.steal(), "host_cpu": load.cpu()}
    for ue, rate in enumerate(GOODPUT_MBIT):
        begin = min(row.ready_ns for row in taken[ue])
        end = max(row.ready_ns + bench.link_ns(row) for row in taken[ue])
        seconds = (end - begin) / NS_PER_S - LATENCY_MS * 1e-3
        errors["goodput"][str(rate)] = EACH * sizes[ue] / seconds / links.MBIT / rate - 1.0
    for ue, (rate, size) in enumerate(KNOWN, start=len(GOODPUT_MBIT)):
        asked = size * links.KB / (rate * links.MBIT) + LATENCY_MS * 1e-3
        errors["known"][f"{size} kB at {rate} Mbit/s"] = statistics.median(links.seconds(taken[ue])) / asked - 1.0
    return errors


def tables(entries: Sequence[Entry]) -> Iterator[Entry]:
    """One row a setting: medians over its runs, which are listed with the steal each had."""
    rows = [entry for entry in entries if entry["table"] in ("speed 1", "speed 20", "highest speed")]
    for setting in dict.fromkeys(tuple(row[key] for key in SETTING) for row in rows):
        runs = [row for row in rows if tuple(row[key] for key in SETTING) == setting]
        yield {
            **dict(zip(SETTING, setting, strict=True)),
            "error_median": middle(row["error_median"] for row in runs),
            "error_p99": middle(row["error_p99"] for row in runs),
            "release_p50_ms": middle(row["release_ms"]["p50"] for row in runs),
            "release_p99_ms": middle(row["release_ms"]["p99"] for row in runs),
            "answered_ms": spread(row["decision_ms"]["answered"] for row in runs),
            "seen_ms": spread(row["decision_ms"]["seen"] for row in runs),
            "grades": "".join(row["grade"] for row in runs),
            "quiet": sum(row["steal"] < QUIET for row in runs),
            "runs": [
                {key: row[key] for key in ("seed", "grade", "error_median", "error_p99", "steal", "host_cpu")}
                for row in runs
            ],
        }
    shaped_runs = [entry for entry in entries if entry["table"] == "links"]
    for kind in ("goodput", "known"):
        for name in shaped_runs[0][kind] if shaped_runs else ():
            errors = [run[kind][name] for run in shaped_runs]
            yield {
                "table": kind,
                "what": name,
                "error": middle(errors),
                "runs": [{"error": run[kind][name], "steal": run["steal"]} for run in shaped_runs],
            }


def spread(percentiles: Iterable[Entry]) -> list[float]:
    """Medians of p50 and p99."""
    listed = list(percentiles)
    return [middle(one["p50"] for one in listed), middle(one["p99"] for one in listed)]


def shown(rows: Sequence[Entry]) -> str:
    """The tables, every run in its row."""
    return "\n\n".join(
        [
            table(LIVE_HEAD, [live_line(row) for row in rows if "speed" in row]),
            "\n".join(
                f"- fastest at grade A, {payload} payload, {packed} UEs a process: {highest(rows, payload, packed)}"
                for payload, packed in LADDERS
            ),
            table(LINK_HEAD, [link_line(row) for row in rows if "what" in row]),
        ]
    )


def live_line(row: Entry) -> Sequence[str]:
    """One setting of live runs."""
    each = ", ".join(f"{middle([run['error_p99']]):.2%} ({run['steal']:.2%})" for run in row["runs"])
    answered, seen = row["answered_ms"], row["seen_ms"]
    return (
        row["policy"],
        f"{row['speed']:g}",
        f"{row['payload']}, {row['packed']}",
        f"{row['error_median']:.3%}",
        f"{row['error_p99']:.2%}",
        f"{row['release_p50_ms']:.3f}, {row['release_p99_ms']:.2f}",
        f"{answered[0]:.2f}, {answered[1]:.2f}",
        f"{seen[0]:.2f}, {seen[1]:.2f}",
        row["grades"],
        each,
    )


def link_line(row: Entry) -> Sequence[str]:
    """A line of the table of links: what was sent, its error, and each run's error beside the steal."""
    name = f"goodput at {row['what']} Mbit/s" if row["table"] == "goodput" else f"{row['what']}, 10 ms"
    each = ", ".join(f"{run['error']:+.3%} ({run['steal']:.2%})" for run in row["runs"])
    return name, f"{row['error']:+.3%}", each


def highest(rows: Sequence[Entry], payload: str, packed: int) -> str:
    """The highest speed up to which every one was held."""
    tried = [row for row in rows if row["table"] == "highest speed" and row["payload"] == payload]
    tried = sorted((row for row in tried if row["packed"] == packed), key=lambda row: row["speed"])
    held = takewhile(passes, tried)
    return max((f"{row['speed']:g}" for row in held), key=float, default="below those tried")


def passes(row: Entry) -> bool:
    """Whether a speed was held: most of its runs got an A."""
    grades: list[str] = row["grades"]
    return 2 * grades.count("A") > len(grades)


def main() -> None:
    """Measure and print."""
    parser = options(
        "fidelity of live runs, links and messages",
        quick="short runs, the first speed of each ladder only",
        page="the tables",
    )
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw asked against achieved (PNG or SVG)")
    args = parser.parse_args()
    if args.show:
        entries = recorded(args.out, "fidelity.jsonl")
    else:
        entries = measure(list(wanted(args.runs, quick=args.quick)), args.out, run)
    checks = [entry for entry in entries if entry["table"] == "verify"]
    if args.plot is not None and checks:
        draw(checks[-1]["checks"], args.plot)
    rows = list(tables(entries))
    report(args, rows, shown(rows), "fidelity")


if __name__ == "__main__":
    main()
