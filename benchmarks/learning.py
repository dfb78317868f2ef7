"""Learned strategies against tuned heuristics, and what each choice in the learner is worth.

``nice python benchmarks/learning.py [--tables main,scenarios,…] [--seeds 3] [--file learning.jsonl]``: every training
is one process on one core; its line is appended to the file when it is done, and what is there is not done again.
``--show`` prints tables of what there is, ``--cost`` what they take. Two processes may share the work, each with
a file of its own (``--tables``, ``--only`` and ``--seeds`` split it); ``--file A --file B`` then shows both, and
appends to A. Training, validation and evaluation workloads have no seed in common.
"""

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from harness import Entry, measure, read_entries
from learning_jobs import SHORT, UPDATES, Job, carry_out
from learning_tables import Line, baseline_table, bound_table, cost_table, learned_table, order_table, summaries

DENSITIES = (0.7, 0.9, 0.5, 0.3)
ALGORITHMS = ("a3c-do", "a3c", "dqn-do", "dqn")
PAIRS = (("a3c-do", "a3c"), ("a3c-do", "dqn-do"), ("dqn-do", "dqn"))
OTHERS = ("region-matched", "paper-like", "shared-radio")
THRESHOLDS = ("0.25 s", "0.5 s", "1 s", "2 s", "4 s")
VARIANTS: dict[str, tuple[dict[str, Any], ...]] = {
    "head": ({}, {"head": "factored"}, {"head": "joint"}, {"head": "continuous"}),
    "observation": (
        {},
        {"observation": "paper"},
        {"head": "joint", "observation": "paper"},
        {"observation": "paper", "memory": 16},
    ),
    "reward": ({}, {"team": 0.0}, {"team": 0.5}, {"reward": "paper"}, {"reward": "paper-sign"}),
    "workers": (
        {},
        {"workers": 2},
        {"workers": 4},
        {"workers": 2, "synchronous": True, "updates": 6_000},
        {"workers": 4, "synchronous": True, "updates": 3_000},
    ),
    "longer": ({}, {"updates": 24_000}, {"updates": 36_000}),
    "options": (
        {},
        {"gae": 1.0},
        {"gamma": 0.99, "gae": 0.95},
        {"vtrace": True},
        {"central": False},
        {"coin": 0.1},
        {"slots": 50, "terminal": True, "worlds": 3},
        {"slots": 50, "worlds": 3},
        {"worlds": 1},
        {"worlds": 16},
        {"memory": 16},
    ),
}
MANY = (5, 10, 20, 50)
SIZED = {"sequential": MANY, "factored": MANY, "continuous": MANY, "joint": (2, 5, 8)}
ELSEWHERE = {
    "2 UEs a cell": (2, 0.4, 1.0),
    "10 UEs a cell": (10, 2.0, 1.0),
    "50 UEs a cell": (50, 10.0, 1.0),
    "servers x 0.7": (5, 0.7, 1.0),
    "UEs x 1.5": (5, 1.0, 1.5),
}
FEW = 3


def region(ues: int, servers: float, devices: float = 1.0) -> tuple[str, ...]:
    """Changes of `region`: ``ues`` in a cell, speeds of servers and UEs times so much."""
    cells = [f"cells.{i}.es.cpu={servers * ghz:g} GHz" for i, ghz in enumerate((4, 3, 2))]
    cells += [f"cells.{i}.ues={ues}" for i in range(3)]
    return (*cells, f"ue.cpu={{uniform: [{0.8 * devices:g} GHz, {1.2 * devices:g} GHz]}}")


def shortened(text: str) -> str:
    """``text`` of tables, with what `region` was changed to said in words."""
    sizes = dict.fromkeys(ues for each in SIZED.values() for ues in each)
    words = {region(ues, ues / 5): f"{ues} UEs a cell" for ues in sizes}
    words |= {region(*change): name for name, change in ELSEWHERE.items()}
    for changes, name in words.items():
        text = text.replace(", ".join(changes), name)
    return text


def ablated(algorithm: str = "a3c-do", **options: Any) -> dict[str, Any]:
    """The options of a training for an ablation, of `SHORT` updates unless they say otherwise."""
    full = {"updates": SHORT, **options}
    return {} if algorithm != "a3c-do" else {k: v for k, v in full.items() if (k, v) != ("updates", UPDATES["a3c"])}


def jobs(table: str, seeds: Sequence[int]) -> Iterator[Job]:
    """The jobs of a table, the first seed of every setting first; ablations have `FEW`."""
    for seed in (one for one in seeds if one < FEW or table in ("main", "scenarios")):
        for scenario, changes, algorithm, options in settings(table):
            if algorithm != "baselines":
                yield Job(
                    table=table, scenario=scenario, changes=changes, algorithm=algorithm, seed=seed, options=options
                )
            elif seed == 0:
                yield Job(table=table, scenario=scenario, changes=changes, algorithm=algorithm)


