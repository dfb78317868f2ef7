"""``testbed train``: values of a tuned strategy, found on training seeds."""

import argparse
from pathlib import Path

from testbed.model.load import load_scenario
from testbed.run import tune
from testbed.run.output import print_json, warn
from testbed.run.verbs import common

ALGORITHMS = tuple(name + suffix for name in tune.SPACES for suffix in ("", tune.DOUBLE))
CHECKPOINTS = Path("checkpoints")


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("scenario", help="path or shipped name")
    parser.add_argument("--algorithm", choices=ALGORITHMS, default="priced-do", help="which strategy (priced-do)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="which training workloads (0)")
    parser.add_argument("--slots", type=int, metavar="N", help="number of slots of each")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="change one key; repeatable")
    parser.add_argument("--out", metavar="DIR", help="where to write the checkpoint (checkpoints/SCENARIO)")
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def main(args: argparse.Namespace) -> int:
    """Do it; returns the exit code."""
    changes = [*args.set, *([f"slots={args.slots}"] if args.slots is not None else [])]
    scenario = load_scenario(args.scenario, changes)
    folder = Path(args.out) if args.out else CHECKPOINTS / scenario.name
    common.writable(folder)
    tuned = tune.tune(scenario, args.algorithm, args.seed, warn if args.json else print)
    path = tune.write(tuned, folder)
    if args.json:
        print_json({"checkpoint": str(path), **tune.checkpoint(tuned)})
    else:
        values = ", ".join(f"{name} {value:g}" for name, value in tuned.values.items())
        print(f"{path}: {values}; mean overhead {tuned.overhead:.4f} on {len(tuned.training_seeds)} training workloads")
        print(f"  use it as --policy {args.algorithm}:{path}")
    return 0
