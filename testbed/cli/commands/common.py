"""What several verbs share: the options that change a scenario, and the end of a run."""

import argparse
import itertools
import math
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import msgspec

from testbed.analysis.summary import Summary
from testbed.cli import summary_text
from testbed.cli.colour import coloured
from testbed.cli.console import print_json, print_text, warn
from testbed.cli.exit_code import exit_code_of
from testbed.cli.layout import width
from testbed.cli.networks import with_networks
from testbed.cli.progress import ProgressDisplay
from testbed.cli.showing import Showing
from testbed.cli.streaming import RunLines
from testbed.experiments import runner
from testbed.experiments.runner import Order
from testbed.experiments.streamed import Summed
from testbed.live.interrupts import stop_on_interrupt
from testbed.live.progress import Progress
from testbed.model.errors import InvalidError, UsageError
from testbed.model.exit_codes import EXIT_INTERRUPTED
from testbed.model.task import Task
from testbed.policy import loading
from testbed.record import reader
from testbed.record.backends import TESTBED, VIRTUAL
from testbed.record.files import must_be_writable, unwritable
from testbed.record.reader import RecordedRun
from testbed.scenario import idle, units
from testbed.scenario.load import Loaded, load_scenario
from testbed.scenario.load import load as read_scenario
from testbed.scenario.parse import slots
from testbed.scenario.resolve import Resolved
from testbed.scenario.schema import EmulationSection, Scenario
from testbed.trace import inputs

Reasons = Callable[[Scenario], idle.Reasons]

DEFAULT_SCENARIO, DEFAULT_POLICY = "region", "greedy-do"
POLICIES = "lc,offload-do,random-do,greedy,greedy-do"  # compared where none is named
_FLAGS: dict[str, tuple[type[msgspec.Struct], str]] = {
    "slots": (Scenario, "slots"),
    "seed": (Scenario, "seed"),
    "speed": (EmulationSection, "emulation.speed"),
}


def add_scenario_options(parser: argparse.ArgumentParser) -> None:
    """Options that change what a scenario says."""
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--for", dest="duration", metavar="TIME", help="emulated time of generation, like 60s")
    length.add_argument("--slots", type=int, metavar="N", help="number of slots")
    parser.add_argument("--seed", type=int, metavar="N", help="seed of the workload")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="change one key; repeatable")


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """Options of whatever ends in a run."""
    parser.add_argument("--speed", metavar="X", help="emulated seconds in a wall second, or auto")
    parser.add_argument("--out", metavar="DIR", help="directory of the run (default: runs/NAME)")
    shape = parser.add_mutually_exclusive_group()
    shape.add_argument("--plain", action="store_true", help="plain lines even on a terminal")
    shape.add_argument("--json", action="store_true", help="print one JSON document")
    shape.add_argument("--stream", action="store_true", help="print JSON lines while the run goes on")
    parser.add_argument("--strict", action="store_true", help="exit 5 if fidelity is below B")


def add_think_option(parser: argparse.ArgumentParser) -> None:
    """Declare ``--think``."""
    parser.add_argument("--think", metavar="TIME", help="plan: time of one core to plan in, a slot (20 ms)")


def thinking(names: Sequence[str], think: str | None) -> list[str]:
    """Policies with ``--think`` in the names of those that plan. Raises `UsageError` if none of them does."""
    if think is None:
        return list(names)
    found = [loading.thinking(name, think.replace(" ", "")) for name in names]
    if found == list(names):
        raise UsageError(f"--think {think}: nobody plans here", "name a policy that does, plan-do, or leave it out")
    return found


def overrides(args: argparse.Namespace, flags: Iterable[str] = _FLAGS) -> list[str]:
    """The arguments as ``key=value`` changes of the scenario: ``--set`` first, then those of ``flags``."""
    changes = list(args.set)
    for flag in flags:
        section, place = _FLAGS[flag]
        value = getattr(args, flag, None)
        if value is not None and value != "auto":
            changes.append(f"{place}={_checked(flag, str(value), section, flag)}")
    return changes


