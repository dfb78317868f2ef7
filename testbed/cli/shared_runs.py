"""Folders that describe a run to Docker Swarm or Kubernetes: manifests, keys, the file of hosts, the scenario."""

import argparse
import os
import shlex
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

from testbed.cli import containers
from testbed.cli.commands import common
from testbed.cli.console import print_text
from testbed.compose import kubernetes, swarm
from testbed.compose.swarm import AGENT_KEYS, ETC, HOSTS_FILE, LAUNCHER_KEYS, SCENARIO_FILE, SharedRun
from testbed.hosts.calls import new_keys
from testbed.hosts.hosts_file import KUBERNETES, SWARM
from testbed.model.errors import UsageError
from testbed.model.exit_codes import EXIT_OK
from testbed.node.credentials import write_private
from testbed.policy import loading
from testbed.policy.checkpoint import for_a_run
from testbed.record.files import keep
from testbed.scenario.load import find_scenario, load_scenario
from testbed.scenario.reading import read_text
from testbed.workers.materials import read_by

DEFAULT_NODES, NODE_CORES = 2, 2.0
CHART, STACK_FILE, POLICY_FOLDER = "chart", "stack.yaml", "policy"
MOST_SENT_BYTES = 500_000  # of a config of older swarms; a ConfigMap takes twice as many


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
    containers.planned(args)
    way = SWARM if args.swarm is not None else KUBERNETES
    folder = Path(args.swarm if args.swarm is not None else args.kubernetes)
    common.writable(folder, f"--{way} DIR")
    command = f"{containers.as_typed('compose', args)} --{way} {shlex.quote(str(folder))} --nodes {nodes}"
    checkpoint = loading.checkpoint_of(args.policy)
    sent_policy = f"{POLICY_FOLDER}/{Path(checkpoint).name}"
    hosts = swarm.hosts_file(NODE_CORES, way, _service_of(way, nodes))
    files = {HOSTS_FILE: hosts.encode(), **_scenario_files(args)}
    if checkpoint:
        files[sent_policy] = for_a_run(Path(checkpoint))
    _refuse_large(files, way)
    run = SharedRun(
        about=f"The scenario {find_scenario(args.scenario).stem} over {nodes} nodes.",
        command=command,
        image=_image(learns=args.learn),
        nodes=nodes,
        cores=NODE_CORES,
        arguments=containers.arguments_of(args, checkpoint and f"{ETC}/{sent_policy}"),
        files=files,
    )
    return _stack(folder, run) if way == SWARM else _manifests(folder, run)


def _service_of(way: str, nodes: int) -> dict[str, str]:
    """The agents by name, each with the service or the set that it is of."""
    if way == SWARM:
        return {name: name for name in swarm.agent_names(nodes)}
    return dict.fromkeys(kubernetes.pod_names(nodes), kubernetes.AGENTS)


def _scenario_files(args: argparse.Namespace) -> dict[str, bytes]:
    """The scenario, and what it reads from files, at the places that these have beside it. Raises `UsageError`."""
    path = find_scenario(args.scenario)
    folder = Path(os.path.realpath(path)).parent
    files = {SCENARIO_FILE: read_text(path).encode()}
    for file in read_by(load_scenario(args.scenario, args.set)):
        name = os.path.relpath(file, folder)
        if name.startswith("..") or any(change.endswith(Path(file).name) for change in args.set):
            raise UsageError(
                f"{file} is not sent: {path} does not name it, or it lies elsewhere",
                f"put it into the folder of {path}, and name it there",
            )
        if name in (HOSTS_FILE, SCENARIO_FILE, LAUNCHER_KEYS, AGENT_KEYS, STACK_FILE):
            raise UsageError(f"{file} would lie where another file is to be", "give it another name")
        files[name] = Path(file).read_bytes()
    return files


def _refuse_large(files: Mapping[str, bytes], way: str) -> None:
    """Raise `UsageError` if swarms or clusters would not take ``files``."""
    total = sum(map(len, files.values()))
    if total > MOST_SENT_BYTES:
        largest = max(files, key=lambda name: len(files[name]))
        raise UsageError(
            f"the run reads {total:,} bytes, {largest} most of them, and --{way} sends {MOST_SENT_BYTES:,} at most",
            "run it from a host: testbed run --hosts FILE",
        )


def _stack(folder: Path, run: SharedRun) -> int:
    _put(folder, run.files)
    _put_keys(folder, new_keys())
    _put(folder, {STACK_FILE: swarm.stack_file(run).encode()})
    for n in range(run.nodes):
        print_text(f"docker node update --label-add {swarm.LABEL}={n + 1} NODE-{n + 1}")
    print_text(f"docker stack deploy -c {folder}/{STACK_FILE} testbed")
    return EXIT_OK


def _manifests(folder: Path, run: SharedRun) -> int:
    """Manifests in the folder itself, the chart beside them; the keys lie in secrets.yaml and in the chart."""
    keys = new_keys()
    made = kubernetes.manifests(run, keys)
    write_private(folder / "secrets.yaml", made.pop("secrets.yaml").encode())
    _put(folder, {name: text.encode() for name, text in made.items()})
    chart = folder / CHART
    _put(chart, {name: text.encode() for name, text in kubernetes.chart(run, metadata.version("edge-testbed")).items()})
    _put(chart / "files", run.files)
    _put_keys(chart / "files", keys)
    print_text(f"{folder}: kubectl apply --server-side -f {folder}, or helm install testbed {chart}")
    return EXIT_OK


def _put(folder: Path, files: Mapping[str, bytes]) -> None:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        keep(folder / name, content)


def _put_keys(folder: Path, keys: tuple[bytes, bytes]) -> None:
    for name, content in zip((LAUNCHER_KEYS, AGENT_KEYS), keys, strict=True):
        write_private(folder / name, content)


def _image(*, learns: bool) -> str:
    """The image of all: any of its hosts may get the controller."""
    kind = "learning" if learns else "controller"
    return os.environ.get(f"TESTBED_{kind.upper()}_IMAGE", f"testbed-{kind}:{metadata.version('edge-testbed')}")
