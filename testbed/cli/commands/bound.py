"""``testbed bound``: the best decisions found in hindsight, a lower bound, and each policy's distance from both."""

import argparse
import csv
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from testbed.cli.commands import common, spread
from testbed.cli.commands.common import POLICIES
from testbed.cli.console import print_json, print_text, warn
from testbed.cli.progress import ProgressDisplay
from testbed.live.interrupts import stop_on_interrupt
from testbed.model.errors import InterruptedRunError, UsageError
from testbed.model.exit_codes import EXIT_INTERRUPTED, EXIT_OK
from testbed.record import reader
from testbed.record.backends import TWIN
from testbed.record.files import unwritable
from testbed.scenario.resolve import Resolved
from testbed.scenario.schema import Scenario
from testbed.trace import inputs
from testbed.workers import local

if TYPE_CHECKING:
    from testbed.hindsight.evaluator import Case, Found

EVALUATIONS = 500_000
DECISION_COLUMNS = ("seed", "slot", "ue", "choice")


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("what", metavar="SCENARIO|RUN", help="a scenario, or a run with its tasks and decisions")
    parser.add_argument("--policies", metavar="A,B,…", help=f"policies ({POLICIES}; for a run its decisions only)")
    common.add_think_option(parser)
    parser.add_argument("--seeds", type=int, default=1, metavar="N", help="how many workloads, from the seed on (1)")
    parser.add_argument(
        "--evaluations", type=int, default=EVALUATIONS, metavar="N", help=f"of decisions, a workload ({EVALUATIONS})"
    )
    spread.add_option(parser)
    parser.add_argument("--out", metavar="FILE", help="write the best decisions found, as CSV")
    common.add_scenario_options(parser)
    shape = parser.add_mutually_exclusive_group()
    shape.add_argument("--plain", action="store_true", help="plain lines even on a terminal")
    shape.add_argument("--json", action="store_true", help="print one JSON document")


def main(args: argparse.Namespace) -> int:
    """Bound the overhead of workloads in hindsight; returns the exit code."""
    from testbed.cli.bound_text import text
    from testbed.hindsight.bound_report import bound_report

    for name in ("evaluations", "seeds"):
        if getattr(args, name) < 1:
            raise UsageError(f"--{name} {getattr(args, name)}", "at least 1 is needed")
    if args.out is not None:
        common.output_file("out", args.out)
    resolved, evaluations, stopped = _of_run(args) if common.is_run(args.what) else _of_scenario(args)
    report = bound_report(resolved.system.name, resolved.system.slots, evaluations)
    print_json(report) if args.json else print_text(text(report), end="", flush=True)
    if args.out:
        _write(Path(args.out), resolved, evaluations)
    if stopped:
        warn("interrupted; this is the best so far")
    return EXIT_INTERRUPTED if stopped else EXIT_OK


Searched = tuple[Resolved, "list[Found]", bool]
Cases = Sequence[Callable[[], "Case"]]


def _of_scenario(args: argparse.Namespace) -> Searched:
    """The workloads of a scenario: one after another, or together where that is asked for or pays."""
    from testbed.hindsight import evaluator, workloads

    spread.check(args)
    names = common.strategies(args.policies or POLICIES, args.what, args.think)
    scenario = common.tell_of_traces(common.scenario_of(args.what, common.changes(args.what, args), common.on(TWIN)))
    seeds = range(scenario.seed, scenario.seed + args.seeds)
    if scenario.workload.trace and args.seeds > 1:
        raise UsageError("--seeds: a traced workload has one seed only", "leave out --seeds")

    def case(seed: int) -> "Case":
        resolved = inputs.resolve(msgspec.structs.replace(scenario, seed=seed))
        return evaluator.of_scenario(resolved, common.workload_of(resolved), names)

    resolved = inputs.resolve(scenario)
    processes = local.worthwhile(workloads.expected_s(args.evaluations, args.seeds), args.seeds)
    if args.cluster is None and processes == 1:
        return resolved, *_searched([partial(case, seed) for seed in seeds], args)
    return resolved, *_searched_together(args, scenario, names, processes)


