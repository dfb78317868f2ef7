"""``testbed replay``: the tasks and links of a run, or of a workload table, with new or the same decisions."""

import argparse
from pathlib import Path

import msgspec

from controller import policies
from testbed.model import workload as tables
from testbed.model.errors import UsageError
from testbed.model.load import load_scenario
from testbed.model.schema import Workload
from testbed.run import record, replay, rundir
from testbed.run.session import Order
from testbed.run.verbs import common
from testbed.run.virtual import BACKENDS, SIM, TESTBED, TWIN
from testbed.trace import inputs


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("what", metavar="RUN|TRACE", help="a run, or a table time_s,ue,input_bits,cycles,deadline_s")
    decisions = parser.add_mutually_exclusive_group()
    decisions.add_argument("--policy", metavar="P", help="policy (that of the run; for a table greedy-do)")
    decisions.add_argument("--as-recorded", action="store_true", help="repeat decisions and their times (simulation)")
    parser.add_argument("--on", choices=BACKENDS, default=None, help="backend (testbed)")
    parser.add_argument("--scenario", metavar="S", help="for a table: its system (the scenario beside it, or region)")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="change one key; repeatable")
    common.add_run_options(parser)


def main(args: argparse.Namespace) -> int:
    """Do it; returns the exit code."""
    args.slots = args.seed = None
    if args.policy:
        policies.check([args.policy], args.scenario or args.what)
    if args.as_recorded:
        return common.carry_out(as_recorded(args), args)
    path = Path(args.what)
    is_table = path.is_file() and path.name != rundir.RECORD
    return common.carry_out(of_table(path, args) if is_table else of_run(args), args)


def as_recorded(args: argparse.Namespace) -> Order:
    """The run on the virtual clock, from its inputs and recorded decisions."""
    if args.on in (TESTBED, TWIN):
        raise UsageError("--as-recorded repeats decisions in the simulation only", "add --on sim")
    run = record.read_run(args.what)
    system, faults = replay.recorded_system(run), replay.recorded_faults(run.record.events)
    resolved = msgspec.structs.replace(run.resolved, system=system, faults=faults)
    return Order(
        resolved, run.workload, run.policy, SIM, args.out, answers=replay.recorded_answers(run.tasks),
        second_offload=replay.second_offload(run), notes={"replay_of": run.name, "as_recorded": True},
    )  # fmt: skip


def of_run(args: argparse.Namespace) -> Order:
    """The run's tasks, hardware, links and scheduled faults."""
    path = record.find(args.what)
    meta = record.read_record(path / rundir.RECORD).meta
    resolved = inputs.resolve(load_scenario(path / rundir.SCENARIO, common.overrides(args)))
    workload = tables.read_csv(path / rundir.WORKLOAD, resolved.system)
    policy = args.policy or str(meta.get("policy", common.DEFAULT_POLICY))
    notes = {"replay_of": path.resolve().name}
    tasks = tables.limited(workload, resolved.system)
    return Order(resolved, tasks, policy, args.on or TESTBED, args.out, auto_speed=args.speed == "auto", notes=notes)


def of_table(path: Path, args: argparse.Namespace) -> Order:
    """A workload table on the system of a scenario, for as many slots as it needs."""
    beside = path.with_name(rundir.SCENARIO)
    given = args.scenario or (beside if beside.is_file() else common.DEFAULT_SCENARIO)
    scenario = load_scenario(given, common.overrides(args))
    workload = tables.read_csv(path, inputs.resolve(scenario).system)
    slots = tables.slots_for(workload, scenario.slot_ns)
    traced = Workload(trace=str(path.resolve()), format="csv")
    resolved = inputs.resolve(msgspec.structs.replace(scenario, slots=slots, workload=traced))
    policy = args.policy or common.DEFAULT_POLICY
    return Order(resolved, workload, policy, args.on or TESTBED, args.out, auto_speed=args.speed == "auto")
