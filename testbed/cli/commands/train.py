"""``testbed train``: values of a tuned policy, or a network, from training seeds that no evaluation uses."""

import argparse
import math
import shlex
import sys
from pathlib import Path

from testbed.cli.commands import common
from testbed.cli.console import print_json, warn
from testbed.cli.exit_code import verdict
from testbed.experiments import runner, tune
from testbed.model.errors import EXIT_INTERRUPTED, EXIT_OK, EXIT_THRESHOLD, InvalidError, UsageError
from testbed.node import limits
from testbed.record import reader
from testbed.scenario import units
from testbed.scenario.load import load_scenario
from testbed.scenario.schema import Scenario

TUNED_POLICIES = tuple(name + suffix for name in tune.SPACES for suffix in ("", tune.DOUBLE))
NETWORK_POLICIES = ("a3c", "a3c-do", "dqn", "dqn-do")
HEAD_NAMES = ("sequential", "factored", "joint", "continuous")
OPTIONS_HELP = (
    "a3c: gamma, gae, entropy, value_weight, clip_norm, vtrace, terminal, coin, central, reward_scale, memory (units "
    "of a recurrent core), worlds, slots (of a rollout: t_max), rate. dqn: gamma, batch, capacity, target_every, rate, "
    "epsilon_first, epsilon_last, epsilon_slots, double, dueling, clip_norm, reward_scale, worlds, slots"
)
ON = ("twin", "testbed")
CHECKPOINTS, SECONDS, VERDICTS = Path("checkpoints"), 60.0, 20
WORKERS_A_CORE, MOST_UPDATES = 4, 10**12


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("scenario", help="path or shipped name")
    parser.add_argument(
        "--algorithm", choices=(*TUNED_POLICIES, *NETWORK_POLICIES), default="a3c-do", help="which policy (a3c-do)"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="which training workloads (0)")
    parser.add_argument("--slots", type=int, metavar="N", help="number of slots of each")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="change one key; repeatable")
    parser.add_argument("--on", choices=ON, default=ON[0], help="train in the twin, or from what a run measures (twin)")
    parser.add_argument("--out", metavar="DIR", help="where to write the checkpoint (checkpoints/SCENARIO)")
    networks = parser.add_argument_group("networks (a3c, dqn)")
    networks.add_argument(
        "--wall", dest="duration", metavar="TIME", help="how long, wall time, unless a plateau comes first (60s)"
    )
    networks.add_argument(
        "--updates", type=int, metavar="N", help="how many updates instead, all of them (asynchronous: a few more)"
    )
    networks.add_argument("--workers", type=int, default=1, metavar="N", help="learners; one is repeatable (1)")
    networks.add_argument("--synchronous", action="store_true", help="average the workers' gradients, step together")
    networks.add_argument(
        "--head", default=HEAD_NAMES[0], metavar="H", help=f"{', '.join(HEAD_NAMES)} ({HEAD_NAMES[0]})"
    )
    networks.add_argument("--terminal", action="store_true", help="end rollouts with R = 0, as the paper does")
    networks.add_argument(
        "--option",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="a hyper-parameter, stored in the checkpoint; repeatable. " + OPTIONS_HELP,
    )
    networks.add_argument("--resume", action="store_true", help="go on from --out's checkpoint, of the same settings")
    begin = parser.add_argument_group("on the testbed (a3c)")
    begin.add_argument("--start", metavar="CHECKPOINT", help="go on from this one, also of the twin (from nothing)")
    begin.add_argument("--for", dest="emulated", metavar="TIME", help="how long, emulated time, like 600s")
    begin.add_argument("--speed", metavar="X", help="emulated seconds in a wall second, or auto (the scenario's)")
    shape = parser.add_mutually_exclusive_group()
    shape.add_argument("--plain", action="store_true", help="plain lines even on a terminal")
    shape.add_argument("--json", action="store_true", help="print one JSON document")


