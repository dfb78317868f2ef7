"""``testbed reproduce``: the paper's evaluation done again, each of its claims judged."""

import argparse
import math
import shlex
import sys
import time
from pathlib import Path

from testbed.cli.commands import common
from testbed.cli.console import print_json, print_text, warn
from testbed.cli.layout import width, wrapped
from testbed.cli.progress import ProgressDisplay
from testbed.live.interrupts import stop_on_interrupt
from testbed.model import packages
from testbed.model.errors import InterruptedRunError, UsageError, did_you_mean
from testbed.model.exit_codes import EXIT_INTERRUPTED, EXIT_OK
from testbed.model.human import duration
from testbed.node import limits
from testbed.record.backends import TESTBED, TWIN
from testbed.reproduce.catalogue import CLAIMS

CLOCKS = (TWIN, TESTBED)
USUAL_FOLDER = "reproduction"
MOST_SEEDS = 100


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("claim", nargs="*", metavar="CLAIM", help="numbers of claims, see --list (all)")
    parser.add_argument("--quick", action="store_true", help="shorter trainings, fewer seeds and densities")
    parser.add_argument("--on", choices=CLOCKS, default=TWIN, help="testbed: also run a part on processes (twin)")
    parser.add_argument(
        "--out", metavar="DIR", help=f"where to keep it and to go on from ({USUAL_FOLDER}, {USUAL_FOLDER}-quick)"
    )
    parser.add_argument(
        "--seeds", type=int, metavar="N", help="training seeds, 2 and more give intervals (5, quick: 3)"
    )
    parser.add_argument("--list", action="store_true", help="list the claims, train nothing")
    shape = parser.add_mutually_exclusive_group()
    shape.add_argument("--plain", action="store_true", help="plain lines even on a terminal")
    shape.add_argument("--json", action="store_true", help="print one JSON document")


def main(args: argparse.Namespace) -> int:
    """Reproduce and judge claims; returns the exit code. A claim that fails is a result, no error."""
    chosen = _chosen(args.claim)
    if args.list:
        options = {"--quick": args.quick, "--out": args.out, "--seeds": args.seeds}
        common.refuse_options(options, "is for a reproduction, and --list does none")
        return _list(chosen, as_json=args.json)
    for package in ("torch", "scipy", "matplotlib"):
        packages.require(package)
    if args.seeds is not None and not 2 <= args.seeds <= MOST_SEEDS:
        raise UsageError(f"--seeds {args.seeds}", f"2 to {MOST_SEEDS} are possible: one seed has no interval")
    return _reproduce(args, chosen)


def _list(chosen: tuple[int, ...], *, as_json: bool) -> int:
    listed = [{"claim": number, "title": CLAIMS[number]} for number in chosen]
    if as_json:
        print_json({"claims": listed})
    else:
        print_text("\n".join(f"{one['claim']}  {one['title']}" for one in listed))
    return EXIT_OK


def _chosen(numbers: list[str]) -> tuple[int, ...]:
    """The numbers of claims, in order, each once."""
    names = [str(number) for number in CLAIMS]
    for one in numbers:
        if one not in names:
            raise UsageError(
                f'there is no claim "{one}"', f"{did_you_mean(one, names)}; see `testbed reproduce --list`"
            )
    return tuple(sorted({int(one) for one in numbers})) or tuple(CLAIMS)


def _reproduce(args: argparse.Namespace, chosen: tuple[int, ...]) -> int:
    from testbed.reproduce.reproduction import FULL, PAGE, QUICK, Reproduction, with_seeds

    effort = QUICK if args.quick else FULL
    effort = effort if args.seeds is None else with_seeds(effort, args.seeds)
    folder = Path(args.out or (f"{USUAL_FOLDER}-quick" if args.quick else USUAL_FOLDER))
    common.writable(folder)
    begun, stops = time.monotonic(), list[bool]()
    reproduction = Reproduction(chosen, effort, folder, _command(args, chosen), live=args.on == TESTBED)
    left, whole = len(reproduction.missing()), len(reproduction.units)
    if left < whole:
        warn(f"{folder}: going on, {whole - left} of {whole} units are there")
    stream = sys.stderr if args.json else sys.stdout
    with (
        ProgressDisplay(stream, plain=args.plain or args.json, title=f"{left} units to do") as display,
        stop_on_interrupt(lambda: stops.append(True)),
    ):
        display(f"{left} units to do", 0.0)
        if not reproduction.carry_out(max(1, math.ceil(limits.cores())), display, lambda: bool(stops)):
            raise InterruptedRunError(f"interrupted; {folder} keeps what is done, and the same command goes on")
        document = reproduction.write(display)
    if args.json:
        print_json(document)
    else:
        for claim in document.claims:
            print_text(wrapped(f"{claim.verdict.ljust(8)} {claim.number} {claim.title}", width(sys.stdout)))
        print_text(f"{folder / PAGE}, after {duration(round(time.monotonic() - begun))}")
    return EXIT_INTERRUPTED if stops else EXIT_OK


def _command(args: argparse.Namespace, chosen: tuple[int, ...]) -> str:
    """The command that makes the same again."""
    words = ["testbed", "reproduce", *(str(number) for number in chosen if args.claim)]
    words += ["--quick"] * args.quick + (["--on", args.on] if args.on != TWIN else [])
    words += ["--seeds", str(args.seeds)] if args.seeds is not None else []
    return shlex.join(words)
