"""What results depend on besides their inputs: versions of packages, and the source of this project."""

import contextlib
import hashlib
import importlib.metadata
import platform
from functools import cache
from importlib import util
from pathlib import Path

INSTALLED = ("testbed", "ue_agent", "edge_server", "controller")
DISTRIBUTION = "edge-testbed"
PACKAGES = (DISTRIBUTION, "msgspec", "numpy", "pyzmq", "numba", "torch")
DIGITS = 12


def versions() -> dict[str, str]:
    """Versions of what a run's numbers depend on."""
    numbers = {"python": platform.python_version()}
    for name in PACKAGES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            numbers[name] = importlib.metadata.version(name)
    return numbers


@cache
def source_digest() -> str:
    """What tells this source of the project from others that have the same version, as in a clone that was changed."""
    found = hashlib.sha256()
    for name in INSTALLED:
        spec = util.find_spec(name)
        for folder in map(Path, spec.submodule_search_locations or ()) if spec is not None else ():
            for file in sorted(folder.rglob("*.py")):
                found.update(f"{name}/{file.relative_to(folder)}\n".encode() + file.read_bytes())
    return found.hexdigest()[:DIGITS]


@cache
def build() -> dict[str, str]:
    """All of it by name; two processes of which it is the same come to the same results."""
    return {**versions(), "source": source_digest()}
