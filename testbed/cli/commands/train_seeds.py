"""``testbed train --seeds``: several trainings that differ in their seed."""

import argparse
import math
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from testbed.analysis import intervals
from testbed.cli.commands import common, spread, training
from testbed.cli.console import print_json, print_text, warn
from testbed.cli.progress import ProgressDisplay
from testbed.live.interrupts import stop_on_interrupt
from testbed.model.errors import InterruptedRunError, UsageError
from testbed.model.exit_codes import EXIT_INTERRUPTED, EXIT_OK, EXIT_THRESHOLD
from testbed.policy import loading
from testbed.workers import local
from testbed.workers.local import processes

if TYPE_CHECKING:
    from testbed.experiments.train import TrainingJob, TrainingResult

_ONE = "one process trains each seed"


def add_options(parser: argparse._ActionsContainer) -> None:
    """Declare what asks for several trainings."""
    parser.add_argument(
        "--seeds", type=int, metavar="N", help="train N networks, of --seed and those after it, each in DIR/seed-…"
    )
    spread.add_option(parser)


def check(args: argparse.Namespace) -> None:
    """Raise `UsageError` for options that do not go together."""
    if args.seeds is None:
        common.refuse_options({"--cluster": args.cluster}, "is for several trainings", "give --seeds N too")
        return
    training.must_be_within("seeds", args.seeds, 1, math.inf)
    training.must_be_a_training_seed(args.seed + args.seeds - 1)
    if args.on != "twin":
        raise UsageError("--seeds is for --on twin", "a run on processes has the host for itself: start one at a time")
    given = {"--workers": args.workers, "--synchronous": args.synchronous, "--start": args.start}
    common.refuse_options(given, f"is for one training: {_ONE}")
    spread.check(args)


def train_seeds(args: argparse.Namespace, job: "TrainingJob") -> int:
    """Train ``job`` with each seed and keep what it makes; returns the exit code."""
    from testbed.experiments import train_seeds as trainings

    jobs = trainings.jobs_of(job, range(args.seed, args.seed + args.seeds))
    for one in jobs:
        common.writable(one.folder)
    results: dict[int, TrainingResult] = {}
    stops, said = list[bool](), dict[str, None]()
    stream = sys.stderr if args.json else sys.stdout
    count = min(local.cores(), len(jobs))
    with (
        ProgressDisplay(stream, plain=args.plain or args.json, title=f"{len(jobs)} trainings") as display,
        stop_on_interrupt(lambda: stops.append(True)),
        processes(count) if args.cluster is None else spread.over(args, [job.scenario], (), count) as executor,
    ):
        assert executor is not None
        display(f"{len(jobs)} trainings", 0.0)
        for done in trainings.train_all(executor, jobs, lambda: bool(stops)):
            results[done.seed], lines = trainings.kept(jobs[done.seed - args.seed], done)
            said |= dict.fromkeys(lines)
            display(_line(results[done.seed]), len(results) / len(jobs))
    for text in said:
        warn(text)
    if not results:
        raise InterruptedRunError("interrupted before the first training was complete")
    _print(args, [results[seed] for seed in sorted(results)])
    if stops:
        warn(f"interrupted; {len(results)} of {len(jobs)} trainings are complete")
        return EXIT_INTERRUPTED
    return EXIT_THRESHOLD if any(one.ended == "diverged" for one in results.values()) else EXIT_OK


def _print(args: argparse.Namespace, results: "Sequence[TrainingResult]") -> None:
    known = [one.overhead for one in results if math.isfinite(one.overhead)]
    estimate = intervals.of_mean(known) if known else intervals.Estimate(math.nan, math.nan, math.nan)
    if args.json:
        listed: list[dict[str, Any]] = [msgspec.to_builtins(one) for one in results]
        overhead = {"mean": estimate.value, "ci95": [estimate.low, estimate.high]}
        print_json({"algorithm": args.algorithm, "overhead": overhead, "trainings": listed})
        return
    for one in results:
        print_text(_line(one))
    if known:
        spread_of = "" if len(known) < 2 else f" ({estimate.low:.4f} to {estimate.high:.4f})"
        print_text(f"mean overhead {estimate.value:.4f}{spread_of} over {len(known)} seeds")
    best = min((one for one in results if one.checkpoint), key=lambda one: one.overhead, default=None)
    if best is not None:
        print_text(
            f"  use one as {training.policy_option(loading.trained(args.algorithm, args.head), best.checkpoint)}"
        )


def _line(one: "TrainingResult") -> str:
    from testbed.cli import training_text

    against = training_text.against(one.overhead, one.baseline)
    return f"seed {one.seed}: mean overhead {one.overhead:.4f}{against}, {one.updates} updates ({one.ended})"
