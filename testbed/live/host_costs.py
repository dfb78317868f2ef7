"""What a message and a payload byte cost on this host: measured once, kept in the user's cache directory."""

import contextlib
import json
import os
import platform
import time
from importlib import metadata
from pathlib import Path

import msgspec
import psutil

from testbed.model.errors import StartError
from testbed.model.system import Plan
from testbed.record import files

MESSAGES_A_TASK = 5
KEPT_S = 30 * 86400.0
BUSY_SHARE, KEPT_BUSY_S = 0.3, 600.0


class HostCosts(msgspec.Struct, frozen=True):
    """CPU seconds a message, all processes together, and a payload byte; p99 of timers' lateness, s; ``measured`` here?

    ``others``: cores that other programs used meanwhile. The defaults are those of a 2-core virtual machine.
    """

    message_s: float = 0.4e-3
    byte_s: float = 3e-9
    late_s: float = 2e-3
    measured: bool = False
    others: float = 0.0


def message_rate(plan: Plan) -> float:
    """Messages in one emulated second: asks and answers, announcements, and what offloaded tasks need."""
    system = plan.system
    asks = (2 * len(system.ues) + 3 * len(system.edge_servers)) / (system.slot_ns * 1e-9)
    return asks + MESSAGES_A_TASK * len(plan.workload) / (system.end_ns * 1e-9)


def byte_rate(plan: Plan) -> float:
    """Payload bytes in one emulated second, if every task is offloaded."""
    return sum(task.input_bits for task in plan.workload) / 8.0 / (plan.system.end_ns * 1e-9)


def known_costs() -> HostCosts | None:
    """The costs measured here before, for this host as it is now; None if there are none."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        entry = json.loads(cache_path().read_text(encoding="utf-8"))
        costs = msgspec.convert(entry["costs"], HostCosts)
        lasts_s = KEPT_BUSY_S if costs.others > BUSY_SHARE else KEPT_S
        if entry["host"] == host_key() and 0 <= time.time() - entry["at"] < lasts_s:
            return costs
    return None


def cache_path() -> Path:
    """``edge-testbed/host.json`` in the user's cache directory."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return Path(base) / "edge-testbed" / "host.json"


def host_key() -> str:
    """What the costs depend on: host, kernel, cores, Python and this package."""
    parts = (platform.node(), platform.release(), str(psutil.cpu_count()), platform.python_version())
    return " ".join((*parts, metadata.version("edge-testbed")))


def keep(costs: HostCosts) -> None:
    """Write ``costs`` where `known_costs` finds them, if that can be written."""
    entry = {"host": host_key(), "at": time.time(), "costs": msgspec.to_builtins(costs)}
    with contextlib.suppress(StartError):
        files.keep(cache_path(), json.dumps(entry, indent=1).encode() + b"\n")