def main(args: argparse.Namespace) -> int:
    """Do it; returns the exit code."""
    _check(args)
    _check_live(args)
    if args.emulated is not None:
        slot_ns = load_scenario(args.scenario, common.overrides(args, ("speed",))).slot_ns
        args.slots = common.slots_of(args.emulated, slot_ns)
    scenario = common.scenario_of(args.scenario, common.overrides(args, ("slots", "speed")))
    common.tell_of_traces(scenario)
    if scenario.faults and args.on == ON[0]:
        warn(f"training plays no faults: those of {scenario.name} ({len(scenario.faults)}) are left out")
    folder = Path(args.out) if args.out else CHECKPOINTS / scenario.name
    common.writable(folder)
    if args.on != ON[0]:
        return _teach_live(args, scenario, folder)
    return _tune(args, scenario, folder) if args.algorithm in TUNED_POLICIES else _teach(args, scenario, folder)


def _check(args: argparse.Namespace) -> None:
    if args.algorithm in TUNED_POLICIES and (args.option or args.terminal):
        raise UsageError(f"{args.algorithm} is tuned and has no options", "leave out --option and --terminal")
    if args.terminal and args.algorithm.startswith("dqn"):
        raise UsageError("--terminal is for a3c", "leave it out")
    if args.out == "":
        raise UsageError('--out ""', "give a directory, or leave it out")
    if args.algorithm in TUNED_POLICIES:
        given = {
            "--wall": args.duration,
            "--for": args.emulated,
            "--updates": args.updates,
            "--workers": args.workers > 1,
            "--resume": args.resume,
            "--synchronous": args.synchronous,
            "--head": args.head != HEAD_NAMES[0],
            "--start": args.start,
        }
        for name in (name for name, value in given.items() if value):
            raise UsageError(f"{name} is for networks; {args.algorithm} is tuned, and ends by itself", "leave it out")
    cores = limits.cores()
    for name, least, most in (("seed", 0, tune.MOST_SEED), ("workers", 1, math.inf), ("updates", 1, MOST_UPDATES)):
        value = getattr(args, name)
        if value is not None and value < least:
            raise UsageError(f"--{name} {value}", f"at least {least} is needed")
        if value is not None and value > most:
            raise UsageError(f"--{name} {value}", f"at most {most} is possible")
    most = max(1, math.floor(WORKERS_A_CORE * cores))
    if args.workers > most:
        why = f"--workers {args.workers}: each is a process, and this process may use {cores:g} cores"
        raise UsageError(why, f"{math.ceil(cores)} are fastest, {most} the most")


def _check_live(args: argparse.Namespace) -> None:
    """Raise `UsageError` for what means nothing on ``args.on``."""
    if args.on == ON[0]:
        if args.start is not None:
            raise UsageError("--start is for --on testbed", "--resume goes on from the checkpoint in --out")
        if args.emulated is not None:
            raise UsageError("--for is emulated time, for --on testbed", "give wall time instead, like --wall 60s")
        if args.speed is not None:
            raise UsageError("--speed is for --on testbed", "leave it out: the twin is as fast as it can be")
        return
    asked = {
        "--updates": args.updates,
        "--workers": args.workers > 1,
        "--synchronous": args.synchronous,
        "--head": args.head != HEAD_NAMES[0],
        "--terminal": args.terminal,
        "--option": args.option,
    }
    for name, given in asked.items():
        if given:
            raise UsageError(f"{name} is for --on twin", "train there first, then --on testbed --start CHECKPOINT")
    if args.start is not None and args.resume:
        raise UsageError("--start and --resume both say what to go on from", "leave out one")
    if sum(length is not None for length in (args.slots, args.duration, args.emulated)) > 1:
        raise UsageError("--slots, --for and --wall each say how long", "give one of them")


