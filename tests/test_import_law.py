"""The law of the house: imports point downward, roles know nothing of each other, cores touch no outside world.

The law is checked on source text, so that a module with a heavy import need not be imported to be judged.
"""

import ast
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.command import PATIENCE_S

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("testbed", "ue_agent", "edge_server", "controller")
LINES = 260

LAYERS = {
    "testbed.model": 1,
    "testbed.protocol": 2,
    "testbed.twin": 2,
    "testbed.trace": 3,
    "testbed.node": 3,
    "testbed.sim": 4,
    "testbed.run": 5,
    "testbed.watch": 5,
    "testbed.gym": 5,
    "testbed.cli.main": 5,
    "testbed.__main__": 5,
}
ROLES = ("ue_agent", "edge_server", "controller")
ROLE_FLOOR = 3.5
DATA = ("testbed", "testbed.scenarios")
SHELLS = ("ue_agent.__main__", "edge_server.__main__", "edge_server.executor")
HEAVY = {"torch", "numpy", "numba"}
OUTSIDE = {
    "asyncio",
    "ctypes",
    "datetime",
    "http",
    "mmap",
    "multiprocessing",
    "os",
    "psutil",
    "random",
    "secrets",
    "select",
    "selectors",
    "shutil",
    "signal",
    "socket",
    "sqlite3",
    "subprocess",
    "tempfile",
    "threading",
    "time",
    "urllib",
    "uuid",
    "zmq",
}
KEYED = {("random", "Random")}
READERS = ("testbed.scenario.load", "testbed.scenario.reading", "testbed.scenario.workload")
FILES = {"io", "pathlib", "open()"}
MODEL_MAY = {"msgspec", "yaml"}


