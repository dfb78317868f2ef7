"""``testbed list``: the scenarios that are shipped, the policies that can be named, the runs below ``runs/``."""

import argparse
import itertools
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from testbed.cli.console import print_json, print_text
from testbed.cli.labels import labels
from testbed.cli.layout import width, wrapped
from testbed.cli.progress import ProgressDisplay
from testbed.cli.summary_text import count
from testbed.cli.text_table import table
from testbed.model.fidelity import EXACT
from testbed.model.printable import printable, readable
from testbed.model.targets import chooses_target
from testbed.policy import loading
from testbed.policy.shipped import CHECKPOINTS
from testbed.record import directory, kept_grade, reader
from testbed.record.backends import VIRTUAL
from testbed.scenario.load import load_scenario, shipped

Rows = list[dict[str, Any]]
OPEN_STATES = ("broken", "running")


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("what", nargs="?", choices=tuple(_KINDS), metavar="scenarios|policies|runs", help="which (all)")
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def main(args: argparse.Namespace) -> int:
    """Print what is asked for; returns the exit code."""
    listed = {kind: _KINDS[kind]() for kind in ([args.what] if args.what else _KINDS)}
    if args.json:
        print_json(listed)
        return 0
    blocks = [_SHOWN[kind](rows, width(sys.stdout)) for kind, rows in listed.items()]
    print_text(wrapped("\n\n".join(blocks), width(sys.stdout)))
    return 0


def scenarios() -> Rows:
    """Every shipped scenario: its name, cells, UEs, slots, and what its file says of it."""
    rows = []
    for name, path in shipped().items():
        scenario = load_scenario(path)
        rows.append(
            {
                "scenario": name,
                "cells": len(scenario.cells),
                "ues": sum(cell.ues for cell in scenario.cells),
                "slots": scenario.slots,
                "about": _comment(path),
            }
        )
    return rows


def _comment(path: Path) -> str:
    """The paragraph of comment that the file begins with."""
    lines = itertools.takewhile(lambda line: line.startswith("# "), path.read_text(encoding="utf-8").splitlines())
    return " ".join(line[2:] for line in lines).rstrip(".")


def checkpoints() -> list[Path]:
    """Every checkpoint that `tune` and `train` left where they write them by default."""
    return sorted(path for path in CHECKPOINTS.glob("*/*") if path.stem in loading.names() and path.is_file())


def policies_known() -> Rows:
    """Every policy: its name, what it does, and what to write after ``--policy`` (once for each checkpoint)."""
    rows, files = [], checkpoints()
    for name in loading.names():
        base, double, _ = loading.parts(name)
        needs = base in (*loading.TUNED, *loading.LEARNED)
        written = [f"{name}:{path}" for path in files if path.stem == name] if needs else [name]
        offload = "; the agent chooses which edge server" if chooses_target(name) else "; with second offload"
        about = loading.ABOUT[base] + (offload if double else "")
        rows.append({"policy": name, "about": about, "needs_checkpoint": needs, "usable": written})
    return rows


def runs() -> Rows:
    """Every run below ``runs/``, the latest first: what was run, on what, how it ended and what came of it.

    ``grade`` and ``overhead`` (the tasks' mean) are those of its last summary. Without one the overhead is that of the
    tasks so far, and only what was simulated has a grade. What cannot be read is None.
    """
    files = [path for path in directory.RUNS.glob(f"*/{directory.RECORD}") if path.is_file()]
    rows = []
    with ProgressDisplay(sys.stderr, plain=False) as display:
        for i, file in enumerate(sorted(files, key=lambda file: file.stat().st_mtime, reverse=True)):
            display(f"reading run {i + 1} of {len(files)}", i / len(files))
            rows.append(_run(file))
    return rows


def _run(file: Path) -> dict[str, Any]:
    meta = reader.read_meta(file)
    grade = None if reader.is_running(meta, file) else kept_grade.read_grade(file.parent)
    if grade is None:
        exact = EXACT if meta and reader.backend_of(meta) in VIRTUAL and "reason" in meta else None
        grade = kept_grade.KeptGrade(exact, kept_grade.overhead_so_far(file))
    fields = {name: meta.get(name) for name in ("scenario", "policy", "slots", "seed", "started")}
    return {
        "run": printable(readable(file.parent.name)),
        "state": _state(file.parent, meta),
        **{name: value if isinstance(value, str | int) else None for name, value in fields.items()},
        "backend": reader.backend_of(meta) if meta else None,
        "grade": grade.grade,
        "overhead": grade.overhead,
    }


def _state(path: Path, meta: dict[str, Any]) -> str:
    """How a run ended, or that it goes on, or that a part of it cannot be read or is missing."""
    if not meta or not all((path / name).is_file() for name in (directory.SCENARIO, directory.WORKLOAD)):
        return "broken"
    if reader.is_running(meta, path / directory.RECORD):
        return "running"
    return str(meta["reason"] or "drained") if "reason" in meta else "broken off"


def _scenarios_text(rows: Rows, columns: int) -> str:
    widest = max(len(row["scenario"]) for row in rows)
    lines = [
        f"{row['scenario'].ljust(widest)}  {count(row['cells'], 'cell')}, {count(row['ues'], 'UE')}, "
        f"{row['slots']} slots: {row['about']}"
        for row in rows
    ]
    return "\n".join(["scenarios (testbed run NAME)", "", *lines])


def _policies_text(rows: Rows, columns: int) -> str:
    plain = [row for row in rows if not row["policy"].endswith(loading.DOUBLE)]
    named = {f"{row['policy']}{':CHECKPOINT' if row['needs_checkpoint'] else ''}": row["about"] for row in plain}
    named["module:attribute"] = "your own Python function or class, see docs/how-to/bring-your-own-policy.md"
    widest = max(len(name) for name in named)
    lines = [f"{name.ljust(widest)}  {about}" for name, about in named.items()]
    usable = [written for row in rows if row["needs_checkpoint"] for written in row["usable"]]
    tail = ["", "checkpoints here", "", *(f"  --policy {shlex.quote(written)}" for written in usable)] if usable else []
    return "\n".join(["policies (--policy NAME, or NAME-do with second offload)", "", *lines, *tail])


def _runs_text(rows: Rows, columns: int) -> str:
    if not rows:
        return "runs\n\nthere are none below runs/ yet: `testbed run smoke` makes one"
    labelled = labels(dict.fromkeys(str(row["policy"]) for row in rows if row["policy"] is not None))
    head = ("run", "scenario", "policy", "grade", "overhead", "state", "backend", "slots", "seed")
    named = [row | {"policy": labelled.get(str(row["policy"]))} for row in rows]
    shown = [tuple(_word(row[name]) for name in head) for row in named]
    unknown = next((row["run"] for row in rows if row["grade"] is None and row["state"] not in OPEN_STATES), None)
    hint = "" if unknown is None else f"\n\n? is not known: `testbed report {shlex.quote(unknown)}` grades a run"
    return "runs (testbed report NAME)\n\n" + table(head, shown, columns) + hint


def _word(value: object) -> str:
    """A value of a run as it is shown in a table."""
    return "?" if value is None else f"{value:.4f}" if isinstance(value, float) else str(value)


_KINDS: dict[str, Callable[[], Rows]] = {"scenarios": scenarios, "policies": policies_known, "runs": runs}
_SHOWN: dict[str, Callable[[Rows, int], str]] = {
    "scenarios": _scenarios_text,
    "policies": _policies_text,
    "runs": _runs_text,
}
