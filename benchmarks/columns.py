"""How long whole verbs take at the size of real traces, and how much memory: recorded runs, replays, comparisons.

``python benchmarks/columns.py --against FOLDER`` measures another checkout too, turn by turn, where it knows the verb.
"""

import random
import sqlite3
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

from harness import Entry, measure, middle, options, report, spent, table

MILLION, HUNDRED_THOUSAND = "95300", "9530"  # slots of `region`
POLICIES = "lc,offload-do,greedy,greedy-do"
COMPARE = ("compare", "region", "--on", "twin", "--policies", POLICIES, "--slots", HUNDRED_THOUSAND)
VERBS: Mapping[str, Sequence[str]] = {
    "run, twin, 10⁶ tasks": ("run", "region", "--backend", "twin", "--slots", MILLION, "--out", "{fresh}"),
    "run, simulation, 10⁵ tasks": (
        "run",
        "region",
        "--backend",
        "sim",
        "--slots",
        HUNDRED_THOUSAND,
        "--out",
        "{fresh}",
    ),
    "report, 10⁶ tasks": ("report", "{recorded}"),
    "report with grade, 10⁵ tasks": ("report", "{graded}"),
    "replay, twin, 10⁶ tasks": ("replay", "{recorded}", "--on", "twin", "--out", "{fresh}"),
    "compare, twin, 4 policies × 10 seeds × 10⁵ tasks": COMPARE,
    "the same, one process": (*COMPARE, "--workers", "1"),
    "replay, twin, 5,000 tasks in 7.7 · 10⁶ slots": ("replay", "{sparse}", "--on", "twin", "--out", "{fresh}"),
    "replay, simulation, the same": ("replay", "{sparse}", "--on", "sim", "--out", "{fresh}"),
}
NEW = ("the same, one process",)
DAYS, FEW_TASKS = 89, 5000
HEAD = ("what", "wall s", "CPU s", "peak MB", "before: wall s", "CPU s", "peak MB")


def timed(words: Sequence[str], checkout: str) -> Entry:
    """Wall seconds of a verb, CPU seconds and memory (MB) of its process; those that a comparison spreads over are not
    in them."""
    taken = spent(*words, "--json", pythonpath=checkout)
    return {"wall_s": taken.wall_s, "cpu_s": taken.cpu_s, "peak_mb": taken.peak_bytes / 2**20}


def disguise(record: Path) -> None:
    """Let the record of a virtual clock pass for the testbed's, whose delays are graded: its processes tell of CPUs."""
    with closing(sqlite3.connect(record)) as db, db:
        db.execute("UPDATE meta SET value = ? WHERE key = 'backend'", ('"testbed"',))
        sources = [
            "controller",
            *(f"es-{n}" for n in (1, 2, 3)),
            *(f"ue-{c}-{n}" for c in (1, 2, 3) for n in range(1, 6)),
        ]
        rows = [(0, source, "burn", "0.0", 0.0) for source in sources]
        db.executemany("INSERT INTO events (at_ns, source, kind, detail, value) VALUES (?, ?, ?, ?, ?)", rows)
    record.with_name("verdict.json").unlink()


def write_sparse(table_file: Path) -> None:
    """A workload of `FEW_TASKS` spread over `DAYS` of slots of 1 s."""
    draws = random.Random(1)
    instants = sorted(draws.uniform(0.0, DAYS * 86_400.0) for _ in range(FEW_TASKS))
    lines = [f"{at:.3f},ue-{draws.randint(1, 3)}-{draws.randint(1, 5)},8000000,2000000000,5.0\n" for at in instants]
    table_file.write_text("time_s,ue,input_bits,cycles,deadline_s\n" + "".join(lines))


def run(row: Entry, against: str) -> Entry:
    """One measurement; a run to read is made first where the verb needs one."""
    verb, checkout = VERBS[row["what"]], against if row["before"] else ""
    with tempfile.TemporaryDirectory(prefix="columns-") as folder:
        places = {name: f"{folder}/{name}" for name in ("fresh", "recorded", "graded", "sparse")}
        if "{sparse}" in verb:
            places["sparse"] += ".csv"
            write_sparse(Path(places["sparse"]))
        if "{graded}" in verb:
            few = ["run", "region", "--backend", "twin", "--slots", HUNDRED_THOUSAND, "--out", places["graded"]]
            timed(few, checkout)
            disguise(Path(places["graded"]) / "run.db")
        if "{recorded}" in verb:
            timed([word.format(fresh=places["recorded"]) for word in VERBS["run, twin, 10⁶ tasks"]], checkout)
        return timed([word.format(**places) for word in verb], checkout)


def figures(entries: Sequence[Entry]) -> tuple[float, float, float]:
    """Medians of wall seconds, CPU seconds and MB; NaN of nothing."""
    wall, cpu, peak = (middle(entry[key] for entry in entries) for key in ("wall_s", "cpu_s", "peak_mb"))
    return wall, cpu, peak


def rows(entries: Sequence[Entry]) -> list[tuple[str, ...]]:
    """Medians, a row for each verb."""
    lines = []
    for what in dict.fromkeys(entry["what"] for entry in entries):
        now = [entry for entry in entries if entry["what"] == what and not entry["before"]]
        then = [entry for entry in entries if entry["what"] == what and entry["before"]]
        wall, cpu, peak = figures(now)
        line = [what, f"{wall:.1f}", f"{cpu:.1f}", f"{peak:.0f}"]
        wall, cpu, peak = figures(then)
        line += [f"{wall:.1f}", f"{cpu:.1f}", f"{peak:.0f}"] if then else ["–"] * 3
        lines.append(tuple(line))
    return lines


def main() -> None:
    parser = options(__doc__ or "", page="the table")
    parser.add_argument("--against", default="", metavar="FOLDER", help="another checkout, to measure turn by turn")
    parser.add_argument("--only", default="", help="verbs whose names contain this")
    args = parser.parse_args()
    wanted = [
        {"what": what, "before": before, "turn": turn}
        for turn in range(args.runs)
        for what in VERBS
        if args.only in what
        for before in ((False, True) if args.against and what not in NEW else (False,))
    ]
    entries = measure(wanted, args.out, lambda row: run(row, args.against))
    report(args, entries, table(HEAD, rows(entries)), "columns")


if __name__ == "__main__":
    main()
