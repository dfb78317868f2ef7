"""``testbed import``: recorded files into the testbed's own formats."""

import argparse
from pathlib import Path

from testbed.model import units
from testbed.model.errors import Invalid, UsageError
from testbed.model.load import load_scenario
from testbed.trace.convert import KINDS, Options, convert


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("kind", choices=KINDS, help="what the files are")
    parser.add_argument("files", nargs="+", metavar="FILES", help="files to read")
    parser.add_argument("-o", "--out", required=True, metavar="OUT", help="file to write")
    parser.add_argument("--force", action="store_true", help="replace OUT if it exists")
    parser.add_argument("--scenario", default="region", metavar="S", help="whose UEs get the tasks (region)")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="change one key; repeatable")
    parser.add_argument("--bin", default="100 ms", metavar="TIME", help="mahimahi: how long a rate holds (100 ms)")
    parser.add_argument("--cells", type=int, default=0, metavar="N", help="eua: how many cells to keep (all)")
    parser.add_argument("--ues-per-cell", type=int, default=0, metavar="N", help="eua: how many UEs a cell (all)")


def main(args: argparse.Namespace) -> int:
    """Do it; returns the exit code."""
    try:
        bin_ns = units.parse(args.bin, "time")
    except Invalid as error:
        raise UsageError(f"--bin: {error.message}", error.remedy) from None
    if bin_ns <= 0 or args.cells < 0 or args.ues_per_cell < 0:
        raise UsageError("--bin must be more than 0, --cells and --ues-per-cell not below 0")
    if Path(args.out).is_file() and not args.force:
        raise UsageError(f"{args.out} exists", "choose another name, or replace it with --force")
    options = Options(load_scenario(args.scenario, args.set), int(bin_ns), args.cells, args.ues_per_cell)
    print(convert(args.kind, args.files, args.out, options))
    return 0
