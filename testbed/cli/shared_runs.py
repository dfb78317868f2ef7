"""Folders that describe a run to Docker Swarm or Kubernetes: manifests, keys, the file of hosts, the scenario."""

import argparse
import os
import shlex
from importlib import metadata
from pathlib import Path

from testbed.cli import containers
from testbed.cli.commands import common
from testbed.cli.console import print_text
from testbed.compose import kubernetes, swarm
from testbed.compose.swarm import AGENT, AGENT_KEYS, HOSTS_FILE, LAUNCHER_KEYS, SCENARIO_FILE, SharedRun
from testbed.hosts.calls import new_keys
from testbed.hosts.hosts_file import KUBERNETES, SWARM
from testbed.model.errors import UsageError
from testbed.model.exit_codes import EXIT_OK
from testbed.node.credentials import write_private
from testbed.policy import loading
from testbed.record.files import keep
from testbed.scenario.load import find_scenario
from testbed.scenario.reading import read_text

DEFAULT_NODES, NODE_CORES = 2, 2.0
CHART = "chart"


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--swarm", metavar="DIR", help="write a stack for Docker Swarm there instead")
    where.add_argument("--kubernetes", metavar="DIR", help="write manifests and a Helm chart there instead")
    parser.add_argument("--nodes", type=int, metavar="N", help=f"nodes of the swarm or cluster ({DEFAULT_NODES})")


def write(args: argparse.Namespace) -> int:
    """Write the folder that ``args`` ask for; returns the exit code."""
    nodes = DEFAULT_NODES if args.nodes is None else args.nodes
    if nodes < 1:
        raise UsageError(f"--nodes {nodes}: a run needs a node", "give at least 1")
    if args.file is not None:
        raise UsageError("-o is for a file of Compose", "leave it out")
    if loading.checkpoint_of(args.policy):
        raise UsageError(
            f"--policy {args.policy}: checkpoints are not sent to a swarm or cluster",
            "name a policy without one, or run it from a host: testbed run --hosts FILE",
        )
    containers.planned(args)
    way = SWARM if args.swarm is not None else KUBERNETES
    folder = Path(args.swarm if args.swarm is not None else args.kubernetes)
    common.writable(folder, f"--{way} DIR")
    command = f"{containers.as_typed('compose', args)} --{way} {shlex.quote(str(folder))} --nodes {nodes}"
    run = SharedRun(
        about=f"The scenario {find_scenario(args.scenario).stem} over {nodes} nodes.",
        command=command,
        image=_image(learns=args.learn),
        nodes=nodes,
        cores=NODE_CORES,
        arguments=containers.arguments_of(args),
    )
    scenario = read_text(find_scenario(args.scenario))
    return _stack(folder, run, scenario) if way == SWARM else _manifests(folder, run, scenario)


def _stack(folder: Path, run: SharedRun, scenario: str) -> int:
    names = [f"{AGENT}-{n + 1}" for n in range(run.nodes)]
    _put(folder, {HOSTS_FILE: swarm.hosts_file(run, names, SWARM, AGENT), SCENARIO_FILE: scenario})
    _put_keys(folder, new_keys())
    _put(folder, {"stack.yaml": swarm.stack_file(run)})
    print_text(f"{folder}/stack.yaml: docker stack deploy -c {folder}/stack.yaml testbed")
    return EXIT_OK


def _manifests(folder: Path, run: SharedRun, scenario: str) -> int:
    """Manifests in the folder itself, the chart beside them; the keys lie in secrets.yaml and in the chart."""
    keys = new_keys()
    files = {
        HOSTS_FILE: swarm.hosts_file(run, kubernetes.pod_names(run.nodes), KUBERNETES, kubernetes.AGENTS),
        SCENARIO_FILE: scenario,
    }
    made = kubernetes.manifests(run, keys, files)
    write_private(folder / "secrets.yaml", made.pop("secrets.yaml").encode())
    _put(folder, made)
    chart = folder / CHART
    _put(chart, kubernetes.chart(run, metadata.version("edge-testbed")))
    _put(chart / "files", files)
    _put_keys(chart / "files", keys)
    print_text(f"{folder}: kubectl apply -f {folder}, or helm install testbed {chart}")
    return EXIT_OK


def _put(folder: Path, texts: dict[str, str]) -> None:
    for name, text in texts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        keep(folder / name, text.encode())


def _put_keys(folder: Path, keys: tuple[bytes, bytes]) -> None:
    for name, content in zip((LAUNCHER_KEYS, AGENT_KEYS), keys, strict=True):
        write_private(folder / name, content)


def _image(*, learns: bool) -> str:
    """The image of all: any of its hosts may get the controller."""
    kind = "learning" if learns else "controller"
    return os.environ.get(f"TESTBED_{kind.upper()}_IMAGE", f"testbed-{kind}:{metadata.version('edge-testbed')}")