def settings(table: str) -> Iterator[tuple[str, tuple[str, ...], str, dict[str, Any]]]:
    """Scenario, changes, strategy and options of every row of a table."""
    if table == "main":
        for density in DENSITIES:
            for algorithm in ("baselines", *ALGORITHMS):
                yield "region", (f"density={density}",), algorithm, {}
    elif table == "scenarios":
        for scenario in OTHERS:
            for algorithm in ("baselines", *ALGORITHMS):
                yield scenario, (), algorithm, {}
    elif table == "threshold":
        for threshold in THRESHOLDS:
            for algorithm in ("baselines", "a3c-do"):
                yield "region", ("density=0.7", f"second_offload.threshold={threshold}"), algorithm, ablated(algorithm)
    elif table == "size":
        for head, sizes in SIZED.items():
            for ues in sizes:
                changes = ("density=0.7", *region(ues, ues / 5))
                yield "region", changes, "baselines", {}
                yield "region", changes, "a3c-do", ablated(head=head, worlds=max(1, 40 // ues))
    elif table == "transfer":
        for change in ELSEWHERE.values():
            elsewhere = ("density=0.9", *region(*change))
            yield "region", elsewhere, "baselines", {}
            for options in (ablated(), {}):
                yield "region", elsewhere, "transfer", options
    elif table == "bound":
        for density in DENSITIES:
            yield "region", (f"density={density}",), "bound", {}
    elif table == "sb3":
        for algorithm in ("baselines", "a3c-do", "sb3-a2c", "sb3-ppo"):
            yield "region", ("density=0.7",), algorithm, ablated(algorithm)
    else:
        yield "region", ("density=0.7",), "baselines", {}
        for options in VARIANTS[table]:
            yield "region", ("density=0.7",), "a3c-do", ablated(**options)


TABLES = ("main", "scenarios", "threshold", *VARIANTS, "size", "transfer", "bound", "sb3")


def key(line: Line) -> str:
    """The key of a line's job."""
    return msgspec.convert({**line, "table": ""}, Job).key


def show(tables: list[str], lines: list[Line], *, as_json: bool) -> None:
    """Print the tables that there are lines for."""
    by_key = {key(line): line for line in lines}
    for table in tables:
        seeds = range(1 + max((line["seed"] for line in lines), default=0))
        lines_of_table = [by_key[key] for key in dict.fromkeys(job.key for job in jobs(table, seeds)) if key in by_key]
        if as_json:
            print(json.dumps({"table": table, "settings": summaries(lines_of_table)}))
        elif lines_of_table:
            parts = [
                baseline_table(lines_of_table),
                learned_table(lines_of_table),
                order_table(lines_of_table, PAIRS),
                bound_table(lines_of_table),
            ]
            print(
                shortened("\n\n".join([f"## {table}", *(part for part in parts if part.count("\n") != 1)])), end="\n\n"
            )


def seeds_of(text: str) -> range:
    """``10``: the first ten; ``5-9``: these five."""
    first, _, last = text.partition("-")
    return range(int(first), int(last) + 1) if last else range(int(first))


def row_of(job: Job) -> Entry:
    """What a file has of a job."""
    row: Entry = msgspec.json.decode(msgspec.json.encode(job))
    return row


def run(row: Entry, folder: Path) -> Entry:
    """Carry out the job that a row asks for."""
    return carry_out(msgspec.convert(row, Job), folder)


def main() -> None:
    """Measure what is missing, then print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", default=",".join(TABLES), help=f"which, of {','.join(TABLES)}")
    parser.add_argument(
        "--seeds",
        type=seeds_of,
        default=range(10),
        metavar="N|A-B",
        help=f"training seeds (10, which are 0-9; ablations have 0-{FEW - 1})",
    )
    parser.add_argument("--only", default="", metavar="A,B", help="train these strategies only")
    parser.add_argument("--file", type=Path, action="append", help="repeatable (learning.jsonl)")
    parser.add_argument("--cost", action="store_true", help="measure nothing, tell what it would take")
    parser.add_argument("--show", action="store_true", help="measure nothing, print what the files have")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    files = args.file or [Path("learning.jsonl")]
    tables, lines = args.tables.split(","), [line for path in files for line in read_entries(path)]
    if args.show and not lines:
        parser.error(f"--show: nothing is recorded in {', '.join(map(str, files))}")
    wanted: dict[str, Job] = {}
    for job in (job for table in tables for job in jobs(table, args.seeds)):
        if not args.only or job.algorithm in args.only.split(","):
            wanted.setdefault(job.key, job)
    if args.cost:
        print(cost_table([msgspec.to_builtins(job) for job in wanted.values()], lines))
        return
    if not args.show:
        folder = files[0].with_suffix("")
        folder.mkdir(parents=True, exist_ok=True)
        rows = map(row_of, wanted.values())
        lines += measure(rows, files[0], lambda row: run(row, folder), others=files[1:], labels=("table",))
    show(tables, lines, as_json=args.json)


if __name__ == "__main__":
    main()
