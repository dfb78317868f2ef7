"""``testbed replay``: the tasks and links of a run, or of a workload table, with new or the same decisions."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar, cast

import msgspec

from testbed.analysis import replay
from testbed.cli.commands import common
from testbed.cli.console import warn
from testbed.experiments.runner import Order
from testbed.model.delay import NS_PER_S
from testbed.model.errors import InvalidError, ScenarioError, UsageError
from testbed.model.system import System
from testbed.model.task import Task
from testbed.policy import loading
from testbed.record import directory, reader
from testbed.record.backends import BACKENDS, SIM, TESTBED, TWIN, VIRTUAL
from testbed.scenario import closed_loop, excerpt, idle
from testbed.scenario import workload as tables
from testbed.scenario.excerpt import Excerpt
from testbed.scenario.fields import Scalar
from testbed.scenario.kinds import COUNT, FACTOR, SOME_TIME, TIME
from testbed.scenario.overload import is_overload
from testbed.scenario.resolve import Resolved
from testbed.scenario.schema import Scenario, Workload
from testbed.scenario.window import IDLE_SLOTS, remarks
from testbed.trace import inputs, table_file

V = TypeVar("V", int, float)


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("what", metavar="RUN|TRACE", help="a run, or a table time_s,ue,input_bits,cycles,deadline_s")
    decisions = parser.add_mutually_exclusive_group()
    decisions.add_argument("--policy", metavar="P", help="policy (that of the run; for a table greedy-do)")
    common.add_think_option(parser)
    decisions.add_argument("--as-recorded", action="store_true", help="repeat decisions and their times (sim, twin)")
    parser.add_argument("--from", dest="begin", metavar="TIME", help="begin at this instant of the recording (0 s)")
    parser.add_argument("--for", dest="length", metavar="TIME", help="how much of it to play (all)")
    parser.add_argument("--rate", metavar="X", help="tasks come X times as fast (1)")
    parser.add_argument("--loop", metavar="N", help="play it N times, one after another (1)")
    parser.add_argument(
        "--closed-loop", action="store_true", help="a UE's next task waits for the end of its last (sim, testbed)"
    )
    parser.add_argument("--no-faults", action="store_true", help="leave out its faults")
    parser.add_argument("--on", choices=BACKENDS, default=None, help="backend (testbed)")
    parser.add_argument("--scenario", metavar="S", help="for a table: its system (the scenario beside it, or region)")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="change one key; repeatable")
    common.add_run_options(parser)


def main(args: argparse.Namespace) -> int:
    """Play a run's workload again; returns the exit code."""
    args.slots = args.seed = None
    common.refuse_live_options(args, SIM if args.as_recorded else args.on or TESTBED)
    if args.policy:
        args.policy = common.thinking([args.policy], args.think)[0]
        loading.check([args.policy], args.scenario or args.what)
    elif args.think is not None:
        raise UsageError("--think is for a policy that plans", "add --policy plan-do, or leave it out")
    if args.as_recorded:
        return common.carry_out(as_recorded(args), args)
    if args.closed_loop:
        parts = {"--from": args.begin, "--for": args.length, "--rate": args.rate, "--loop": args.loop}
        common.refuse_options(parts, "means nothing with --closed-loop: its tasks come when the last ones end")
    path = Path(args.what)
    is_table = path.exists() and not path.is_dir() and path.name != directory.RECORD
    return common.carry_out(of_table(path, args) if is_table else of_run(args), args)


def as_recorded(args: argparse.Namespace) -> Order:
    """The run on the virtual clock, from its inputs and recorded decisions."""
    changes = {"--set": args.set, "--from": args.begin, "--for": args.length, "--rate": args.rate, "--loop": args.loop}
    switches: dict[str, object] = {"--no-faults": args.no_faults, "--closed-loop": args.closed_loop}
    common.refuse_options(switches | changes, "changes nothing in a run as it was recorded")
    _refuse_scenario(args)
    if args.on == TESTBED:
        raise UsageError("--as-recorded repeats decisions on virtual clocks only", "add --on sim")
    run = reader.read_run(args.what)
    order = Order(
        resolved=msgspec.structs.replace(run.resolved, system=replay.recorded_system(run)),
        workload=run.workload,
        policy=run.policy,
        backend=args.on or SIM,
        out=args.out,
        second_offload=replay.second_offload(run),
        notes={"replay_of": run.name, "as_recorded": True},
    )
    if args.on == TWIN:
        return msgspec.structs.replace(order, choices=replay.recorded_choices(run))
    answers, deaths = replay.recorded_answers(run.tasks), replay.recorded_faults(run.record.events)
    return msgspec.structs.replace(order, answers=answers, deaths=deaths)


