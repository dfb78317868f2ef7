"""Hosts for tests: network namespaces on a bridge, which only root may make, and not everywhere."""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator

BRIDGE_HOST = "10.213.{}.{}"


def possible() -> bool:
    """Whether network namespaces can be made here."""
    if os.getuid() != 0 or shutil.which("ip") is None:
        return False
    name = f"tb-probe-{os.getpid()}"
    made = subprocess.run(["ip", "netns", "add", name], capture_output=True, check=False).returncode == 0
    return made and subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False).returncode == 0


@contextlib.contextmanager
def hosts(count: int) -> Iterator[tuple[str, list[str]]]:
    """The address of this host, and the names of so many namespaces beside it that reach it and each other."""
    number, net = os.getpid(), os.getpid() % 251
    bridge, names = f"tb{number}", [f"tb-{number}-{n}" for n in range(count)]
    try:
        _ip("link", "add", bridge, "type", "bridge")
        _ip("address", "add", f"{BRIDGE_HOST.format(net, 1)}/24", "dev", bridge)
        _ip("link", "set", bridge, "up")
        for n, name in enumerate(names):
            _ip("netns", "add", name)
            _ip("link", "add", f"tb{number}v{n}", "type", "veth", "peer", "name", "eth0", "netns", name)
            _ip("link", "set", f"tb{number}v{n}", "master", bridge, "up")
            _ip("-n", name, "address", "add", f"{BRIDGE_HOST.format(net, n + 2)}/24", "dev", "eth0")
            for device in ("eth0", "lo"):
                _ip("-n", name, "link", "set", device, "up")
        yield BRIDGE_HOST.format(net, 1), names
    finally:
        for n, name in enumerate(names):  # a namespace ends later than it is deleted, and its links with it
            subprocess.run(["ip", "link", "del", f"tb{number}v{n}"], capture_output=True, check=False)
            subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)
        subprocess.run(["ip", "link", "del", bridge], capture_output=True, check=False)


def _ip(*words: str) -> None:
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, (words, done.stderr)
