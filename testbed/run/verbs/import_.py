"""``testbed import``: recorded files into the testbed's own formats."""

import argparse
from pathlib import Path

from testbed.model import units
from testbed.model.errors import Invalid, UsageError
from testbed.model.load import load_scenario
from testbed.run.verbs import common
from testbed.trace.convert import KINDS, Options, convert

USED_BY = {
    "--scenario": ("azure", "csv", "5g"),
    "--set": ("azure", "csv", "5g"),
    "--bin": ("mahimahi",),
    "--cells": ("eua",),
    "--ues-per-cell": ("eua",),
}


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("kind", choices=KINDS, help="what the files are")
    parser.add_argument("files", nargs="+", metavar="FILES", help="files to read")
    parser.add_argument("-o", "--out", required=True, metavar="OUT", help="file to write")
    parser.add_argument("--force", action="store_true", help="replace OUT if it exists")
    parser.add_argument("--scenario", metavar="S", help="whose UEs get the tasks (region)")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="change one key; repeatable")
    parser.add_argument("--bin", metavar="TIME", help="mahimahi: how long a rate holds (100 ms)")
    parser.add_argument("--cells", type=int, metavar="N", help="eua: how many cells to keep (all)")
    parser.add_argument("--ues-per-cell", type=int, metavar="N", help="eua: how many UEs a cell (all)")


def main(args: argparse.Namespace) -> int:
    """Do it; returns the exit code."""
    _refuse_useless(args)
    try:
        bin_ns = units.parse(args.bin or "100 ms", "time")
    except Invalid as error:
        raise UsageError(f"--bin: {error.message}", error.remedy) from None
    cells, ues_per_cell = args.cells or 0, args.ues_per_cell or 0
    if bin_ns <= 0 or cells < 0 or ues_per_cell < 0:
        raise UsageError("--bin must be more than 0, --cells and --ues-per-cell not below 0")
    if Path(args.out).is_file() and not args.force:
        raise UsageError(f"{args.out} exists", "choose another name, or replace it with --force")
    options = Options(load_scenario(args.scenario or "region", args.set), int(bin_ns), cells, ues_per_cell)
    print(convert(args.kind, args.files, args.out, options))
    return 0


def _refuse_useless(args: argparse.Namespace) -> None:
    """Raise `UsageError` for an option that files of another kind have."""
    options = {
        "--scenario": args.scenario, "--set": args.set, "--bin": args.bin, "--cells": args.cells,
        "--ues-per-cell": args.ues_per_cell,
    }  # fmt: skip
    useless = {name: value for name, value in options.items() if args.kind not in USED_BY[name]}
    common.refuse_options(useless, f"means nothing for {args.kind}")
