"""``testbed run``: a scenario under a policy, live, simulated or on the twin."""

import argparse

from testbed.cli.commands import common, down, learning, up
from testbed.experiments.runner import Order
from testbed.record.backends import BACKENDS, COMPOSE, TESTBED


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("scenario", nargs="?", default=common.DEFAULT_SCENARIO, help="path or shipped name (region)")
    parser.add_argument("--policy", default=common.DEFAULT_POLICY, metavar="P", help="policy (greedy-do)")
    common.add_think_option(parser)
    common.add_scenario_options(parser)
    parser.add_argument(
        "--backend",
        choices=(*BACKENDS, COMPOSE),
        default=TESTBED,
        help="processes on this host, simulation, twin, or containers (testbed)",
    )
    parser.add_argument("--metrics", metavar="[ADDRESS:]PORT", help="serve Prometheus metrics (on loopback by default)")
    parser.add_argument(
        "--agents", metavar="FILE", help="socket at which agents of containers report, to run on them (see compose)"
    )
    common.add_run_options(parser)
    learning.add(parser)


def main(args: argparse.Namespace) -> int:
    """Run a scenario and print its summary; returns the exit code."""
    args.policy = common.thinking([args.policy], args.think)[0]
    if args.backend == COMPOSE:
        return _in_containers(args)
    common.refuse_live_options(args, args.backend, {"--metrics": args.metrics, "--agents": args.agents})
    learning.check_policy(args)
    resolved, workload = common.load(args.scenario, args, args.backend)
    auto = args.speed == "auto"
    order = Order(
        resolved=resolved,
        workload=workload,
        policy=args.policy,
        backend=args.backend,
        out=args.out,
        auto_speed=auto,
        learn=args.learn,
        agents=args.agents or "",
    )
    return common.carry_out(learning.learning(order, args) if args.learn else order, args)


def _in_containers(args: argparse.Namespace) -> int:
    """Bring the run's containers up, show what its recorder prints, and take them down; returns the run's exit code."""
    why = "does not go with --backend compose"
    common.refuse_options({"--metrics": args.metrics, "--agents": args.agents}, why)
    up.bring_up(args)
    try:
        return up.follow()
    finally:
        down.take_down()
