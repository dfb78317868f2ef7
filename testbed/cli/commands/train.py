"""``testbed train``: a network, from training seeds that no evaluation uses."""

import argparse
import math
import sys
from pathlib import Path

from testbed.cli.commands import common, learning, train_seeds, training
from testbed.cli.console import print_json, print_text, warn
from testbed.cli.exit_code import exit_code_of
from testbed.cli.progress import ProgressDisplay
from testbed.experiments import runner
from testbed.model.errors import InvalidError, UsageError
from testbed.model.exit_codes import EXIT_INTERRUPTED, EXIT_OK, EXIT_THRESHOLD
from testbed.node import limits
from testbed.policy import loading
from testbed.scenario import units
from testbed.scenario.load import load_scenario
from testbed.scenario.schema import Scenario

NETWORK_POLICIES, DEFAULT_NETWORK = ("a3c", "a3c-do", "a3c-any", "dqn", "dqn-do"), "a3c-do"
HEAD_NAMES = ("sequential", "factored", "joint", "continuous", "regional")
OPTIONS_HELP = (
    "a3c: gamma, gae, entropy, value_weight, clip_norm, vtrace, terminal, coin, central, reward_scale, memory (units "
    "of a recurrent core), worlds, slots (of a rollout: t_max), rate, average. dqn: gamma, batch, capacity, "
    "target_every, rate, epsilon_first, epsilon_last, epsilon_slots, double, dueling, clip_norm, reward_scale, worlds, "
    "slots"
)
ON = ("twin", "testbed")
SECONDS, VERDICTS = 60.0, 20
NEWS_S = 20.0  # evaluations come every few seconds, each with the time since the beginning
WORKERS_HELP = (
    "processes that learn "
    "(twin: 1, which is repeatable; testbed with a3c: one for each cell that the host has a core for)"
)
SYNCHRONOUS_HELP = "all step together, by the mean of their gradients (testbed: all cells, by one process)"
WORKERS_A_CORE, MOST_UPDATES = 4, 10**12


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "--algorithm", default=DEFAULT_NETWORK, metavar="A", help=f"{', '.join(NETWORK_POLICIES)} ({DEFAULT_NETWORK})"
    )
    training.add_workload_options(parser)
    parser.add_argument("--on", choices=ON, default=ON[0], help="train in the twin, or from what a run measures (twin)")
    parser.add_argument(
        "--wall", dest="duration", metavar="TIME", help="how long, wall time, unless a plateau comes first (60s)"
    )
    parser.add_argument("--workers", type=int, metavar="N", help=WORKERS_HELP)
    parser.add_argument("--synchronous", action="store_true", help=SYNCHRONOUS_HELP)
    twin = parser.add_argument_group("on the twin")
    train_seeds.add_options(twin)
    twin.add_argument(
        "--updates", type=int, metavar="N", help="how many updates instead, all of them (asynchronous: a few more)"
    )
    twin.add_argument("--head", default=HEAD_NAMES[0], metavar="H", help=f"{', '.join(HEAD_NAMES)} ({HEAD_NAMES[0]})")
    twin.add_argument("--family", metavar="FILE", help="train one network in all scenarios that a YAML file lists")
    twin.add_argument("--terminal", action="store_true", help="end rollouts with R = 0, as the paper does")
    twin.add_argument(
        "--option",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="a hyper-parameter, stored in the checkpoint; repeatable. " + OPTIONS_HELP,
    )
    parser.add_argument("--start", metavar="CHECKPOINT", help="go on from the network of this one (from nothing)")
    parser.add_argument("--resume", action="store_true", help="resume from the checkpoint in --out, with its options")
    begin = parser.add_argument_group("on the testbed (a3c)")
    learning.add_mode(begin)
    begin.add_argument("--for", dest="emulated", metavar="TIME", help="how long, emulated time, like 600s")
    begin.add_argument("--speed", metavar="X", help="emulated seconds in a wall second, or auto (the scenario's)")
    training.add_output_options(parser)


