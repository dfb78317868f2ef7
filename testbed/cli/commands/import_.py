"""``testbed import``: recorded files into the testbed's own formats."""

import argparse
import math
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TextIO

import msgspec

from testbed.cli.commands import common
from testbed.cli.console import print_text
from testbed.cli.progress import ProgressDisplay
from testbed.model.errors import InvalidError, UsageError
from testbed.model.printable import printable
from testbed.record.files import replacing, unwritable
from testbed.scenario.checks import TABLE
from testbed.scenario.fields import Quantity, Range, Scalar
from testbed.scenario.kinds import SPEED
from testbed.scenario.load import load_scenario
from testbed.scenario.parse import slots
from testbed.scenario.schema import LinkTrace, Scenario, Workload
from testbed.trace import imported, inputs, mapped
from testbed.trace.convert import IMPORT_KINDS, RADIUS_M, ConversionOptions, convert, wanted
from testbed.trace.notes import Say
from testbed.trace.spool import spooling

RADIUS = Quantity("length", Range(low=0.0, above=True), {"unlimited": math.inf})
LINK_OPTIONS = {
    "bin": "mahimahi",
    "column": "5g",
    "hold": "5g",
    "holes": "5g",
    "time_unit": "text",
    "rate_unit": "text",
    "span": "text, rate-table",
}
JOBS, AZURE = imported.DEMAND_KINDS, "azure"
RATE_TABLE = "rate-table"
MAP_HELP = "tables: what a column is (time, input, cycles, duration, rate), and its unit or date; repeatable"
TOPOLOGY = {"radius": "eua", "cells": "eua", "ues_per_cell": "eua"}
WORKLOADS = ("csv", "5g", *JOBS)


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("kind", choices=(*IMPORT_KINDS, *JOBS), help="what the files are")
    parser.add_argument("files", nargs="+", metavar="FILES", help="files to read")
    parser.add_argument("-o", "--out", required=True, metavar="OUT", help="file to write")
    parser.add_argument("--force", action="store_true", help="replace OUT if it exists")
    parser.add_argument("--scenario", metavar="S", help="whose UEs get the tasks (region)")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="change one key; repeatable")
    parser.add_argument("--cpu", metavar="SPEED", help="of jobs: cycles a second of a core (1 GHz)")
    parser.add_argument("--map", action="append", default=[], metavar="KEY=COLUMN:UNIT", help=MAP_HELP)
    parser.add_argument("--bin", metavar="TIME", help="mahimahi: how long a rate stays constant (100 ms)")
    parser.add_argument("--column", metavar="C", help="5g: rates by snr, or as measured: uplink, downlink (snr)")
    parser.add_argument("--hold", metavar="TIME", help="5g: how long a value holds at most, or unlimited (10 s)")
    parser.add_argument("--holes", metavar="H", help="5g: what comes after that: cut or silence (cut)")
    parser.add_argument("--time", "--time-unit", dest="time_unit", metavar="U", help="text: s or ms (s)")
    parser.add_argument(
        "--rate", "--rate-unit", dest="rate_unit", metavar="U", help="text: Mbit/s, kbit/s or bit/s (Mbit/s)"
    )
    parser.add_argument(
        "--span", metavar="W", help="text, rate-table: a rate holds before its instant, or after it (before)"
    )
    parser.add_argument("--radius", metavar="LENGTH", help="eua: how far from every site a user may be (2 km)")
    parser.add_argument("--cells", type=int, metavar="N", help="eua: how many cells to keep (all)")
    parser.add_argument("--ues-per-cell", type=int, metavar="N", help="eua: how many UEs a cell (all)")


