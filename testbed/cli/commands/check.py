"""``testbed check``: is the scenario right, what does it describe, and does it fit this host?"""

import argparse
import math
import sys
from typing import Any

import msgspec

from testbed.cli.commands import common
from testbed.cli.console import print_json, print_text, warn
from testbed.cli.layout import width
from testbed.cli.progress import ProgressDisplay
from testbed.cli.summary_text import percent
from testbed.cli.text_table import table
from testbed.live import calibration, host_costs, preflight
from testbed.live.host_costs import HostCosts
from testbed.live.preflight import Fit, cores
from testbed.model.delay import duration_ns
from testbed.model.exit_codes import EXIT_OK, EXIT_THRESHOLD
from testbed.model.human import size
from testbed.model.printable import printable
from testbed.model.statistics import mean
from testbed.model.system import Plan
from testbed.model.task import Task

MOST_SHOWN = 20


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("scenario", help="path or shipped name")
    common.add_scenario_options(parser)
    parser.add_argument("--speed", metavar="X", help="emulated seconds in a wall second, or auto")
    parser.add_argument("--calibrate", action="store_true", help="measure this host's costs again")
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def main(args: argparse.Namespace) -> int:
    """Describe a scenario and what it needs of this host; returns the exit code, 4 if it does not fit."""
    resolved, workload = common.load(args.scenario, args)
    known = None if args.calibrate else host_costs.known_costs()
    known = known or _calibrated()
    plan = resolved.plan(workload, common.DEFAULT_POLICY, second_offload=True, live=True)
    burn_auto = plan.emulation.burn < 0.0
    plan = preflight.fitted(plan, known, auto_speed=args.speed == "auto")
    fit, cells = preflight.fit(plan, known, burn_auto=burn_auto), describe(plan)
    code = EXIT_THRESHOLD if fit.warnings else EXIT_OK
    if args.json:
        system = plan.system
        head = {"scenario": system.name, "slots": system.slots, "tasks": len(workload), "ues": len(system.ues)}
        planned = [msgspec.to_builtins(each) for each in (*plan.faults, *plan.disturbances)]
        drawn = msgspec.to_builtins(resolved.drawn)
        print_json({**head, "cells": cells, "faults": planned, "drawn_faults": drawn, "fit": msgspec.to_builtins(fit)})
        return code
    print_text(f"{printable(args.scenario)} is valid: {len(workload)} tasks in {plan.system.slots} slots\n")
    print_text(
        table(
            ("cell", "UEs", "ES GHz", "UE GHz", "uplink Mbit/s", "tasks", "ES load", "UE load"),
            _rows(cells),
            width(sys.stdout),
        )
    )
    if plan.disturbances or plan.faults:
        print_text(f"\n{faults_text(plan)}")
    for one in resolved.drawn:
        print_text(f"{one.what}: drawn {one.count} times")
    print_text(f"\n{fit_text(fit)}")
    return code


def faults_text(plan: Plan) -> str:
    """The planned faults by instant, a line each."""
    changes = [(fault.at_ns, f"kill {fault.name}", fault.restart_ns) for fault in plan.faults]
    changes += [(one.at_ns, one.what, one.until_ns) for one in plan.disturbances]
    rows = [
        (what, f"{at * 1e-9:.1f}", f"{until * 1e-9:.1f}" if until >= 0 else "to the end")
        for at, what, until in sorted(changes)[:MOST_SHOWN]
    ]
    more = f"\nand {len(changes) - MOST_SHOWN} more" if len(changes) > MOST_SHOWN else ""
    return table(("fault", "from s", "until s"), rows, width(sys.stdout)) + more


def _calibrated() -> HostCosts:
    """The costs of messages on this host, measured now."""
    with ProgressDisplay(sys.stderr, plain=False) as display:
        display("measuring")
        return calibration.measured(warn)


def fit_text(fit: Fit) -> str:
    """Each resource of the host, what the run needs of it and what there is; then whether it fits."""
    burn = f"burn {fit.burn:g} (auto)" if fit.burn_auto else f"burn {fit.burn:g}"
    parts = [("messages", fit.message_cores), ("payload", fit.payload_cores), ("burning up to", fit.burn_cores)]
    rows = [
        ("CPU", f"{cores(fit.cpu_cores)} of {fit.cores:g} cores", ", ".join(f"{name} {cores(x)}" for name, x in parts)),
        ("memory", f"{size(fit.memory_bytes)} of {size(fit.memory_free_bytes)} free", ""),
        ("file descriptors", f"{fit.descriptors:.0f} of {_limit(fit.descriptors_most)}", "in the launcher"),
        ("processes, threads", f"{fit.tasks:.0f} of {_limit(fit.tasks_free)}", f"{fit.processes} processes in the run"),
    ]
    lines = [f"on this host at speed {fit.speed:g}, {burn}:", table(("", "needed", ""), rows), ""]
    if fit.warnings:
        lines += ["it does not fit this host:", *(f"  {warning}" for warning in fit.warnings)]
    else:
        lines.append(f"it fits this host, up to about --speed {fit.advised_speed:g}")
    return "\n".join(lines)


def _limit(number: float) -> str:
    return "any number" if math.isinf(number) else f"{number:.0f}"


def describe(plan: Plan) -> dict[str, dict[str, Any]]:
    """Each cell's hardware (means) and offered load: of its ES if all offload, of its UEs if none does."""
    system, cells = plan.system, {}
    ues_of, tasks_of = system.ues_by_cell(), [list[Task]() for _ in system.edge_servers]
    for task in plan.workload:
        tasks_of[system.ues[task.ue].cell].append(task)
    for es in system.edge_servers:
        ues, tasks = ues_of[es.index], tasks_of[es.index]
        at_es = sum(duration_ns(task.cycles, es.cpu_hz) for task in tasks) / es.cores
        at_ues = sum(duration_ns(task.cycles, system.ues[task.ue].cpu_hz) for task in tasks) / len(ues)
        cells[es.name] = {
            "ues": len(ues),
            "es_hz": es.cpu_hz * es.cores,
            "ue_hz": mean([float(ue.cpu_hz) for ue in ues]),
            "uplink_bps": mean([ue.rate_bps for ue in ues]),
            "tasks": len(tasks),
            "es_load": at_es / system.end_ns,
            "ue_load": at_ues / system.end_ns,
        }
    return cells


def _rows(cells: dict[str, dict[str, Any]]) -> list[tuple[str, ...]]:
    return [
        (
            name,
            str(cell["ues"]),
            f"{cell['es_hz'] * 1e-9:.2f}",
            f"{cell['ue_hz'] * 1e-9:.2f}",
            f"{cell['uplink_bps'] * 1e-6:.1f}",
            str(cell["tasks"]),
            percent(cell["es_load"], 0),
            percent(cell["ue_load"], 0),
        )
        for name, cell in cells.items()
    ]
