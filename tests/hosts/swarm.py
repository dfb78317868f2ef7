"""A Docker Swarm of two engines for tests, each in a network namespace with a clock of its own, and runs over it."""

import contextlib
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from testbed.cli.main import main
from testbed.compose.swarm import LABEL
from tests.command import ROOT
from tests.containers import engine
from tests.containers.support import wait_until
from tests.workers import namespaces

IMAGE = "testbed-controller:test"
NODES, APART_S, RUN_S = 2, 1_000_000, 300.0


def missing() -> str:
    """Why no swarm can be had here; "" if one may be."""
    return "" if namespaces.possible() else "network namespaces need root and `ip netns`"


@contextlib.contextmanager
def nodes() -> Iterator[Mapping[str, str]]:
    """The sockets of engines, of which each has the image `IMAGE`; raises `engine.UnavailableError`."""
    with namespaces.hosts(NODES) as (address, names), tempfile.TemporaryDirectory(prefix="swarm-") as folder:
        first, _, last = address.rpartition(".")
        hosts = {name: f"{first}.{int(last) + 1 + n}" for n, name in enumerate(names)}
        with engine.swarm(ROOT / "build" / "engine", Path(folder), hosts, APART_S) as sockets:
            _spread_image(sockets, Path(folder))
            listed = engine.docker("node", "ls", "--format", "{{.ManagerStatus}} {{.ID}}").splitlines()
            for n, node in enumerate(sorted(listed, reverse=True)):  # the leader first
                engine.docker("node", "update", "--label-add", f"{LABEL}={n + 1}", node.split()[-1])
            yield sockets


def _spread_image(sockets: Mapping[str, str], folder: Path) -> None:
    """Build the image at the manager, and hand it to the others."""
    engine.fill_wheelhouse(ROOT)
    engine.build_base(folder)
    engine.build(ROOT, "controller", IMAGE)
    archive = folder / "image.tar"
    engine.docker("save", "--output", str(archive), IMAGE)
    for socket in list(sockets.values())[1:]:
        engine.docker("--host", socket, "load", "--input", str(archive))
    archive.unlink()


def run(
    folder: Path, stack: str, options: Sequence[str], meanwhile: Callable[[], object] = lambda: True
) -> tuple[Path, str]:
    """Describe a run by `testbed compose` below ``folder``, deploy it as ``stack``, and take it down when ``meanwhile``
    is true and it has ended; its directory, moved to ``folder``, and what the recorder said.

    No two may have the same ``stack``: its network stays for a while."""
    assert main(["compose", *options, "--swarm", str(folder / "stack"), "--nodes", str(NODES)]) == 0
    engine.docker("stack", "deploy", "--compose-file", str(folder / "stack" / "stack.yaml"), stack)
    try:
        wait_until(meanwhile, RUN_S)
        wait_until(lambda: _state(stack).startswith(("Complete", "Failed", "Rejected")), RUN_S)
        logs = ["docker", "service", "logs", "--raw", f"{stack}_recorder"]
        log = subprocess.run(logs, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=True).stdout
        assert _state(stack).startswith("Complete"), log
        [recorded] = volume(stack).iterdir()
        return recorded.rename(folder / "run"), log
    finally:
        engine.docker("stack", "rm", stack)
        wait_until(lambda: not engine.docker("ps", "--quiet"))


def volume(stack: str) -> Path:
    """Where the recorder keeps its runs; it must have begun."""
    return Path(engine.docker("volume", "inspect", "--format", "{{.Mountpoint}}", f"{stack}_runs").strip())


def _state(stack: str) -> str:
    return engine.docker("service", "ps", f"{stack}_recorder", "--format", "{{.CurrentState}} {{.Error}}")
