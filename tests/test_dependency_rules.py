"""The layers of ARCHITECTURE.md hold: imports point down, roles meet on the wire only, cores touch no outside world.

The rules are checked on source text, lazy imports included, so that nothing heavy need be imported to be judged.
"""

import subprocess
import sys

import pytest

from tests.command import PATIENCE_S
from tests.dependency_rules import DATA, HEAVY, ROLES, ROOT, layers, read_sources, violations_of


def test_the_project_keeps_its_dependency_rules():
    sources = read_sources()
    assert len(sources) > 100
    violations = violations_of(sources)
    assert violations == [], "\n".join(violations)


def test_the_picture_names_every_package_there_is():
    packages = {f"testbed.{path.parent.name}" for path in (ROOT / "testbed").glob("*/__init__.py")}
    assert packages - set(DATA) == {name for name in layers() if name not in ROLES}


@pytest.mark.parametrize("role", ["ue_agent", "edge_server"])
def test_a_role_starts_without_heavy_packages(role):
    code = f"import sys, {role}.__main__; print(sorted(set(sys.modules) & {HEAVY!r}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_S)
    assert (done.stdout.strip(), done.stderr) == ("[]", "")


def test_the_controller_decides_by_a_learned_network_without_torch():
    code = "import sys, testbed.policy.checkpoint, controller.online.start; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_S)
    assert (done.stdout.strip(), done.stderr) == ("False", "")


EXAMPLES = {
    "testbed.model.a": ("import testbed.protocol.b", "above it"),
    "testbed.model.c": ("import numpy", "only msgspec"),
    "testbed.model.d": ("def f():\n    import time", "outside world"),
    "testbed.protocol.b": ("from random import randint", "outside world"),
    "testbed.twin.t": ("from testbed.sim import s", "above it"),
    "testbed.sim.s": ("from .other import x", "relatively"),
    "testbed.node.n": ("import testbed.live.r", "above it"),
    "testbed.live.r": ("from ue_agent import agent", "by module name"),
    "testbed.live.p": ("print('x')", "only testbed.cli.console does"),
    "testbed.cli.commands.c": ("def f():\n    print('x')", "only testbed.cli.console does"),
    "testbed.policy.p": ("def f():\n    import torch", "only controller.learn"),
    "testbed.gym.i": ("from importlib import import_module", "no checker can see"),
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
    "testbed.trace.x": ("import testbed.record.y", ""),
    "testbed.record.y": ("import testbed.trace.x", "import each other"),
    "testbed.cli.one": ("import testbed.cli.two", "in a circle"),
    "testbed.cli.two": ("def f():\n    import testbed.cli.one", "in a circle"),
    "testbed.attic.x": ("", "in no layer"),
}


@pytest.mark.parametrize("name", [name for name, (_, why) in EXAMPLES.items() if why])
def test_a_violation_is_charged_to_its_author(name):
    why = EXAMPLES[name][1]
    author = "testbed.record" if why == "import each other" else name
    violations = violations_of({example: source for example, (source, _) in EXAMPLES.items()})
    assert any(line.startswith(f"{author}: ") and why in line for line in violations)


def test_lawful_imports_are_left_alone():
    sources = {
        "testbed.model.a": "import math, msgspec\nfrom random import Random",
        "testbed.protocol.b": "from testbed.model import a",
        "testbed.policy.p": "import numpy",
        "testbed.twin.t": "import numba\nfrom testbed.policy import p",
        "controller.learn.train": "import torch, time\nfrom testbed.twin import t",
        "ue_agent.agent": "from testbed.protocol.b import x",
        "ue_agent.__main__": "import time\nfrom testbed.node import n\nfrom ue_agent.agent import Agent",
        "testbed.node.n": "import socket",
        "testbed.sim.s": "from ue_agent.agent import Agent",
        "testbed.live.r": "from testbed.node import n",
        "testbed.cli.console": "def f():\n    from testbed.live import r\n    print(r)",
    }
    assert violations_of(sources) == []