def _tune(args: argparse.Namespace, scenario: Scenario, folder: Path) -> int:
    tuned = tune.tune(scenario, args.algorithm, args.seed, warn if args.json else print)
    path = tune.write(tuned, folder)
    if args.json:
        print_json({"checkpoint": str(path), **tune.checkpoint(tuned)})
    else:
        values = ", ".join(f"{name} {value:g}" for name, value in tuned.values.items())
        print(f"{path}: {values}; mean overhead {tuned.overhead:.4f} on {len(tuned.training_seeds)} training workloads")
        print(f"  use it as {_named(args.algorithm, path)}")
    return EXIT_OK


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


def _teach(args: argparse.Namespace, scenario: Scenario, folder: Path) -> int:
    seconds = _seconds(args)
    from controller.learn.train import Budget
    from testbed.cli import training_progress as bar
    from testbed.experiments.train import Training, TrainingJob

    budget = Budget(seconds=seconds, workers=args.workers, synchronous=args.synchronous)
    if args.updates:
        every = max(1, args.updates // VERDICTS)
        budget = Budget(
            seconds=seconds,
            updates=args.updates,
            workers=args.workers,
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
    )
    training = Training(job)
    stream = sys.stderr if args.json else sys.stdout
    print(f"first the heuristics, tuned and played on {len(training.seeds)} workloads", file=stream, flush=True)
    baseline = training.baseline()
    with bar.TrainingBar(stream, plain=args.plain or args.json, budget=budget, baseline=baseline) as show:
        result = training.run(baseline, show, warn)
    if args.json:
        print_json(result)
    elif result.checkpoint:
        print(
            f"{result.checkpoint}: mean overhead {result.overhead:.4f}{bar.against(result.overhead, baseline)} on "
            f"{len(result.validation_seeds)} validation workloads, after {result.updates} updates ({result.ended})"
        )
        print(f"  use it as {_named(args.algorithm, result.checkpoint)}")
    return _ending(result.ended, result.checkpoint)


def _named(algorithm: str, path: str | Path) -> str:
    return f"--policy {shlex.quote(f'{algorithm}:{path}')}"


def _ending(ended: str, checkpoint: str) -> int:
    """Say why training ended early, if it did, and what there is of it; returns the exit code."""
    if ended == "interrupted":
        warn(f"interrupted; {'--resume goes on from the last verdict' if checkpoint else 'nothing was learned yet'}")
        return EXIT_INTERRUPTED
    if ended == "diverged":
        what = f"{checkpoint} holds the best before" if checkpoint else "there is no checkpoint"
        warn(f"diverged: the parameters are no finite numbers any more; {what}\n  try a smaller --option rate=…")
        return EXIT_THRESHOLD
    return EXIT_OK


def _teach_live(args: argparse.Namespace, scenario: Scenario, folder: Path) -> int:
    from testbed.experiments import train_live as live

    path = folder / f"{args.algorithm}.npz"
    if args.resume and not path.exists():
        raise UsageError(f"--resume: there is no {path}", "leave it out to begin anew, or give --start CHECKPOINT")
    start, seconds = str(path) if args.resume else args.start or "", 0.0 if args.slots else _seconds(args)
    order = live.order(scenario, args.algorithm, args.seed, seconds, start, auto_speed=args.speed == "auto")
    common.say_cut(scenario, order.resolved)
    keeper = live.Keeper(path, goes_on=args.resume, say=warn)
    run = reader.read_run(common.played(order, args, keeper))
    summary = runner.summary_of(run)
    longer = f"--slots {10 * args.slots}" if args.slots else "--wall 300s"
    result = live.kept(run, summary, keeper, args.algorithm, args.seed, start, longer)
    if args.json:
        print_json(result)
    else:
        print(
            f"{result.checkpoint}: {result.updates} updates in {result.slots} slots, mean overhead meanwhile "
            f"{'unknown' if math.isnan(result.overhead) else f'{result.overhead:.4f}'} ({result.ended}); "
            f"the run is {result.run}"
        )
        print(f"  use it as {_named(args.algorithm, result.checkpoint)}")
    code, why = verdict(summary)
    if why:
        warn(why)
    return code
