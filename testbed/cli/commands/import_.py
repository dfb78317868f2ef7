"""``testbed import``: recorded files into the testbed's own formats."""

import argparse
import math
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from testbed.cli.commands import common
from testbed.cli.progress import ProgressDisplay
from testbed.model.errors import InvalidError, StartError, UsageError
from testbed.model.printable import printable
from testbed.record.files import replacing
from testbed.scenario.fields import Quantity, Range, Scalar
from testbed.scenario.load import load_scenario
from testbed.scenario.parse import slots
from testbed.scenario.schema import SPEED, LinkTrace
from testbed.trace import imported, mapped
from testbed.trace.convert import IMPORT_KINDS, RADIUS_M, ConversionOptions, convert
from testbed.trace.job import JobOptions
from testbed.trace.notes import Say, quiet

RADIUS = Quantity("length", Range(low=0.0, above=True), {"unlimited": math.inf})
LINK_OPTIONS = {
    "bin": "mahimahi",
    "column": "5g",
    "hold": "5g",
    "holes": "5g",
    "time_unit": "text",
    "rate_unit": "text",
    "span": "text",
}
JOBS, TABLE = tuple(imported.READERS), "table"
MAP_HELP = "table: what a column is: time, input, cycles or duration, and its unit; repeatable"
TOPOLOGY = {"radius": "eua", "cells": "eua", "ues_per_cell": "eua"}
WORKLOADS = ("azure", "csv", "5g", *JOBS)


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
    parser.add_argument("--time-unit", metavar="U", help="text: s or ms (s)")
    parser.add_argument("--rate-unit", metavar="U", help="text: Mbit/s, kbit/s or bit/s (Mbit/s)")
    parser.add_argument("--span", metavar="W", help="text: a rate holds before its instant, or after it (before)")
    parser.add_argument("--radius", metavar="LENGTH", help="eua: how far from every site a user may be (2 km)")
    parser.add_argument("--cells", type=int, metavar="N", help="eua: how many cells to keep (all)")
    parser.add_argument("--ues-per-cell", type=int, metavar="N", help="eua: how many UEs a cell (all)")


def main(args: argparse.Namespace) -> int:
    """Convert recorded data into a file of the testbed's; returns the exit code."""
    for name, kind in (LINK_OPTIONS | TOPOLOGY).items():
        if args.kind != kind:
            common.refuse_options({_flag(name): getattr(args, name)}, f"is for {kind}, not for {args.kind}")
    if args.kind not in WORKLOADS:
        common.refuse_options({"--scenario": args.scenario, "--set": args.set}, f"means nothing for {args.kind}")
    if args.kind not in JOBS:
        common.refuse_options({"--cpu": args.cpu}, f"is for {', '.join(JOBS)}, not for {args.kind}")
    for name in ("cells", "ues_per_cell"):
        if (getattr(args, name) or 0) < 0:
            raise UsageError(f"{_flag(name)} {getattr(args, name)}", "give a number of at least 0 (0: all)")
    if Path(args.out).is_file() and not args.force:
        raise UsageError(f"{args.out} exists", "choose another name, or replace it with --force")
    options = ConversionOptions(
        scenario=load_scenario(args.scenario or "region", args.set),
        link=_link(args),
        cells=args.cells or 0,
        ues_per_cell=args.ues_per_cell or 0,
        jobs=_jobs(args),
        radius_m=RADIUS_M if args.radius is None else _parsed("radius", args.radius, RADIUS),
    )
    notes: list[str] = []
    with ProgressDisplay(sys.stderr, plain=False) as display:
        display(f"reading {', '.join(args.files[:3])}{' …' if len(args.files) > 3 else ''}")
        said = converted(args.kind, args.files, Path(args.out), options, notes.append, display)
    print(printable(said))
    for note in notes:
        print(printable(f"  {note}"))
    return 0


def converted(
    kind: str,
    files: Sequence[str | Path],
    out: Path,
    options: ConversionOptions,
    say: Say,
    progress: Callable[[str], None] = quiet,
) -> str:
    """Convert ``files`` of ``kind`` into ``out``; returns one line saying what was written.

    Raises `ScenarioError` for a mistake in a file, `UsageError` for a wrong kind or number of files, and `StartError`
    when ``out`` cannot be written; what was there before is then left as it was.
    """
    if out.resolve() in {Path(name).resolve() for name in files}:
        raise UsageError(f"{out} is one of the files to read", "give another file after -o")
    text = ""
    if kind not in JOBS:
        text, said = convert(kind, files, options, say)
    try:
        with replacing(out) as beside, beside.open("w", encoding="utf-8", newline="\n") as file:
            if kind in JOBS:
                names = [str(name) for name in files]
                said = imported.write(kind, names, file, options.scenario, options.jobs, say, progress)
            file.write(text)
    except OSError as error:
        raise StartError(f"{out} cannot be written: {error.strerror}", "give another file after -o") from None
    return f"{out}: {said}"


def _jobs(args: argparse.Namespace) -> JobOptions:
    """What recorded jobs are taken for."""
    if args.kind != TABLE:
        common.refuse_options({"--map": args.map}, f"is for {TABLE}, not for {args.kind}")
    columns = tuple(mapped.mapped(args.map).items()) if args.kind == TABLE else ()
    return JobOptions(1e9 if args.cpu is None else _parsed("cpu", args.cpu, SPEED), columns)


def _link(args: argparse.Namespace) -> LinkTrace:
    """How a link trace is to be read."""
    known, chosen = slots(LinkTrace), {}
    for name in LINK_OPTIONS:
        value = getattr(args, name)
        if value is not None:
            chosen[known[name].attribute] = _parsed(name, value, known[name].scalar)
    return LinkTrace(**chosen)


def _parsed(name: str, value: str, kind: Scalar) -> Any:
    """The value of an option; `UsageError` in its name."""
    try:
        return kind.parse(value)
    except InvalidError as error:
        raise UsageError(f"{_flag(name)}: {error.message}", error.remedy) from None


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"