def _of_run(args: argparse.Namespace) -> Searched:
    from testbed.hindsight import evaluator

    common.refuse_options({"--cluster": args.cluster}, "is for a scenario: a run is one workload, and recorded here")
    changed = [args.slots, args.duration, args.seed]
    if args.set or args.seeds > 1 or any(value is not None for value in changed):
        raise UsageError("a run's workload and system are what they were", "leave out --slots, --for, --seed, --set")
    names = common.strategies(args.policies or "", args.what, args.think) if args.policies or args.think else []
    run = reader.read_run(args.what)
    undecided = sum(row.choice < 0 for row in run.tasks)
    if undecided:
        warn(f"{run.name}: {undecided} tasks were never decided; they count as local")
    return run.resolved, *_searched([lambda: evaluator.of_run(run, names)], args)


def _searched(cases: Cases, args: argparse.Namespace) -> tuple[list["Found"], bool]:
    """What was found about the workloads, and whether an interrupt ended it: the last one may then be unfinished."""
    from testbed.hindsight import evaluator

    evaluations: list[Found] = []
    stop: list[bool] = []
    with _display(args) as display, stop_on_interrupt(lambda: stop.append(True)):
        for n, case in enumerate(cases):

            def watch(share: float, text: str, n: int = n) -> bool:
                title = f"workload {n + 1} of {len(cases)}: " if len(cases) > 1 else ""
                whole = (n + share) / len(cases)
                display(f"{100.0 * whole:.0f} %: {title}{text}", whole, brief=f"{title}{text}")
                return bool(stop)

            played = case()
            if stop and evaluations:
                break
            evaluations.append(evaluator.evaluate(played, args.evaluations, watch))
            if stop:
                break
    return evaluations, bool(stop)


def _searched_together(
    args: argparse.Namespace, scenario: Scenario, names: Sequence[str], processes: int
) -> tuple[list["Found"], bool]:
    """As `_searched`, elsewhere or by several processes; an interrupt gives up what is not finished."""
    from testbed.hindsight import workloads

    seeds = range(scenario.seed, scenario.seed + args.seeds)
    found: list[Found] = []
    stop: list[bool] = []
    with (
        _display(args) as display,
        stop_on_interrupt(lambda: stop.append(True)),
        spread.over(args, [scenario], names, processes) as executor,
    ):
        assert executor is not None
        display(f"0 %: {len(seeds)} workloads", 0.0, brief=f"{len(seeds)} workloads")
        for one in workloads.search_all(executor, scenario, seeds, names, args.evaluations, lambda: bool(stop)):
            for note in one.notes:
                warn(note)
            found.append(one.found)
            share, text = len(found) / len(seeds), f"workload {len(found)} of {len(seeds)}: best {one.found.best:.4f}"
            display(f"{100.0 * share:.0f} %: {text}", share, brief=text)
    if not found:
        raise InterruptedRunError("interrupted before the first workload was complete")
    return found, bool(stop)


def _display(args: argparse.Namespace) -> ProgressDisplay:
    stream = sys.stderr if args.json else sys.stdout
    return ProgressDisplay(stream, plain=args.plain or args.json, title="playing the policies")


def _write(path: Path, resolved: Resolved, evaluations: Sequence["Found"]) -> None:
    """Write the best decisions: one row for each slot and UE that has a task to decide."""
    try:
        with open(path, "w", encoding="utf-8", newline="") as file:
            rows = csv.writer(file, lineterminator="\n")
            rows.writerow(DECISION_COLUMNS)
            rows.writerows(row for one in evaluations for row in _rows(resolved, one))
    except OSError as error:
        raise unwritable(path, error, "--out FILE") from None


def _rows(resolved: Resolved, evaluation: "Found") -> Iterator[tuple[int, int, str, int]]:
    for slot, ue in evaluation.decision_points:
        yield evaluation.seed, slot, resolved.system.ues[ue].name, int(evaluation.decisions[slot, ue])