def of_run(args: argparse.Namespace) -> Order:
    """The run's tasks, hardware, links and scheduled faults."""
    _refuse_scenario(args)
    path = reader.find(args.what)
    meta = reader.read_header(path / directory.RECORD)
    reasons = (idle.in_replay, *common.on(args.on or TESTBED))
    resolved = inputs.resolve(common.scenario_of(path / directory.SCENARIO, common.overrides(args), reasons))
    if not args.no_faults:
        _say_unplanned_deaths(path)
    workload = _table(path / directory.WORKLOAD, resolved.system, args)
    policy = args.policy or _recorded_policy(path, meta)
    notes: dict[str, str | bool] = {"replay_of": path.resolve().name}
    resolved, tasks = _excerpt(resolved, _kept(workload, resolved.system), args)
    if args.closed_loop:
        notes["closed_loop"] = True
        tasks = closed_loop.with_think_times(tasks, _finished(path, resolved.system))
    return Order(
        resolved=resolved,
        workload=tasks,
        policy=policy,
        backend=args.on or TESTBED,
        out=args.out,
        auto_speed=args.speed == "auto",
        closed_loop=args.closed_loop,
        notes=notes,
    )


def _say_unplanned_deaths(path: Path) -> None:
    """Warn of deaths that the scenario of a run does not have, if its record can be read."""
    try:
        events = reader.read_events(path / directory.RECORD)
    except UsageError:
        return
    planned = inputs.resolve(common.scenario_of(path / directory.SCENARIO, [])).faults
    unplanned = replay.unplanned_deaths(events, planned)
    if unplanned:
        names = ", ".join(sorted({death.name for death in unplanned}))
        warn(f"deaths that were not planned are left out ({names}): --as-recorded --on sim repeats the run with them")


def _finished(path: Path, system: System) -> dict[tuple[int, int], int]:
    """When each task of a run ended, by (UE index, number)."""
    index = {ue.name: ue.index for ue in system.ues}
    rows = reader.read_record(path / directory.RECORD).tasks
    return {(index[row.ue], row.number): row.finished_ns for row in rows if row.finished_ns >= 0 and row.ue in index}


def _recorded_policy(path: Path, meta: dict[str, Any]) -> str:
    """The strategy of a run; `UsageError` for one that is code, which a record may name, but only a user may start."""
    policy = str(meta.get("policy", common.DEFAULT_POLICY))
    if loading.is_own(policy):
        raise UsageError(
            f'{path} was decided by "{policy}", which is code of its user\'s own',
            f'add --policy "{policy}" if you trust it, or name another strategy; --as-recorded repeats its decisions',
        )
    return policy


