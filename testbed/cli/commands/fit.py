"""``testbed fit``: the generator of a scenario that resembles a recording."""

import argparse
import sys
from pathlib import Path

import msgspec
import yaml

from testbed.cli.commands import common
from testbed.cli.console import print_json, print_text
from testbed.cli.progress import ProgressDisplay
from testbed.cli.text_table import table
from testbed.model import packages
from testbed.model.delay import NEVER
from testbed.model.errors import ScenarioError, UsageError
from testbed.model.printable import printable
from testbed.model.task import TaskTable
from testbed.record import directory
from testbed.record.files import keep
from testbed.scenario import workload as tables
from testbed.scenario.dump import dump, tree
from testbed.scenario.kinds import DEMANDS
from testbed.scenario.schema import Scenario, Workload
from testbed.trace import fit, imported, inputs, mapped
from testbed.trace.notes import Say
from testbed.trace.spool import spooling

_SHOWN = 4
CSV = "csv"


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("files", nargs="+", metavar="TRACE", help="a workload table, or files of one recording")
    parser.add_argument("--kind", choices=(CSV, *DEMANDS), help="what the files are (seen from the first line)")
    parser.add_argument("-o", "--out", metavar="OUT", help="scenario to write")
    parser.add_argument("--force", action="store_true", help="replace OUT if it exists")
    parser.add_argument("--scenario", metavar="S", help="whose system it is (the scenario beside a table, or region)")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="change one key; repeatable")
    parser.add_argument(
        "--map", action="append", default=[], metavar="KEY=COLUMN:UNIT", help="of kind table; repeatable"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def main(args: argparse.Namespace) -> int:
    """Fit a generator to a recording; returns the exit code."""
    packages.require("scipy")
    out = Path(args.out) if args.out else None
    if out is not None and out.exists() and not args.force:
        raise UsageError(f"{out} exists", "choose another name, or replace it with --force")
    notes: list[str] = []
    with ProgressDisplay(sys.stderr, plain=False) as display:
        display(f"reading {', '.join(args.files[:3])}")
        scenario, tasks, recorded = _recording(args, notes.append)
        display(f"fitting {len(tasks):,} tasks")
        generated = msgspec.structs.replace(scenario, workload=Workload())
        fitted = fit.fit(tasks, generated, inputs.resolve(generated).system, recorded)
    text = dump(fitted.scenario, f"fitted to {', '.join(Path(name).name for name in args.files)} by testbed fit")
    if out is not None:
        keep(out, text.encode())
    if args.json:
        print_json(_document(fitted, [*notes, *fitted.notes], args.out))
        return 0
    print_text(printable(_text(fitted)))
    for note in (*notes, *fitted.notes):
        print_text(printable(f"  {note}"))
    if out is not None:
        print_text(printable(f"{out}: try testbed run {out} --backend sim"))
    return 0


def _recording(args: argparse.Namespace, say: Say) -> tuple[Scenario, TaskTable, tuple[str, ...]]:
    """The scenario of the system, the recorded tasks from the first slot on, and which columns were measured."""
    first = Path(args.files[0])
    kind = args.kind or inputs.format_of(str(first))
    beside = first.with_name(directory.SCENARIO)
    source = args.scenario or (beside if kind == CSV and beside.is_file() else common.DEFAULT_SCENARIO)
    if kind != "table":
        common.refuse_options({"--map": args.map}, f"is for kind table, not for {kind}")
    parts = list(args.files[1:])
    changes = [f"workload={{trace: '{first}', format: {kind}, parts: {parts}, columns: {args.map}}}", *args.set]
    scenario = common.scenario_of(source, changes)
    system = inputs.resolve(scenario).system
    workload = scenario.workload
    if kind == CSV:
        tasks = tables.merged([tables.read_csv(name, system) for name in (workload.trace, *workload.parts)])
        begin = (
            int(tables.columns_of(tasks)["generated_ns"].min(initial=NEVER))
            if workload.start_ns < 0
            else workload.start_ns
        )
        tasks = tables.scaled(tables.shifted(tasks, begin), workload.rate)
        if not tasks:
            raise ScenarioError("there is no task in it", str(first), remedy="give a table with rows below its header")
        return scenario, tasks, ("ue", "input_bits", "cycles", "deadline_ns")
    columns = inputs.columns_of(workload.columns, mapped.mapped, "--map")
    with spooling() as spool:
        names = (workload.trace, *workload.parts)
        gathered = imported.gather(kind, names, imported.options_of(workload, scenario.seed, columns), say, spool)
        tasks, _ = imported.tasks_of(gathered, scenario, system, say)
        has_input = any(bool(some.input_bits.all()) for some in spool.by_instant())
    return scenario, tasks, ("input_bits", "cycles") if has_input else ("cycles",)


def _text(fitted: fit.GeneratorFit) -> str:
    """The keys, long lists cut, and how well they fit."""
    head = f"{fitted.tasks:,} tasks in {fitted.scenario.slots:,} slots, like these keys:\n"
    keys = yaml.safe_dump(
        _shortened(_keys(fitted.scenario)), sort_keys=False, default_flow_style=None, allow_unicode=True, width=100
    )
    rows = [(one.what, f"{one.distance:.3f}", f"{one.p_value:.2g}", one.quality) for one in fitted.matches]
    matches = table(("recorded against generated", "KS distance", "p", "fit"), rows)
    lags = [(str(one.lag), f"{one.recorded:.2f}", f"{one.generated:.2f}") for one in fitted.autocorrelation]
    correlation = table(("autocorrelation at lag", "recorded", "generated"), lags) if lags else ""
    return "\n".join(part.rstrip("\n") for part in (head, keys, "", matches, "", correlation))


def _keys(scenario: Scenario) -> dict[str, object]:
    """The keys that were fitted."""
    written = tree(scenario)
    factors = [cell.density_factor for cell in scenario.cells]
    keys: dict[str, object] = {word: written[word] for word in ("slots", "slot", "density", "workload", "task")}
    return keys | {"density_factor of cells": factors}


def _shortened(value: object) -> object:
    """``value`` with long lists cut."""
    if isinstance(value, dict):
        return {word: _shortened(one) for word, one in value.items()}
    if isinstance(value, list) and len(value) > 2 * _SHOWN:
        return [*value[:_SHOWN], f"… {len(value) - 2 * _SHOWN} more …", *value[-_SHOWN:]]
    return value


def _document(fitted: fit.GeneratorFit, notes: list[str], out: str | None) -> dict[str, object]:
    return {
        "tasks": fitted.tasks,
        "keys": _keys(fitted.scenario),
        "fit": {
            one.what: {"ks": one.distance, "p_value": one.p_value, "verdict": one.quality} for one in fitted.matches
        },
        "autocorrelation": [msgspec.structs.asdict(one) for one in fitted.autocorrelation],
        "notes": notes,
        "out": out,
    }