def _checked(flag: str, value: str, section: type[msgspec.Struct], field: str) -> str:
    """``value`` of ``--flag`` if a section's ``field`` can hold it; `UsageError` in the flag's name otherwise."""
    try:
        slots(section)[field].scalar.parse(value)
    except InvalidError as error:
        raise UsageError(f"--{flag}: {error.message}", error.remedy) from None
    return value


def load(source: str | Path, args: argparse.Namespace, backend: str = TESTBED) -> tuple[Resolved, Sequence[Task]]:
    """The resolved scenario and its workload, with every change that ``args`` asks for, for a run on ``backend``."""
    with ProgressDisplay(sys.stderr, plain=getattr(args, "plain", False)) as display:
        display(f"drawing hardware and workload of {source}")
        resolved = inputs.resolve(scenario_of(source, changes(source, args), on(backend)), warn)
        return resolved, workload_of(resolved)


def workload_of(resolved: Resolved) -> Sequence[Task]:
    """The workload of a scenario, after saying what of its trace is left out."""
    played = inputs.played(resolved.scenario, resolved.system, warn)
    for note in played.notes:
        warn(note)
    return played.tasks


def on(backend: str) -> tuple[Reasons, ...]:
    """Who knows the keys that do nothing on ``backend``, for `scenario_of`."""
    return (idle.on_virtual,) if backend in VIRTUAL else ()


def scenario_of(source: str | Path, asked: Sequence[str], reasons: Sequence[Reasons] = ()) -> Scenario:
    """The scenario with the changes ``asked`` for, after saying which of its faults a run cut short does not see, and
    which changes do nothing, also by these ``reasons``."""
    loaded = read_scenario(source, asked)
    for note in notes_of(loaded, reasons):
        warn(note)
    return loaded.scenario


def notes_of(loaded: Loaded, reasons: Sequence[Reasons]) -> tuple[str, ...]:
    """What is to be said of a scenario that was read, also by these ``reasons``."""
    ignored = itertools.chain.from_iterable(each(loaded.scenario) for each in (idle.idle, *reasons))
    return (*loaded.notes, *idle.notes(ignored, loaded.given))


def say_cut(scenario: Scenario, resolved: Resolved) -> None:
    """Say how many faults of a scenario come after the end of the run that was made of it."""
    cut, slots = len(scenario.faults) - len(resolved.scenario.faults), resolved.system.slots
    if cut > 0:
        warn(f"{cut} of {len(scenario.faults)} faults come after the last of {slots} slots and are left out")


def tell_of_traces(scenario: Scenario) -> Scenario:
    """``scenario``, once what its recorded files had skipped, capped or assumed has been said on standard error."""
    if scenario.workload.trace or scenario.radio.trace is not None:
        resolved = inputs.resolve(scenario, warn)
        inputs.generate(resolved.scenario, resolved.system, warn)
    return scenario


def changes(source: str | Path, args: argparse.Namespace) -> list[str]:
    """As `overrides`, with ``--for`` turned into slots of the scenario's length."""
    asked = overrides(args)
    if args.duration is not None:
        count = slots_of(args.duration, load_scenario(source, asked).slot_ns)
        asked.append(f"slots={_checked('for', str(count), Scenario, 'slots')}")
    return asked


def slots_of(duration: str, slot_ns: int) -> int:
    """The number of slots that last ``duration``, at least 1."""
    try:
        ns = units.parse(duration, "time")
    except InvalidError as error:
        raise UsageError(f"--for: {error.message}", error.remedy or "write a time, like --for 60s") from None
    if ns <= 0:
        raise UsageError(f"--for {duration}: a run must last longer than 0", "write a time, like --for 60s")
    return max(1, math.ceil(ns / slot_ns))


def refuse_options(options: Mapping[str, object], why: str, remedy: str = "leave it out") -> None:
    """Raise `UsageError` for the first option of ``options``, by name, that has a value: here it would do nothing."""
    for name, value in options.items():
        if value is not None and value is not False and value != []:
            raise UsageError(f"{name} {why}", remedy)