def imports(source: str) -> Iterator[tuple[str, str]]:
    """Yield (module, attribute or "") of every import in ``source``, lazy ones too; ``open()`` counts as one."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "open":
            yield "open()", ""
        elif isinstance(node, ast.ImportFrom):
            yield from (("." * node.level + (node.module or ""), alias.name) for alias in node.names)


def is_in(module: str, package: str) -> bool:
    """Whether ``module`` is ``package`` or lies in it."""
    return module == package or module.startswith(package + ".")


def floor(module: str) -> float | None:
    """The floor a module lives on; None for what stands outside the house."""
    if any(is_in(module, role) for role in ROLES):
        return ROLE_FLOOR
    return next((level for package, level in LAYERS.items() if is_in(module, package)), None)


def home(module: str) -> str:
    """The package that a module belongs to as far as the law goes."""
    return next((package for package in (*LAYERS, *ROLES) if is_in(module, package)), module)


def is_core(module: str) -> bool:
    """Whether time, keys and events must reach a module as arguments only."""
    pure = (
        "testbed.model",
        "testbed.protocol",
        "testbed.twin",
        "ue_agent",
        "edge_server",
        "controller.server",
        "controller.gather",
    )
    return module not in SHELLS and any(is_in(module, package) for package in pure)


def targets(sources: Mapping[str, str], module: str) -> Iterator[str]:
    """The modules of the house that ``module`` imports."""
    for target, attribute in imports(sources[module]):
        whole = f"{target}.{attribute}"
        if whole in sources:
            yield whole
        elif target in sources:
            yield target


def closure(sources: Mapping[str, str], start: str) -> set[str]:
    """Every module of the house that importing ``start`` can load, packages on the way included."""
    seen: set[str] = set()
    todo = [start]
    while todo:
        module = todo.pop()
        if module in seen or module not in sources:
            continue
        seen.add(module)
        todo += targets(sources, module)
        if "." in module:
            todo.append(module.rpartition(".")[0])
    return seen


def violations_of(sources: Mapping[str, str]) -> list[str]:
    """One sentence for every violation in ``sources``, which maps dotted module names to source text."""
    found = []
    for module in sources:
        found += [
            f"{module}: {why}" for why in [*_layer_violations(sources, module), *_purity_violations(sources, module)]
        ]
    for role in ("ue_agent", "edge_server"):
        for module in sorted(closure(sources, f"{role}.__main__")):
            heavy = HEAVY & {name.partition(".")[0] for name, _ in imports(sources[module])}
            found += [f"{module}: {role} must start without {name}" for name in sorted(heavy)]
    return found + _sideways_cycles(sources)


def _layer_violations(sources: Mapping[str, str], module: str) -> Iterator[str]:
    mine = floor(module)
    if mine is None:
        if module not in DATA:
            yield "stands on no floor"
        return
    if any(name.startswith(".") for name, _ in imports(sources[module])):
        yield "imports relatively"
    for target in targets(sources, module):
        level = floor(target)
        if level is None or home(target) == home(module):
            continue
        if level > mine:
            yield f"imports {target}, which is above it"
        if mine == ROLE_FLOOR and level == ROLE_FLOOR:
            yield f"imports {target}: roles meet on the wire only"
        if is_in(target, "testbed.twin") and mine == ROLE_FLOOR and not is_in(module, "controller"):
            yield f"imports {target}: only the controller sees the twin"
        if mine == 5 and (home(target) in ("ue_agent", "edge_server") or target == "controller.server"):
            yield f"imports {target}: roles are started by module name"
        if target.endswith(".__main__"):
            yield f"imports {target}: roles are started by module name"


def _purity_violations(sources: Mapping[str, str], module: str) -> Iterator[str]:
    for name, attribute in imports(sources[module]):
        top = name.partition(".")[0]
        if is_core(module) and top in OUTSIDE and (name, attribute) not in KEYED:
            yield f"imports {name}, a part of the outside world"
        if is_core(module) and name in FILES and module not in READERS:
            yield f"uses {name}; cores touch no files"
        if is_in(module, "testbed.model"):
            ours = is_in(name, "testbed.model") or (name, attribute) == ("testbed", "scenarios")
            if not ours and top not in sys.stdlib_module_names | MODEL_MAY | FILES:
                yield f"imports {name}; the model needs only msgspec and yaml"
    if len(sources[module].splitlines()) > LINES:
        yield f"is longer than {LINES} lines"


def _sideways_cycles(sources: Mapping[str, str]) -> list[str]:
    edges = {(home(a), home(b)) for a in sources for b in targets(sources, a)}
    return [f"{a}: and {b} import each other" for a, b in sorted(edges) if a < b and (b, a) in edges]


def read_sources() -> dict[str, str]:
    """Source text by dotted name of everything that is installed."""
    sources = {}
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            sources[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path.read_text()
    return sources


def test_the_house_keeps_its_law():
    sources = read_sources()
    assert len(sources) > 40
    found = violations_of(sources)
    assert found == [], "\n".join(found)


def test_files_outside_the_packages_are_small_too():
    folders = ("tests", "benchmarks", "examples", "docs")
    lengths = {path: len(path.read_text().splitlines()) for folder in folders for path in (ROOT / folder).rglob("*.py")}
    assert {str(path.relative_to(ROOT)): n for path, n in lengths.items() if n > LINES} == {}


@pytest.mark.parametrize("role", ["ue_agent", "edge_server"])
def test_a_role_starts_without_torch_numpy_and_numba(role):
    code = f"import sys, {role}.__main__; print(sorted(set(sys.modules) & {HEAVY!r}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_S)
    assert (done.stdout.strip(), done.stderr) == ("[]", "")


def test_the_controller_decides_by_a_learned_network_without_torch():
    code = "import sys, testbed.policy.checkpoint, controller.online.start; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_S)
    assert (done.stdout.strip(), done.stderr) == ("False", "")


VIOLATIONS = {
    "testbed.model.a": ("import testbed.protocol.b", "above it"),
    "testbed.model.c": ("import numpy", "only msgspec and yaml"),
    "testbed.model.d": ("def f():\n    import time", "outside world"),
    "testbed.protocol.b": ("from random import randint", "outside world"),
    "testbed.twin.t": ("from testbed.sim import s", "above it"),
    "testbed.sim.s": ("from .other import x", "relatively"),
    "testbed.node.n": ("import testbed.run.r", "above it"),
    "testbed.run.r": ("from ue_agent import agent", "by module name"),
    "testbed.watch.w": ("import controller.server", "by module name"),
    "ue_agent.agent": ("from edge_server.queue import Queue", "on the wire only"),
    "ue_agent.__main__": ("import testbed.node.heavy", ""),
    "testbed.node.heavy": ("if True:\n    from torch import nn", "must start without torch"),
    "edge_server.queue": ("import testbed.twin.t", "only the controller sees the twin"),
    "edge_server.radio": ("import socket", "outside world"),
    "edge_server.queue2": ("def f():\n    return open('x')", "touch no files"),
    "testbed.model.f": ("from pathlib import Path", "touch no files"),
    "controller.server": ("import zmq", "outside world"),
    "controller.learn.train": ("import testbed.gym.g", "above it"),
    "testbed.gym.g": ("import ue_agent.__main__", "by module name"),
    "testbed.trace.x": ("import testbed.node.y", "import each other"),
    "testbed.node.y": ("import testbed.trace.x", ""),
    "testbed.attic": ("", "stands on no floor"),
    "testbed.node.long": ("\n" * 261, "longer than"),
}


@pytest.mark.parametrize("name", [name for name, (_, why) in VIOLATIONS.items() if why])
def test_a_crime_is_charged_to_its_author(name):
    why = VIOLATIONS[name][1]
    author = "testbed.node" if why == "import each other" else name
    found = violations_of({crime: source for crime, (source, _) in VIOLATIONS.items()})
    assert any(line.startswith(f"{author}: ") and why in line for line in found)


def test_lawful_imports_are_left_alone():
    sources = {
        "testbed.model.a": "import math, msgspec\nfrom random import Random",
        "testbed.scenario.load": "from pathlib import Path",
        "testbed.protocol.b": "from testbed.model import a",
        "testbed.twin.t": "import numba\nfrom testbed.protocol import b",
        "controller.learn.train": "import torch, time\nfrom testbed.twin import t",
        "ue_agent.agent": "from testbed.protocol.b import x",
        "ue_agent.__main__": "import time\nfrom testbed.node import n\nfrom ue_agent.agent import Agent",
        "testbed.node.n": "import socket",
        "testbed.sim.s": "from ue_agent.agent import Agent",
        "testbed.run.r": "from testbed.policy.loading import load\nfrom testbed.sim import s",
        "testbed.policy.loading": "import importlib",
    }
    assert violations_of(sources) == []
