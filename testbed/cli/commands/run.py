"""``testbed run``: a scenario under a policy, live, simulated or on the twin."""

import argparse

from testbed.cli.commands import common, down, learning, several, up
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
    parser.add_argument("--hosts", metavar="FILE", help="run on the hosts of this file (see run-on-several-hosts)")
    parser.add_argument("--dry-run", action="store_true", help="say what each of the hosts would carry, and end")
    common.add_run_options(parser)
    learning.add(parser)


def main(args: argparse.Namespace) -> int:
    """Run a scenario and print its summary; returns the exit code."""
    args.policy = common.thinking([args.policy], args.think)[0]
    if args.backend == COMPOSE:
        return _in_containers(args)
    elsewhere = {"--agents": args.agents, "--hosts": args.hosts}
    common.refuse_live_options(args, args.backend, {"--metrics": args.metrics, **elsewhere})
    listed = several.listed(args)
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
        hosts=listed,
    )
    order = learning.learning(order, args) if args.learn else order
    several.refuse_own_policy(order)
    if args.dry_run:
        return several.show(order, as_json=args.json)
    return common.carry_out(order, args)


def _in_containers(args: argparse.Namespace) -> int:
    """Bring the run's containers up, show what its recorder prints, and take them down; returns the run's exit code."""
    why = "does not go with --backend compose"
    others = {"--agents": args.agents, "--hosts": args.hosts, "--dry-run": args.dry_run}
    common.refuse_options({"--metrics": args.metrics, **others}, why)
    up.bring_up(args)
    try:
        return up.follow()
    finally:
        down.take_down()
