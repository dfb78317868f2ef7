"""What ``tune`` and ``train`` share: the training workloads they take, and the checkpoint they leave."""

import argparse
import shlex
from collections.abc import Sequence
from pathlib import Path

from testbed.cli.commands import common
from testbed.cli.console import warn
from testbed.experiments.tune import MOST_SEED
from testbed.model.errors import UsageError, did_you_mean
from testbed.policy import loading
from testbed.policy.shipped import CHECKPOINTS
from testbed.record.backends import TWIN
from testbed.scenario import idle
from testbed.scenario.schema import Scenario


def add_workload_options(parser: argparse.ArgumentParser) -> None:
    """Declare the scenario and the options that say which workloads of it, and where the checkpoint goes."""
    parser.add_argument("scenario", help="path or shipped name")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="which training workloads (0)")
    parser.add_argument("--slots", type=int, metavar="N", help="number of slots of each")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="change one key; repeatable")
    parser.add_argument("--out", metavar="DIR", help="where to write the checkpoint (checkpoints/SCENARIO)")


def add_output_options(parser: argparse.ArgumentParser) -> None:
    """Declare how progress and result are printed."""
    shape = parser.add_mutually_exclusive_group()
    shape.add_argument("--plain", action="store_true", help="plain lines even on a terminal")
    shape.add_argument("--json", action="store_true", help="print one JSON document")


def must_be_one_of(flag: str, name: str, allowed: Sequence[str], scenario: str) -> None:
    """Raise `UsageError` for a ``name`` that ``--flag`` does not take; the verb that does take it is named."""
    if name in allowed:
        return
    base, _, rest = loading.parts(name)
    if base in (*loading.TUNED, *loading.LEARNED) and not rest:
        why = "a heuristic, which is tuned" if base in loading.TUNED else "a network, which is trained"
        raise UsageError(f"--{flag} {name}: {name} is {why}", f"`{loading.checkpoint_command(name, scenario)}`")
    raise UsageError(f'--{flag}: "{name}" is not one of {", ".join(allowed)}', did_you_mean(name, allowed))


def must_be_within(flag: str, value: int | None, least: float, most: float) -> None:
    """Raise `UsageError` for a ``value`` of ``--flag`` that is out of bounds."""
    if value is not None and value < least:
        raise UsageError(f"--{flag} {value}", f"at least {least} is needed")
    if value is not None and value > most:
        raise UsageError(f"--{flag} {value}", f"at most {most} is possible")


def must_be_a_training_seed(seed: int) -> None:
    """Raise `UsageError` for a ``--seed`` without training workloads of its own."""
    must_be_within("seed", seed, 0, MOST_SEED)


def scenario_of(args: argparse.Namespace, flags: Sequence[str], backend: str = TWIN) -> Scenario:
    """The scenario that ``args`` ask for, to train on ``backend``, after saying what its recorded files leave out."""
    reasons = (idle.in_training, *common.on(backend))
    return common.tell_of_traces(common.scenario_of(args.scenario, common.overrides(args, flags), reasons))


def say_no_faults(scenario: Scenario) -> None:
    """Say that the twin, on which is trained, plays none of the faults of ``scenario``."""
    if scenario.faults:
        warn(f"training plays no faults: those of {scenario.name} ({len(scenario.faults)}) are left out")


def folder_of(args: argparse.Namespace, scenario: Scenario) -> Path:
    """The folder of the checkpoint. Raises `StartError` if it cannot be written."""
    folder = Path(args.out) if args.out else CHECKPOINTS / scenario.name
    common.writable(folder)
    return folder


def policy_option(name: str, path: str | Path) -> str:
    """The option of other verbs that uses the checkpoint of ``name`` at ``path``."""
    return f"--policy {shlex.quote(f'{name}:{path}')}"