def main(args: argparse.Namespace) -> int:
    """Train a network and write its checkpoint; returns the exit code."""
    training.must_be_one_of("algorithm", args.algorithm, NETWORK_POLICIES, args.scenario)
    _check(args)
    _check_live(args)
    train_seeds.check(args)
    if args.emulated is not None:
        slot_ns = load_scenario(args.scenario, common.overrides(args, ("speed",))).slot_ns
        args.slots = common.slots_of(args.emulated, slot_ns)
    scenario = training.scenario_of(args, ("slots", "speed"), args.on)
    if args.on == ON[0]:
        training.say_no_faults(scenario)
    folder = training.folder_of(args, scenario)
    return _train_on_twin(args, scenario, folder) if args.on == ON[0] else _train_live(args, scenario, folder)


def _check(args: argparse.Namespace) -> None:
    if args.terminal and args.algorithm.startswith("dqn"):
        raise UsageError("--terminal is for a3c", "leave it out")
    training.must_be_a_training_seed(args.seed)
    training.must_be_within("workers", args.workers, 1, math.inf)
    training.must_be_within("updates", args.updates, 1, MOST_UPDATES)
    cores = limits.cores()
    most = max(1, math.floor(WORKERS_A_CORE * cores))
    if args.workers is not None and args.workers > most:
        why = f"--workers {args.workers}: each is a process, and this process may use {cores:g} cores"
        raise UsageError(why, f"{math.ceil(cores)} are fastest, {most} the most")


def _check_live(args: argparse.Namespace) -> None:
    """Raise `UsageError` for what means nothing on ``args.on``."""
    if args.on == ON[0]:
        if args.emulated is not None:
            raise UsageError("--for is emulated time, for --on testbed", "give wall time instead, like --wall 60s")
        if args.mode is not None:
            raise UsageError("--mode is for --on testbed", "leave it out: the twin's workers are on-policy")
        if args.speed is not None:
            raise UsageError("--speed is for --on testbed", "leave it out: the twin is as fast as it can be")
        return
    asked = {
        "--updates": args.updates,
        "--head": args.head != HEAD_NAMES[0],
        "--family": args.family,
        "--terminal": args.terminal,
        "--option": args.option,
    }
    for name, value in asked.items():
        if value:
            raise UsageError(f"{name} is for --on twin", "train there first, then --on testbed --start CHECKPOINT")
    if args.start is not None and args.resume:
        raise UsageError("--start and --resume both say what to go on from", "leave out one")
    if sum(length is not None for length in (args.slots, args.duration, args.emulated)) > 1:
        raise UsageError("--slots, --for and --wall each say how long", "give one of them")


def _seconds(args: argparse.Namespace) -> float:
    """The wall time that training may take; 0: no limit but the updates."""
    if args.duration is None:
        return 0.0 if args.updates else SECONDS
    try:
        ns = units.parse(args.duration, "time")
    except InvalidError as error:
        raise UsageError(f"--wall: {error.message}", error.remedy or "write a time, like --wall 60s") from None
    if ns <= 0:
        raise UsageError(f"--wall {args.duration}: nothing is learned in that", "write a time, like --wall 60s")
    return ns * 1e-9


