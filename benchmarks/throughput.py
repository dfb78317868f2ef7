"""How many tasks a second go through the testbed at grade A: 1,600 UEs in a few processes, declared payload.

``python benchmarks/throughput.py --out throughput.jsonl`` keeps every run in a file and goes on from there. Tasks come
in a Poisson process and are asked for as they arrive; each is decided by the controller, sent over its UE's radio,
queued and executed at an edge server, and recorded. A run counts if it drained within two seconds and lost nothing.
"""

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from harness import Entry, measure, middle, options, recorded, report, table, testbed

SCENARIO = """
name: many
slots: {slots}
density: {density}
workload: {{arrivals: poisson}}
cells: [{cells}]
agent: {{epoch: arrival, decision_timeout: 1 s}}
emulation: {{speed: 1, payload: declared, burn: 0, ues_per_process: {ues}}}
"""
CELL = "{{es: {{cpu: 40 GHz, cores: 16}}, ues: {ues}}}"
CELLS, UES = 4, 400
RATES = (2000, 2500, 3000)
DRAIN_S = 2.0
HEAD = ("tasks a second", "task error median", "p99", "grades", "host CPU", "error p99 (steal) of each run")


def wanted(runs: int, *, quick: bool) -> Iterator[Entry]:
    """What to measure, each once."""
    for rate in RATES[:1] if quick else RATES:
        for seed in range(1, runs + 1):
            yield {"rate": rate, "seed": seed, "slots": 4 if quick else 8}


def run(row: Entry) -> Entry:
    """One run at a rate in tasks a second, at speed 1."""
    cells = ", ".join([CELL.format(ues=UES)] * CELLS)
    density = row["rate"] / (CELLS * UES)
    text = SCENARIO.format(slots=row["slots"], density=density, cells=cells, ues=UES)
    with tempfile.TemporaryDirectory(prefix="throughput-") as folder:
        scenario = Path(folder) / "many.yaml"
        scenario.write_text(text)
        summary = testbed(
            "run", str(scenario), "--policy", "greedy-do", "--seed", str(row["seed"]), "--out", f"{folder}/run"
        )
    fidelity, tasks = summary["fidelity"], summary["tasks"]
    return {
        "tasks": tasks["generated"],
        "tasks_per_s": tasks["generated"] / row["slots"],
        "drained": summary["ended"] == "drained"
        and summary["end_s"] <= row["slots"] + DRAIN_S
        and not tasks["unaccounted"],
        "fallback": tasks["fallback"],
        "grade": fidelity["grade"] or "-",
        "error_median": fidelity["delay_error"]["median"],
        "error_p99": fidelity["delay_error"]["p99"],
        "slipped": fidelity["slipped"],
        "seen_ms": summary["decision_ms"]["seen"],
        "host_cpu": fidelity["host_cpu"],
        "steal": fidelity["steal"],
    }


def tables(entries: Sequence[Entry]) -> Iterator[Entry]:
    """One row a rate: medians over its runs, and the runs."""
    for rate in dict.fromkeys(entry["rate"] for entry in entries):
        runs = [entry for entry in entries if entry["rate"] == rate]
        yield {
            "rate": rate,
            "tasks_per_s": middle(entry["tasks_per_s"] for entry in runs),
            "error_median": middle(entry["error_median"] for entry in runs),
            "error_p99": middle(entry["error_p99"] for entry in runs),
            "grades": "".join(entry["grade"] if entry["drained"] else "-" for entry in runs),
            "host_cpu": middle(entry["host_cpu"] for entry in runs),
            "runs": runs,
        }


def shown(rows: Sequence[Entry]) -> str:
    """The table; a run that did not drain has a dash for its grade."""
    return table(HEAD, [line(row) for row in rows])


def line(row: Entry) -> Sequence[str]:
    """One rate."""
    return (
        f"{row['tasks_per_s']:.0f}",
        f"{row['error_median']:.3%}",
        f"{row['error_p99']:.2%}",
        row["grades"],
        f"{row['host_cpu']:.0%}",
        ", ".join(f"{middle([run['error_p99']]):.2%} ({run['steal']:.2%})" for run in row["runs"]),
    )


def main() -> None:
    """Measure and print."""
    args = options(
        "tasks a second through the testbed", quick="short runs at the lowest rate", page="the table"
    ).parse_args()
    if args.show:
        entries = recorded(args.out, "throughput.jsonl")
    else:
        entries = measure(list(wanted(args.runs, quick=args.quick)), args.out, run)
    rows = list(tables(entries))
    report(args, rows, shown(rows), "throughput")


if __name__ == "__main__":
    main()
