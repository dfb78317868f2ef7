"""``testbed tune``: parameters of a heuristic, searched on training seeds that no evaluation uses."""

import argparse
import sys

from testbed.cli.commands import spread, training
from testbed.cli.console import print_json, print_text
from testbed.cli.progress import ProgressDisplay
from testbed.experiments import tune
from testbed.model.exit_codes import EXIT_OK
from testbed.workers import local

_NAMES, DEFAULT_TUNED = ", ".join(tune.STRATEGIES), "priced-do"


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--policy", default=DEFAULT_TUNED, metavar="P", help=f"{_NAMES} ({DEFAULT_TUNED})")
    training.add_workload_options(parser)
    spread.add_option(parser)
    training.add_output_options(parser)


def main(args: argparse.Namespace) -> int:
    """Tune a heuristic and write its checkpoint; returns the exit code."""
    training.must_be_one_of("policy", args.policy, tune.STRATEGIES, args.scenario)
    training.must_be_a_training_seed(args.seed)
    scenario = training.scenario_of(args, ("slots",))
    training.say_no_faults(scenario)
    folder = training.folder_of(args, scenario)
    stream = sys.stderr if args.json else sys.stdout
    processes = local.worthwhile(tune.expected_s(scenario, args.policy), tune.SEEDS)
    with (
        ProgressDisplay(stream, plain=args.plain or args.json) as display,
        spread.over(args, [scenario], (), processes) as executor,
    ):
        tuned = tune.tune(scenario, args.policy, args.seed, display, executor=executor)
    path = tune.write(tuned, folder)
    if args.json:
        print_json({"checkpoint": str(path), **tune.checkpoint(tuned)})
    else:
        values = ", ".join(f"{name} {value:g}" for name, value in tuned.values.items())
        print_text(
            f"{path}: {values}; mean overhead {tuned.overhead:.4f} on {len(tuned.training_seeds)} training workloads"
        )
        print_text(f"  use it as {training.policy_option(args.policy, path)}")
    return EXIT_OK
