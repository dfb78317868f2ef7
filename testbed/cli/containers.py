"""What the verbs of containers share: which options they take, and the file that these make."""

import argparse
import os
import shlex
from importlib import metadata
from pathlib import Path

import msgspec

from testbed.cli.commands import common, learning
from testbed.compose.file import DATA_PATH, METRICS_PORT, SCENARIO_PATH, SOCKET, Shape, compose_file, image_kinds
from testbed.experiments.elsewhere import planned_elsewhere
from testbed.experiments.runner import Order
from testbed.hosts.containers import containers_of
from testbed.model.errors import UsageError
from testbed.model.system import CONTROLLER
from testbed.policy import loading
from testbed.protocol.placement import Processes, processes_of
from testbed.record.directory import RUNS
from testbed.scenario.load import find_scenario, shipped
from testbed.scenario.reading import is_stream
from testbed.scenario.schema import LimitsSection

PASSED = ("policy", "duration", "slots", "seed", "speed", "out", "mode", "workers")
SWITCHES = ("learn", "synchronous", "json", "stream", "strict")
FLAG = {"duration": "for"}
ROOT = Path(__file__).resolve().parents[2]


class Containers(msgspec.Struct, frozen=True):
    """The processes of a run that is to be in containers, and the limits of these."""

    processes: Processes
    limits: LimitsSection

    @property
    def built(self) -> tuple[str, ...]:
        """A container of each image."""
        others = (name for name in containers_of(self.processes) if name != CONTROLLER)
        return (CONTROLLER, next(others))


def add(parser: argparse.ArgumentParser) -> None:
    """Declare what to run."""
    parser.add_argument("scenario", nargs="?", default=common.DEFAULT_SCENARIO, help="path or shipped name (region)")
    parser.add_argument("--policy", default=common.DEFAULT_POLICY, metavar="P", help="policy (greedy-do)")
    common.add_scenario_options(parser)
    parser.add_argument("--speed", metavar="X", help="emulated seconds in a wall second, or auto")
    learning.add(parser)


def planned(args: argparse.Namespace) -> Containers:
    """The processes of the run that ``args`` describe; raises `TestbedError` for whatever is wrong with them."""
    if loading.is_own(args.policy):
        raise UsageError(
            f"--policy {args.policy}: images hold no code of users",
            "name a policy of the testbed's, with its checkpoint if it has one, or run without containers",
        )
    if is_stream(args.scenario):
        raise UsageError(
            f"{args.scenario} can be read only once, and containers read the scenario again",
            "save it in a file, and name that",
        )
    learning.check_policy(args)
    resolved, workload = common.load(args.scenario, args)
    order = Order(resolved=resolved, workload=workload, policy=args.policy, learn=args.learn)
    if args.learn:
        order = learning.learning(order, args)
        order = msgspec.structs.replace(order, workers=order.workers or len(resolved.system.edge_servers))
    return Containers(processes_of(planned_elsewhere(order)), resolved.scenario.emulation.limits)


def written(args: argparse.Namespace, containers: Containers, file: Path, command: str) -> str:
    """The text of ``file`` for the run that ``args`` describe."""
    folder = file.parent
    path = find_scenario(args.scenario)
    own = path not in shipped().values()
    name = f"{SCENARIO_PATH}/{path.name}" if own else path.stem
    clone = (ROOT / "compose" / "Dockerfile").is_file()
    checkpoint = loading.checkpoint_of(args.policy)
    read_only = {SCENARIO_PATH: _from(folder, path.parent)} if own else {}
    if checkpoint:
        read_only[os.path.join(DATA_PATH, _inside(checkpoint))] = _from(folder, Path(checkpoint))
    shape = Shape(
        about=f"The scenario {path.stem} in containers: one each for the controller, every ES and every UE.",
        command=command,
        file=str(file),
        runs=_from(folder, RUNS),
        arguments=[
            "run",
            name,
            *arguments_of(args, checkpoint and _inside(checkpoint)),
            "--agents",
            SOCKET,
            "--metrics",
            f"0.0.0.0:{METRICS_PORT}",
        ],
        version=metadata.version("edge-testbed"),
        context=_from(folder, ROOT) if clone else "",
        read_only=read_only,
        observe=_from(folder, ROOT / "compose" / "observe"),
        learns=args.learn,
    )
    return compose_file(containers.processes, containers.limits, shape)


def images(*, learns: bool) -> list[str]:
    """The images that the file names, as the environment may choose others."""
    own = metadata.version("edge-testbed")
    return [
        os.environ.get(f"TESTBED_{kind.upper()}_IMAGE", f"testbed-{kind}:{own}") for kind in image_kinds(learns=learns)
    ]


def _inside(checkpoint: str) -> str:
    """Where a container has the file ``checkpoint``: at the same path, so that the record names it as it is here.

    What is given from a folder above is told by its whole path.
    """
    return os.path.abspath(checkpoint) if ".." in Path(checkpoint).parts else checkpoint


def arguments_of(args: argparse.Namespace, checkpoint: str = "") -> list[str]:
    """The options of the recorder's run, as they were given here, but for where the ``checkpoint`` is."""
    arguments = [f"--set={change}" for change in args.set]
    for option in PASSED:
        value = getattr(args, option, None)
        if option == "policy" and checkpoint:
            value = loading.with_checkpoint(args.policy, checkpoint)
        if value is not None:
            arguments += [f"--{FLAG.get(option, option)}", str(value)]
    return [*arguments, *(f"--{option}" for option in SWITCHES if getattr(args, option, False))]


def _from(folder: Path, path: Path) -> str:
    """``path`` as seen from ``folder``, as Compose tells a path from the name of a volume."""
    relative = os.path.relpath(path, folder)
    return relative if relative.startswith("..") else f"./{relative}"


def as_typed(verb: str, args: argparse.Namespace) -> str:
    """The command line that makes the file again."""
    arguments = [args.scenario, *arguments_of(args)]
    if args.policy == common.DEFAULT_POLICY:
        at = arguments.index("--policy")
        del arguments[at : at + 2]
    return shlex.join(["testbed", verb, *arguments])
