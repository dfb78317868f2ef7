"""``testbed compare``: policies over the same workloads, or runs against each other."""

import argparse
import csv
import itertools
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from testbed.analysis import comparison
from testbed.analysis.comparison import Comparison
from testbed.cli.colour import coloured
from testbed.cli.commands import common, spread
from testbed.cli.commands.common import POLICIES
from testbed.cli.comparison_text import CSV_HEAD, csv_rows, text
from testbed.cli.console import print_json, print_text, warn
from testbed.cli.labels import labels
from testbed.cli.layout import width
from testbed.cli.progress import ProgressDisplay
from testbed.experiments import rounds, sweep
from testbed.experiments.rounds import Rounds
from testbed.model.errors import InterruptedRunError, UsageError
from testbed.model.exit_codes import EXIT_INTERRUPTED, EXIT_OK
from testbed.record import reader
from testbed.record.backends import BACKENDS, SIM, TESTBED, TWIN
from testbed.record.files import replacing, unwritable
from testbed.scenario.load import Loaded, load
from testbed.scenario.schema import Scenario
from testbed.workers import local

SEEDS_BY_BACKEND = {SIM: 10, TWIN: 10, TESTBED: 3}
SWEPT_KEYS, SWEPT_VALUES = ("key", "second_key"), ("value", "second_value")
SECONDS_A_TASK = {SIM: 2e-4, TWIN: 2e-6, TESTBED: 0.0}


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("what", nargs="+", metavar="SCENARIO|RUN", help="one scenario, or two and more runs")
    parser.add_argument("--policies", metavar="A,B,…", help=f"policies ({POLICIES})")
    common.add_think_option(parser)
    parser.add_argument("--seeds", type=int, metavar="N", help="how many workloads, from the scenario's seed on (10)")
    parser.add_argument("--on", choices=BACKENDS, help="backend (sim)")
    sweeps = "repeat for N values of a key, like density=0.3..0.9:4; twice: of two keys with each other"
    parser.add_argument("--sweep", action="append", default=[], metavar="KEY=A..B:N", help=sweeps)
    common.add_scenario_options(parser)
    parser.add_argument("--speed", metavar="X", help="testbed: emulated seconds in a wall second")
    parser.add_argument("--workers", type=int, metavar="N", help="sim, twin: processes that play (all cores)")
    spread.add_option(parser)
    parser.add_argument("--csv", metavar="FILE", help="write the table as CSV, a row for each policy (and value)")
    parser.add_argument("--plots", metavar="DIR", help="draw a sweep into a folder, as SVG, PDF, PNG and CSV")
    shape = parser.add_mutually_exclusive_group()
    shape.add_argument("--plain", action="store_true", help="plain lines even on a terminal")
    shape.add_argument("--json", action="store_true", help="print one JSON document")


def main(args: argparse.Namespace) -> int:
    """Compare strategies on the same workloads; returns the exit code."""
    if args.csv is not None:
        common.output_file("csv", args.csv)
    if args.plots is not None:
        if not args.sweep:
            raise UsageError("--plots draws a sweep", "add --sweep KEY=A..B:N; testbed report --plots DIR draws runs")
        common.writable(Path(args.plots), "--plots DIR")
    if len(args.what) > 1 or common.is_run(args.what[0]):
        return _runs(args)
    return _scenario(args)


def _runs(args: argparse.Namespace) -> int:
    if len(args.what) < 2:
        raise UsageError("one run has nothing to be compared with", "give two runs or more, or a scenario")
    options = {
        "--policies": args.policies,
        "--think": args.think,
        "--seeds": args.seeds,
        "--on": args.on,
        "--sweep": args.sweep,
        "--set": args.set,
        "--for": args.duration,
        "--slots": args.slots,
        "--seed": args.seed,
        "--speed": args.speed,
        "--workers": args.workers,
        "--cluster": args.cluster,
    }
    common.refuse_options(options, "is for a scenario: runs are compared as they were")
    with ProgressDisplay(sys.stderr, plain=args.plain or args.json) as display:
        runs = []
        for i, name in enumerate(args.what):
            display(f"reading {name}, {i + 1} of {len(args.what)}", i / len(args.what))
            runs.append(reader.read_run(name))
        display(f"comparing {len(runs)} runs")
        comparison = rounds.compared(runs)
    for doubt in rounds.doubts(runs):
        warn(doubt)
    _print(args, comparison)
    return EXIT_OK


