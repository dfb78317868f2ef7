"""``testbed compare``: strategies over the same workloads, or runs against each other."""

import argparse
import sys
from collections.abc import Sequence
from typing import Any

import msgspec

from testbed.model.errors import EXIT_INTERRUPTED, EXIT_OK, InterruptedRunError, UsageError
from testbed.model.load import load_scenario
from testbed.run import compare, record, rounds, sweep
from testbed.run.compare import Comparison
from testbed.run.comparison_text import text
from testbed.run.layout import width
from testbed.run.output import print_json, warn
from testbed.run.pulse import Pulse
from testbed.run.rounds import Rounds
from testbed.run.verbs import common

POLICIES = "lc,offload-do,random-do,greedy,greedy-do"
SEEDS = {rounds.SIM: 10, rounds.TWIN: 10, rounds.TESTBED: 3}


class Point(msgspec.Struct, frozen=True):
    """One value of a sweep with its comparison."""

    value: str
    workloads: int
    policies: dict[str, compare.Strategy]
    pairs: list[compare.Pair]


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("what", nargs="+", metavar="SCENARIO|RUN", help="one scenario, or two and more runs")
    parser.add_argument("--policies", default=POLICIES, metavar="A,B,…", help=f"strategies ({POLICIES})")
    parser.add_argument("--seeds", type=int, metavar="N", help="how many workloads, from the scenario's seed on (10)")
    parser.add_argument("--on", choices=rounds.CLOCKS, default=rounds.SIM, help="which clock (sim)")
    parser.add_argument("--sweep", metavar="KEY=A..B:N", help="repeat for N values of a key, like density=0.3..0.9:4")
    common.add_scenario_options(parser)
    parser.add_argument("--speed", metavar="X", help="testbed: emulated seconds in a wall second")
    shape = parser.add_mutually_exclusive_group()
    shape.add_argument("--plain", action="store_true", help="plain lines even on a terminal")
    shape.add_argument("--json", action="store_true", help="print one JSON document")


def main(args: argparse.Namespace) -> int:
    """Do it; returns the exit code."""
    if len(args.what) > 1 or common.is_run(args.what[0]):
        return _runs(args)
    return _scenario(args)


def _runs(args: argparse.Namespace) -> int:
    if len(args.what) < 2:
        raise UsageError("one run has nothing to be compared with", "give two runs or more, or a scenario")
    found = compare.compare(rounds.of_runs([record.read_run(given) for given in args.what]))
    print_json(found) if args.json else print(text(found, width(sys.stdout)), end="")
    return EXIT_OK


def _scenario(args: argparse.Namespace) -> int:
    count = SEEDS[args.on] if args.seeds is None else args.seeds
    if count < 1:
        raise UsageError(f"--seeds {count}", "compare on at least 1 workload; 2 and more give intervals")
    chosen = sweep.parse(args.sweep) if args.sweep else None
    changes = [[f"{chosen.key}={value}"] for value in chosen.values] if chosen else [[]]
    scenarios = [load_scenario(args.what[0], [*common.changes(args.what[0], args), *change]) for change in changes]
    common.tell_of_traces(scenarios[0])
    pulse = Pulse(sys.stderr if args.json else sys.stdout)
    played = [Rounds(common.strategies(args.policies), args.on, pulse) for _ in scenarios]
    code = EXIT_OK
    try:
        for i, scenario in enumerate(scenarios):
            title = f"{changes[i][0]}: " if chosen else ""
            played[i].play(scenario, range(scenario.seed, scenario.seed + count), title)
    except (KeyboardInterrupt, InterruptedRunError):
        code = EXIT_INTERRUPTED
    finally:
        pulse.done()
    _show(args, chosen, [one.samples for one in played])
    if code:
        warn("interrupted; compared is what was complete")
    return code


def _show(args: argparse.Namespace, chosen: sweep.Sweep | None, samples: Sequence[rounds.Samples]) -> None:
    """Print what is complete; nothing at all when an interrupt came before the first workload's end."""
    complete = [one for one in samples if all(one.values())]
    if not complete:
        raise InterruptedRunError("interrupted before the first workload was complete")
    if chosen is None:
        found = compare.compare(complete[0])
        print_json(found) if args.json else print(text(found, width(sys.stdout)), end="")
        return
    whole = compare.compare(compare.pooled(complete))
    parts = [compare.compare(one) for one in complete]
    points = [Point(value, *_parts(part)) for value, part in zip(chosen.values, parts, strict=False)]
    if args.json:
        document: dict[str, Any] = msgspec.to_builtins(whole)
        print_json({**document, "sweep": {"key": chosen.key, "points": points}})
        return
    for point, part in zip(points, parts, strict=True):
        print(f"{chosen.key} = {point.value}\n{text(part, width(sys.stdout))}")


def _parts(found: Comparison) -> tuple[int, dict[str, compare.Strategy], list[compare.Pair]]:
    return found.workloads, found.policies, found.pairs