def of_table(path: Path, args: argparse.Namespace) -> Order:
    """A workload table on the system of a scenario, for as many slots as it needs."""
    beside = path.with_name(directory.SCENARIO)
    source = args.scenario or (beside if beside.is_file() else common.DEFAULT_SCENARIO)
    changed = {change.partition("=")[0].strip() for change in args.set}
    for name in sorted(changed):
        common.refuse_options(
            {f"--set {name}": name.startswith("workload")}, "means nothing: the table is the workload"
        )
    reasons = (idle.in_replay, *common.on(args.on or TESTBED))
    scenario = _without_overloads(common.scenario_of(source, common.overrides(args), reasons))
    workload = _from_its_beginning(_table(path, inputs.resolve(scenario).system, args), path, scenario.slot_ns)
    slots = scenario.slots if "slots" in changed else tables.slots_for(workload, scenario.slot_ns)
    traced = Workload(trace=str(path.resolve()), format="csv")
    resolved = inputs.resolve(msgspec.structs.replace(scenario, slots=slots, workload=traced))
    common.say_cut(scenario, resolved)
    policy = args.policy or common.DEFAULT_POLICY
    resolved, tasks = _excerpt(resolved, _kept(workload, resolved.system), args)
    if args.closed_loop:
        warn("a table does not know when tasks ended: the whole time between two of a UE is kept as think time")
        tasks = closed_loop.with_think_times(tasks, {})
    return Order(
        resolved=resolved,
        workload=tasks,
        policy=policy,
        backend=args.on or TESTBED,
        out=args.out,
        auto_speed=args.speed == "auto",
        closed_loop=args.closed_loop,
    )


def _table(path: Path, system: System, args: argparse.Namespace) -> Sequence[Task]:
    """The tasks of a workload table; virtual clocks play those of a large one from the file."""
    return table_file.read(path, system) if args.on in VIRTUAL else tables.read_csv(path, system)


def _without_overloads(scenario: Scenario) -> Scenario:
    """``scenario`` for a table of tasks, after saying what of its faults that leaves out."""
    faults = tuple(fault for fault in scenario.faults if not is_overload(fault))
    if len(faults) < len(scenario.faults):
        warn(f"overloads of the scenario ({len(scenario.faults) - len(faults)}) add nothing: the table is the workload")
    return msgspec.structs.replace(scenario, faults=faults)


def _excerpt(resolved: Resolved, tasks: Sequence[Task], args: argparse.Namespace) -> tuple[Resolved, Sequence[Task]]:
    """What ``args`` ask for of a recording, after saying what is left out of it."""
    scenario = resolved.scenario
    if args.no_faults:
        scenario = msgspec.structs.replace(scenario, faults=())
    part = Excerpt(
        from_ns=_option("from", args.begin, TIME, 0),
        length_ns=_option("for", args.length, SOME_TIME, -1),
        rate=_option("rate", args.rate, FACTOR, 1.0),
        loops=_option("loop", args.loop, COUNT, 1),
    )
    if part != Excerpt():
        end_ns = resolved.system.end_ns
        taken = excerpt.take(part, tasks, scenario.faults, end_ns, scenario.slot_ns)
        scenario = msgspec.structs.replace(scenario, slots=taken.slots, faults=taken.faults)
        tasks = taken.tasks
        for note in (*taken.notes, *remarks(tasks, resolved.system)):
            warn(note)
    return resolved if scenario is resolved.scenario else inputs.resolve(scenario), tasks


def _option(flag: str, text: str | None, kind: Scalar, default: V) -> V:
    """The value of ``--flag``; `UsageError` in its name."""
    try:
        return default if text is None else cast(V, kind.parse(text))
    except InvalidError as error:
        raise UsageError(f"--{flag}: {error.message}", error.remedy) from None


def _from_its_beginning(tasks: Sequence[Task], path: Path, slot_ns: int) -> Sequence[Task]:
    """The tasks of a table; one that begins long after 0, as in Unix time, is counted from its first slot on."""
    if not tasks:
        raise ScenarioError("there is no task", str(path), remedy="a workload table has a row for each task")
    first = tasks[0].generated_ns // slot_ns
    if first < IDLE_SLOTS:
        return tasks
    warn(f"{path} begins {first * slot_ns / NS_PER_S:.10g} s after 0: it is played from there on")
    return tables.shifted(tasks, first * slot_ns)


def _kept(tasks: Sequence[Task], system: System) -> Sequence[Task]:
    """The tasks that a run of fewer slots plays, after saying how many it does not."""
    inside = tables.limited(tasks, system)
    if len(inside) < len(tasks):
        warn(f"{len(tasks) - len(inside)} of {len(tasks)} tasks are generated after the last slot and left out")
    return inside


def _refuse_scenario(args: argparse.Namespace) -> None:
    common.refuse_options({"--scenario": args.scenario}, "is for a workload table: a run has its own")