def refuse_live_options(args: argparse.Namespace, backend: str, others: Mapping[str, object] | None = None) -> None:
    """Raise `UsageError` for an option of live runs, ``others`` by name among them, on a clock that is none."""
    if backend in VIRTUAL:
        why = f"is for live runs: {backend} is exact, and as fast as it can be"
        refuse_options({"--speed": args.speed, "--strict": args.strict, **(others or {})}, why)


def is_run(name: str) -> bool:
    """Whether ``name`` names a run rather than a scenario."""
    try:
        reader.find(name)
    except UsageError:
        return False
    return True


def strategies(listed: str, scenario: str, think: str | None = None) -> list[str]:
    """The names in a comma-separated list, with ``--think``. Raises `UsageError` for an empty or repeated one, or one
    that first has to be trained on ``scenario``. Where a network stands for a name, it is said which."""
    names = thinking([name.strip() for name in listed.split(",") if name.strip()], think)
    if not names or len(set(names)) < len(names):
        raise UsageError(f'--policies "{listed}"', "give different policies, like --policies lc,greedy-do")
    loading.check(names, scenario)
    return with_networks(names, scenario)


def writable(folder: Path, option: str = "--out DIR") -> None:
    """Make ``folder``; `StartError` before any work is done if it cannot be. ``option`` chooses another."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise unwritable(folder, error, option) from None


def output_file(flag: str, name: str) -> Path:
    """The file that ``--flag`` names; `UsageError` or `StartError` before any work if it could not be written."""
    if not name.strip():
        raise UsageError(f'--{flag} "{name}"', f"give the name of a file, or leave --{flag} out")
    path = Path(name)
    must_be_writable(path, f"--{flag} FILE")
    return path


def carry_out(order: Order, args: argparse.Namespace) -> int:
    """Run ``order``, print its summary as ``args`` ask, and return the exit code.

    One interrupt does not keep the summary of what has been recorded from being printed.
    """
    if not args.stream:
        return _carried_out(order, args, None)
    with RunLines(sys.stdout, order.policy, order.backend) as lines:
        return _carried_out(order, args, lines)


def _carried_out(order: Order, args: argparse.Namespace, lines: RunLines | None) -> int:
    outcome, interrupts = played(order, args, lines=lines), []
    with stop_on_interrupt(lambda: interrupts.append(1)):
        plain = args.plain or args.json
        summary = outcome.summary if isinstance(outcome, Summed) else summarized(outcome, plain=plain)[1]
        code, why = exit_code_of(summary, strict=args.strict)
        if lines is not None:
            lines.ended(summary, code)
        elif args.json:
            print_json(summary)
        else:
            print_text(coloured(summary_text.text(summary, width(sys.stdout)), sys.stdout), end="", flush=True)
    if why:
        warn(why)
    return EXIT_INTERRUPTED if interrupts else code


def summarized(source: RecordedRun | Path, *, plain: bool) -> tuple[RecordedRun, Summary]:
    """A run, or that of a directory, and its summary; reading and grading a long one takes a while, which standard
    error is told.
    """
    with ProgressDisplay(sys.stderr, plain=plain) as display:
        if isinstance(source, Path):
            display(f"reading {source}")
        run = reader.read_run(source) if isinstance(source, Path) else source
        display(f"summarizing {len(run.tasks)} tasks")
        return run, runner.summary_of(run)


def played(
    order: Order,
    args: argparse.Namespace,
    meanwhile: Callable[[Path], None] = lambda path: None,
    lines: RunLines | None = None,
) -> RecordedRun | Path | Summed:
    """Run ``order`` and return it, its directory, or what it came to; what is shown is up to ``args``, see `Showing`.

    ``meanwhile`` is called with that directory again and again; ``lines`` hear of all that happens.
    """
    with Showing(order, args, lines) as showing:

        def watch(progress: Progress) -> None:
            showing.progress(progress)
            if showing.path is not None:
                meanwhile(showing.path)

        heard = order.heard if lines is None else lines.heard
        order = msgspec.structs.replace(order, say=showing.warn, heard=heard)
        return runner.perform(order, watch, showing.started)