def _scenario(args: argparse.Namespace) -> int:
    backend = args.on or SIM
    if backend != TESTBED:
        common.refuse_options({"--speed": args.speed}, f"is for --on testbed: {backend} is as fast as it can be")
    else:
        given = {"--workers": args.workers, "--cluster": args.cluster}
        common.refuse_options(given, "is for sim and twin: one testbed has all cores of this host")
    count = SEEDS_BY_BACKEND[backend] if args.seeds is None else args.seeds
    if count < 1:
        raise UsageError(f"--seeds {count}", "compare on at least 1 workload; 2 and more give intervals")
    chosen = sweep.grid(args.sweep)
    names = common.strategies(args.policies or POLICIES, args.what[0], args.think)
    loaded = _scenarios(args, chosen)
    for note in dict.fromkeys(note for one in loaded for note in common.notes_of(one, common.on(backend))):
        warn(note)
    scenarios = [one.scenario for one in loaded]
    common.tell_of_traces(scenarios[0])
    display = ProgressDisplay(sys.stderr if args.json else sys.stdout, plain=args.plain)
    begun, whole = itertools.count(), len(scenarios) * count * len(names)
    processes = _processes(args, scenarios[0], count * len(scenarios), backend)

    def told(text: str) -> None:
        display(text, next(begun) / whole)

    played = [Rounds(names, backend, told) for _ in scenarios]
    seeds = [range(scenario.seed, scenario.seed + count) for scenario in scenarios]
    titles = ["".join(f"{change}: " for change in chosen.changes(point)) for point in chosen.points]
    code = EXIT_OK
    try:
        with display, spread.over(args, scenarios, names, processes) as executor:
            rounds.play_all(played, scenarios, seeds, titles, executor)
    except (KeyboardInterrupt, InterruptedRunError):
        code = EXIT_INTERRUPTED
    for note in dict.fromkeys(note for one in played for note in one.notes):
        warn(note)
    _show(args, chosen, [one.samples for one in played])
    if code:
        warn("interrupted; compared is what was complete")
    return code


def _processes(args: argparse.Namespace, scenario: Scenario, count: int, backend: str) -> int:
    """How many processes play: as many as ``args`` ask for, otherwise all cores if that is worth their start."""
    if args.workers is not None:
        if args.workers < 1:
            raise UsageError(f"--workers {args.workers}", "give at least 1")
        return int(args.workers)
    rate = sum(scenario.density * cell.density_factor * cell.ues for cell in scenario.cells)
    tasks = rate * scenario.slots * count * len((args.policies or POLICIES).split(","))
    return local.worthwhile(tasks * SECONDS_A_TASK[backend], count)


def _scenarios(args: argparse.Namespace, chosen: sweep.Grid) -> list[Loaded]:
    """The scenario, once for each point of the sweep; raises before any is played if one cannot be."""
    changes = common.changes(args.what[0], args)

    def changed(swept: Sequence[str]) -> Loaded:
        return load(args.what[0], [*changes, *swept])

    return [sweep.scenario_at(chosen, point, changed) for point in chosen.points]


def _show(args: argparse.Namespace, chosen: sweep.Grid, samples: Sequence[rounds.Samples]) -> None:
    """Print what is complete; nothing at all when an interrupt came before the first workload's end."""
    complete = [one for one in samples if all(one.values())]
    if not complete:
        raise InterruptedRunError("interrupted before the first workload was complete")
    if not chosen.keys:
        _print(args, comparison.compare(complete[0]))
        return
    whole = comparison.compare(comparison.pooled(complete))
    points = list(_points(chosen, complete))
    if args.csv:
        rows = [(*point, *row) for point, part in points for row in csv_rows(part)]
        _write(Path(args.csv), (*chosen.keys, *CSV_HEAD), rows)
    if args.json:
        document: dict[str, Any] = msgspec.to_builtins(whole)
        listed = [{**_named(SWEPT_VALUES, point), **msgspec.to_builtins(part)} for point, part in points]
        print_json({**document, "sweep": {**_named(SWEPT_KEYS, chosen.keys), "points": listed}})
    else:
        for point, part in points:
            print_text(f"{chosen.named(point)}\n{_shown(part)}")
    if args.plots:
        from testbed.report import sweep_plots

        written = sweep_plots.write(chosen, points, labels(whole.policies), Path(args.plots))
        note = f"{args.plots}: {len(written)} files"
        warn(note) if args.json else print_text(note)


def _named(names: Sequence[str], texts: Sequence[str]) -> dict[str, str]:
    return dict(zip(names, texts, strict=False))


def _points(chosen: sweep.Grid, complete: Sequence[rounds.Samples]) -> Iterator[tuple[sweep.Point, Comparison]]:
    """Each point of the sweep with its comparison; one without any finished task is warned of and left out."""
    for point, samples in zip(chosen.points, complete, strict=False):
        try:
            yield point, comparison.compare(samples)
        except UsageError as error:
            warn(f"{chosen.named(point)} left out: {error.message}")


def _shown(comparison: Comparison) -> str:
    return coloured(text(comparison, width(sys.stdout)), sys.stdout)


def _print(args: argparse.Namespace, comparison: Comparison) -> None:
    if args.csv:
        _write(Path(args.csv), CSV_HEAD, csv_rows(comparison))
    print_json(comparison) if args.json else print_text(_shown(comparison), end="")


def _write(path: Path, head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    try:
        with replacing(path) as beside, beside.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(head)
            writer.writerows(rows)
    except OSError as error:
        raise unwritable(path, error, "--csv FILE") from None