def _train_on_twin(args: argparse.Namespace, scenario: Scenario, folder: Path) -> int:
    seconds = _seconds(args)
    from controller.learn.train import Budget, Report
    from testbed.cli import training_text
    from testbed.experiments import family
    from testbed.experiments.train import Training, TrainingJob

    budget = Budget(seconds=seconds, workers=args.workers or 1, synchronous=args.synchronous)
    if args.updates:
        every = max(1, args.updates // VERDICTS)
        budget = Budget(
            seconds=seconds,
            updates=args.updates,
            workers=args.workers or 1,
            every_s=0.0,
            every_updates=every,
            early_stop=False,
            synchronous=args.synchronous,
        )
    options = (*args.option, *(["terminal=true"] if args.terminal else []))
    job = TrainingJob(
        scenario=scenario,
        algorithm=args.algorithm,
        seed=args.seed,
        budget=budget,
        folder=folder,
        head=args.head,
        resume=args.resume,
        options=options,
        family=tuple(family.read(Path(args.family))) if args.family else (),
        start=args.start or "",
    )
    if args.seeds is not None:
        return train_seeds.train_seeds(args, job)
    ready = Training(job)
    stream = sys.stderr if args.json else sys.stdout
    print_text(f"first the heuristics, tuned and played on {len(ready.seeds)} workloads", stream=stream, flush=True)
    with ProgressDisplay(stream, plain=args.plain or args.json, title="the heuristics") as display:
        baseline = ready.baseline(display)
    plain = args.plain or args.json
    with ProgressDisplay(stream, plain=plain, title="starting", news_s=NEWS_S) as display:

        def show(report: Report) -> None:
            display(
                training_text.line(report, baseline),
                training_text.done(report, budget),
                left_s=training_text.left_s(report, budget),
                brief=training_text.brief(report, baseline),
            )

        result = ready.run(baseline, show, warn)
    if args.json:
        print_json(result)
    elif result.checkpoint:
        against = training_text.against(result.overhead, baseline)
        print_text(
            f"{result.checkpoint}: mean overhead {result.overhead:.4f}{against} on "
            f"{len(result.validation_seeds)} validation workloads, after {result.updates} updates ({result.ended})"
        )
        print_text(f"  use it as {training.policy_option(job.policy, result.checkpoint)}")
    return _ending(result.ended, result.checkpoint)


def _ending(ended: str, checkpoint: str) -> int:
    """Say why training ended early, if it did, and what there is of it; returns the exit code."""
    if ended == "interrupted":
        warn(f"interrupted; {'--resume goes on from the last evaluation' if checkpoint else 'nothing was learned yet'}")
        return EXIT_INTERRUPTED
    if ended == "diverged":
        what = f"{checkpoint} holds the best before" if checkpoint else "there is no checkpoint"
        warn(f"diverged: the parameters are no finite numbers any more; {what}\n  try a smaller --option rate=…")
        return EXIT_THRESHOLD
    return EXIT_OK


def _train_live(args: argparse.Namespace, scenario: Scenario, folder: Path) -> int:
    from testbed.experiments import train_live as live

    path = folder / f"{args.algorithm}.npz"
    if args.resume and not path.exists():
        raise UsageError(f"--resume: there is no {path}", "leave it out to begin anew, or give --start CHECKPOINT")
    start, seconds = str(path) if args.resume else args.start or "", 0.0 if args.slots else _seconds(args)
    if start:
        loading.load_for_learning(f"{args.algorithm}:{start}", args.scenario)
    order = live.order(scenario, args.algorithm, args.seed, seconds, start, auto_speed=args.speed == "auto")
    order = learning.learning(order, args)
    common.say_cut(scenario, order.resolved)
    keeper = live.Keeper(path, goes_on=args.resume, say=warn)
    played = runner.path_of(common.played(order, args, keeper))
    run, summary = common.summarized(played, plain=args.plain or args.json)
    longer = f"--slots {10 * args.slots}" if args.slots else "--wall 300s"
    result = live.collect(run, summary, keeper, args.algorithm, args.seed, start, longer)
    if args.json:
        print_json(result)
    else:
        print_text(
            f"{result.checkpoint}: {result.updates} updates in {result.slots} slots, mean overhead meanwhile "
            f"{'unknown' if math.isnan(result.overhead) else f'{result.overhead:.4f}'} ({result.ended}); "
            f"the run is {result.run}"
        )
        print_text(f"  use it as {training.policy_option(args.algorithm, result.checkpoint)}")
    code, why = exit_code_of(summary)
    if why:
        warn(why)
    return code
