"""What real recordings come to: each imported, run on the twin under three strategies, and replayed.

``python benchmarks/recordings.py FOLDER`` takes a folder with ``azure-llm``, ``mahimahi``, ``5g`` and ``eua`` in it,
whose public sources docs/results/columns.md names.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from harness import report, table
from testbed.model.human import MB

POLICIES = ("lc", "offload-do", "greedy-do")
TOKENS = ("--set", "workload.bits_per_token=2.4kbit", "--set", "workload.cycles_per_token=4M")
LINKS = ("mahimahi/*.up", "5g/*.csv")
HEAD = ("recording", "imported", "tasks", *(f"{policy}: mean s (in time)" for policy in POLICIES), "replay")
SAME, OTHER = "the same", "differs"


def printed(*words: str) -> str:
    """What a verb prints; whoever calls it sees why it failed."""
    return subprocess.run([sys.executable, "-m", "testbed", *words], check=True, text=True, capture_output=True).stdout


def summary(*words: str) -> dict[str, Any]:
    """The summary of a run."""
    figures: dict[str, Any] = json.loads(printed(*words, "--json"))
    return figures


def played(where: Sequence[str], folder: Path) -> list[str]:
    """Tasks, the mean delay and the share in time under each strategy, and whether a replay of the last is the same."""
    cells, last = [], dict[str, Any]()
    for policy in POLICIES:
        out = str(folder / policy)
        last = summary("run", *where, "--backend", "twin", "--policy", policy, "--out", out)
        cells.append(f"{last['delay_s']['mean']:.2f} ({100 * last['deadline_hit_rate']:.0f} %)")
    again = summary("replay", out, "--on", "twin", "--out", str(folder / "again"))
    same = all(again[key] == last[key] for key in ("delay_s", "tasks", "overhead", "energy_j"))
    return [f"{last['tasks']['generated']:,}", *cells, SAME if same else OTHER]


def imported(kind: str, files: Sequence[Path], out: Path, *words: str) -> str:
    """The last line that ``import`` prints of ``files``."""
    printed("import", kind, *map(str, files), "-o", str(out), *words)
    return f"{sum(file.stat().st_size for file in files) / MB:.2f} MB"


def azure(file: Path, folder: Path) -> list[str]:
    """Requests on the hardware of `region`, as long as they go on."""
    size = imported("azure", [file], folder / "requests.csv", *TOKENS)
    where = ["region", "--slots", "3600", *TOKENS]
    where += ["--set", f"workload.trace={file}", "--set", "workload.format=azure"]
    return [file.name, size, *played(where, folder)]


def link(file: Path, folder: Path) -> list[str]:
    """`region` whose uplinks have the recorded rate."""
    kind = "mahimahi" if file.suffix == ".up" else "5g"
    size = imported(kind, [file], folder / "rates.csv")
    return [file.name, size, *played(["region", "--slots", "300", "--set", f"radio.trace={file}"], folder)]


def places(sites: Path, users: Path, folder: Path) -> list[str]:
    """`region` at the real sites and users."""
    options = ["--cells", "12", "--ues-per-cell", "10"]
    size = imported("eua", [sites, users], folder / "cells.yaml", *options)
    where = ["region", "--slots", "300", "--set", f"topology.files=[{sites}, {users}]"]
    where += ["--set", "topology.most_cells=12", "--set", "topology.ues_per_cell=10"]
    return ["EUA, 12 sites", size, *played(where, folder)]


def rows(root: Path) -> list[list[str]]:
    """A row for each recording below ``root``."""
    figures = []
    for file in sorted(root.glob("azure-llm/*.csv")):
        with tempfile.TemporaryDirectory(prefix="recordings-") as folder:
            figures.append(azure(file, Path(folder)))
    for file in sorted(one for pattern in LINKS for one in root.glob(pattern)):
        with tempfile.TemporaryDirectory(prefix="recordings-") as folder:
            figures.append(link(file, Path(folder)))
    with tempfile.TemporaryDirectory(prefix="recordings-") as folder:
        sites, users = sorted(root.glob("eua/*.csv"))
        figures.append(places(sites, users, Path(folder)))
    return figures


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="what real recordings come to")
    parser.add_argument("folder", type=Path, help="where the recordings are")
    parser.add_argument("--write", type=Path, metavar="FILE", help="put the table into this page, between its marks")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    figures = rows(args.folder.resolve())
    report(args, [dict(zip(HEAD, row, strict=True)) for row in figures], table(HEAD, figures), "recordings")


if __name__ == "__main__":
    main()
