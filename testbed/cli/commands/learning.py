"""The options of a run that learns, for the verbs that start one."""

import argparse
import math

import msgspec

from testbed.cli.commands import common, training
from testbed.experiments.runner import Order
from testbed.model.errors import UsageError
from testbed.model.learning import MODES, ON_POLICY, REPLAY
from testbed.policy import loading

MODE_HELP = (
    f"{REPLAY}: again and again from the latest segments; {ON_POLICY}: once from each, on-policy, as in the paper "
    f"({REPLAY})"
)
LIVE_WORKERS_HELP = (
    "processes that learn, each from cells of its own "
    f"({REPLAY}: 1; {ON_POLICY}: one for each cell that the host has a core for)"
)
TOGETHER_HELP = "step all cells together, on-policy (A2C), by one process"


def add(parser: argparse.ArgumentParser) -> None:
    """Declare ``--learn`` and what it can be told."""
    group = parser.add_argument_group("learning")
    group.add_argument("--learn", action="store_true", help="go on learning from what the run measures (a3c, a3c-do)")
    add_mode(group)
    group.add_argument("--workers", type=int, metavar="N", help=LIVE_WORKERS_HELP)
    group.add_argument("--synchronous", action="store_true", help=TOGETHER_HELP)


def add_mode(group: "argparse._ArgumentGroup") -> None:
    """Declare ``--mode``."""
    group.add_argument("--mode", choices=MODES, help=MODE_HELP)


def check_policy(args: argparse.Namespace) -> None:
    """Raise `UsageError` for a policy that cannot be loaded, or cannot learn in a run that learns, and for options that
    mean nothing without ``--learn``."""
    if args.learn:
        loading.load_for_learning(args.policy, args.scenario)
    else:
        _refuse_without_learning(args)
        loading.check([args.policy], args.scenario)


def _refuse_without_learning(args: argparse.Namespace) -> None:
    """Raise `UsageError` for an option that means nothing without ``--learn``."""
    asked = {"--mode": args.mode, "--workers": args.workers, "--synchronous": args.synchronous}
    common.refuse_options(asked, "is for a run that learns", "add --learn, or leave it out")


def learning(order: Order, args: argparse.Namespace) -> Order:
    """``order`` with the mode and the workers that ``args`` ask for. Raises `UsageError` for what cannot be."""
    training.must_be_within("workers", args.workers, 1, math.inf)
    if not args.synchronous:
        return msgspec.structs.replace(order, mode=args.mode or REPLAY, workers=args.workers or 0)
    if args.mode == REPLAY:
        raise UsageError(f"--synchronous and --mode {REPLAY}: what steps together is on-policy", "leave out one")
    if (args.workers or 1) > 1:
        why = f"--synchronous and --workers {args.workers}: one process steps all cells, nobody waits for another"
        raise UsageError(why, "leave out one")
    return msgspec.structs.replace(order, mode=ON_POLICY, workers=1)