def main(args: argparse.Namespace) -> int:
    """Convert recorded data into a file of the testbed's; returns the exit code."""
    for name, kind in (LINK_OPTIONS | TOPOLOGY).items():
        if args.kind not in kind.split(", "):
            common.refuse_options({_flag(name): getattr(args, name)}, f"is for {kind}, not for {args.kind}")
    if args.kind not in WORKLOADS:
        common.refuse_options({"--scenario": args.scenario, "--set": args.set}, f"means nothing for {args.kind}")
    if args.kind not in JOBS or args.kind == AZURE:
        jobs = ", ".join(kind for kind in JOBS if kind != AZURE)
        common.refuse_options({"--cpu": args.cpu}, f"is for {jobs}, not for {args.kind}")
    if args.kind not in (TABLE, RATE_TABLE):
        common.refuse_options({"--map": args.map}, f"is for {TABLE} and {RATE_TABLE}, not for {args.kind}")
    for name in ("cells", "ues_per_cell"):
        if (getattr(args, name) or 0) < 0:
            raise UsageError(f"{_flag(name)} {getattr(args, name)}", "give a number of at least 0 (0: all)")
    if Path(args.out).is_file() and not args.force:
        raise UsageError(f"{args.out} exists", "choose another name, or replace it with --force")
    scenario = _scenario(args)
    options = ConversionOptions(
        scenario=scenario,
        link=_link(args),
        cells=args.cells or 0,
        ues_per_cell=args.ues_per_cell or 0,
        columns=tuple(mapped.mapped(args.map).items()) if args.kind == TABLE else (),
        radius_m=RADIUS_M if args.radius is None else _parsed("radius", args.radius, RADIUS),
    )
    notes: list[str] = []
    with ProgressDisplay(sys.stderr, plain=False) as display:
        display(f"reading {', '.join(args.files[:3])}{' …' if len(args.files) > 3 else ''}")
        outcome = converted(args.kind, args.files, Path(args.out), options, notes.append, display)
    print_text(printable(outcome))
    for note in notes:
        print_text(printable(f"  {note}"))
    return 0


def _unseen(text: str, share: float | None) -> None:
    """Take how far an import is, of which nothing is shown."""


def converted(
    kind: str,
    files: Sequence[str | Path],
    out: Path,
    options: ConversionOptions,
    say: Say,
    progress: Callable[[str, float | None], None] = _unseen,
) -> str:
    """Convert ``files`` of ``kind`` into ``out``; returns one line saying what was written.

    Raises `ScenarioError` for a mistake in a file, `UsageError` for a wrong kind or number of files, and `StartError`
    when ``out`` cannot be written; what was there before is then left as it was.
    """
    if os.path.realpath(out) in {os.path.realpath(name) for name in files}:
        raise UsageError(f"{out} is one of the files to read", "give another file after -o")
    text = ""
    if kind not in JOBS:
        text, outcome = convert(kind, files, options, say)
    try:
        with replacing(out) as beside, beside.open("w", encoding="utf-8", newline="\n") as file:
            if kind in JOBS:
                outcome = _demands(kind, wanted(files, say), file, options, say, progress)
            file.write(text)
    except OSError as error:
        raise unwritable(out, error, "-o FILE") from None
    return f"{out}: {outcome}"


def _demands(
    kind: str,
    names: Sequence[str],
    out: TextIO,
    options: ConversionOptions,
    say: Say,
    progress: Callable[[str, float | None], None],
) -> str:
    """Read demands and write them; both halves of the work are told of."""
    scenario = options.scenario
    generated = Workload(arrivals=scenario.workload.arrivals)
    system = inputs.resolve(
        scenario if scenario.workload.trace else msgspec.structs.replace(scenario, workload=generated)
    ).system
    reading = f"reading {', '.join(Path(name).name for name in names[:3])}"
    jobs = imported.options_of(scenario.workload, scenario.seed, dict(options.columns))
    jobs = msgspec.structs.replace(jobs, share=lambda share: progress(reading, share / 2))
    with spooling() as spool:
        gathered = imported.gather(kind, names, jobs, say, spool)
        return imported.written(
            gathered, out, scenario, system, say, lambda text, share: progress(text, 0.5 + (share or 0.0) / 2)
        )


def _scenario(args: argparse.Namespace) -> Scenario:
    """Whose UEs are given the tasks, with what a second on a recorded core means."""
    sets = list(args.set)
    if any(change.startswith("workload.") for change in sets) and Path(args.files[0]).exists():
        sets.insert(0, f"workload.trace={args.files[0]}")  # of which these keys say something
    scenario = load_scenario(args.scenario or "region", sets)
    if args.cpu is None:
        return scenario
    workload = msgspec.structs.replace(scenario.workload, cpu_hz=int(_parsed("cpu", args.cpu, SPEED)))
    return msgspec.structs.replace(scenario, workload=workload)


def _link(args: argparse.Namespace) -> LinkTrace:
    """How a link trace is to be read."""
    known, chosen = slots(LinkTrace), {}
    for name in LINK_OPTIONS:
        value = getattr(args, name)
        if value is not None:
            chosen[known[name].attribute] = _parsed(name, value, known[name].scalar)
    if args.kind == RATE_TABLE:
        mapped.mapped_rates(args.map)
        chosen["columns"] = tuple(args.map)
    return LinkTrace(**chosen)


def _parsed(name: str, value: str, kind: Scalar) -> Any:
    """The value of an option; `UsageError` in its name."""
    try:
        return kind.parse(value)
    except InvalidError as error:
        raise UsageError(f"{_flag(name)}: {error.message}", error.remedy) from None


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"
