"""``testbed check``: is the scenario right, what does it describe, and does it fit this host?"""

import argparse
import sys
from typing import Any

import msgspec

from testbed.model.delay import duration_ns
from testbed.model.statistics import mean
from testbed.model.system import Plan
from testbed.run import costs, preflight
from testbed.run.layout import width
from testbed.run.output import print_json, warn
from testbed.run.tables import percent, table
from testbed.run.verbs import common


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("scenario", help="path or shipped name")
    common.add_scenario_options(parser)
    parser.add_argument("--speed", metavar="X", help="emulated seconds in a wall second, or auto")
    parser.add_argument("--calibrate", action="store_true", help="measure this host's costs again")
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def main(args: argparse.Namespace) -> int:
    """Do it; returns the exit code."""
    resolved, workload = common.load(args.scenario, args)
    known = None if args.calibrate else costs.kept()
    known = known or costs.measured(warn)
    plan = resolved.plan(workload, common.DEFAULT_POLICY, True, live=True)
    plan = preflight.fitted(plan, known, args.speed == "auto")
    fit, cells = preflight.fit(plan, known), describe(plan)
    if args.json:
        system = plan.system
        head = {"scenario": system.name, "slots": system.slots, "tasks": len(workload), "ues": len(system.ues)}
        print_json({**head, "cells": cells, "fit": msgspec.to_builtins(fit)})
        return 0
    print(f"{args.scenario} is valid: {len(workload)} tasks in {plan.system.slots} slots\n")
    print(
        table(
            ("cell", "UEs", "ES GHz", "UE GHz", "uplink Mbit/s", "tasks", "ES load", "UE load"),
            _rows(cells),
            width(sys.stdout),
        )
    )
    print(
        f"\non this host ({fit.cores} cores), speed {fit.speed:g}, burn {fit.burn:g}: {fit.processes} processes, "
        f"{fit.memory_bytes / 1e6:.0f} MB; messages {fit.message_cores:.2f} cores, payload {fit.payload_cores:.2f}, "
        f"burning up to {fit.burn_cores:.2f}"
    )
    for warning in fit.warnings:
        print(f"  {warning}")
    if not fit.warnings:
        print(f"  it fits; up to about --speed {fit.advised_speed:g}")
    return 0


def describe(plan: Plan) -> dict[str, dict[str, Any]]:
    """Each cell's hardware (means) and offered load: of its ES if all offload, of its UEs if none does."""
    system, found = plan.system, {}
    for es in system.ess:
        ues = system.cell_ues(es.index)
        mine = [task for task in plan.workload if system.ues[task.ue].cell == es.index]
        at_es = sum(duration_ns(task.cycles, es.cpu_hz) for task in mine) / es.cores
        at_ues = sum(duration_ns(task.cycles, system.ues[task.ue].cpu_hz) for task in mine) / len(ues)
        found[es.name] = {
            "ues": len(ues),
            "es_hz": es.cpu_hz * es.cores,
            "ue_hz": mean([float(ue.cpu_hz) for ue in ues]),
            "uplink_bps": mean([ue.rate_bps for ue in ues]),
            "tasks": len(mine),
            "es_load": at_es / system.end_ns,
            "ue_load": at_ues / system.end_ns,
        }
    return found


def _rows(cells: dict[str, dict[str, Any]]) -> list[tuple[str, ...]]:
    return [
        (
            name, str(cell["ues"]), f"{cell['es_hz'] * 1e-9:.2f}", f"{cell['ue_hz'] * 1e-9:.2f}",
            f"{cell['uplink_bps'] * 1e-6:.1f}", str(cell["tasks"]), percent(cell["es_load"], 0),
            percent(cell["ue_load"], 0),
        )
        for name, cell in cells.items()
    ]  # fmt: skip
