"""``testbed run``: a scenario under a policy, live, simulated or on the twin."""

import argparse

from testbed.cli.commands import common, learning
from testbed.experiments.runner import Order
from testbed.policy import loading
from testbed.record.backends import BACKENDS, TESTBED


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("scenario", nargs="?", default=common.DEFAULT_SCENARIO, help="path or shipped name (region)")
    parser.add_argument("--policy", default=common.DEFAULT_POLICY, metavar="P", help="policy (greedy-do)")
    common.add_scenario_options(parser)
    parser.add_argument(
        "--backend", choices=BACKENDS, default=TESTBED, help="processes on this host, simulation, or twin (testbed)"
    )
    parser.add_argument("--metrics", metavar="[ADDRESS:]PORT", help="serve Prometheus metrics, on loopback unless told")
    common.add_run_options(parser)
    learning.add(parser)


def main(args: argparse.Namespace) -> int:
    """Run a scenario and print its summary; returns the exit code."""
    common.refuse_live_options(args, args.backend, {"--metrics": args.metrics})
    if not args.learn:
        learning.refuse_without_learning(args)
        loading.check([args.policy], args.scenario)
    resolved, workload = common.load(args.scenario, args)
    auto = args.speed == "auto"
    order = Order(
        resolved=resolved,
        workload=workload,
        policy=args.policy,
        backend=args.backend,
        out=args.out,
        auto_speed=auto,
        learn=args.learn,
    )
    return common.carry_out(learning.learning(order, args) if args.learn else order, args)
