"""What the record of a run says of the run as a whole."""

import datetime
import os
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from testbed.live import host_costs, preflight
from testbed.model.printable import printable, readable
from testbed.model.system import Plan
from testbed.record.alive import birth, home
from testbed.record.backends import VIRTUAL
from testbed.workers.build import versions


def described(plan: Plan, path: Path, *, backend: str, policy: str, notes: Mapping[str, Any]) -> dict[str, Any]:
    """What the record's ``meta`` says of a run."""
    simulated = backend in VIRTUAL
    meta = {
        "run": printable(readable(path.resolve().name)),
        "scenario": plan.system.name,
        "policy": policy,
        "second_offload": plan.second_offload,
        **({"chosen_target": True} if plan.system.chosen_target else {}),
        "learn": plan.learn,
        "learn_mode": plan.learning.mode if plan.learn else "",
        "learn_workers": len(plan.learners),
        "seed": plan.system.seed,
        "slots": plan.system.slots,
        "system": msgspec.json.encode(plan.system).decode(),
        "backend": backend,
        "speed": plan.emulation.speed,
        "advised_speed": 0.0
        if simulated
        else preflight.advised_speed(plan, host_costs.known_costs() or host_costs.HostCosts()),
        "burn": 0.0 if simulated else plan.emulation.burn,
        "payload": "declared" if simulated else plan.emulation.payload,
        "transport": "" if simulated else plan.emulation.transport,
        "started": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "launcher_pid": os.getpid(),
        "launcher_started": birth(os.getpid()),
        "launcher_home": home(),
        "versions": versions(),
        "host": f"{platform.platform()}, {len(os.sched_getaffinity(0))} cores",
        **notes,
    }
    return {key: readable(value) if isinstance(value, str) else value for key, value in meta.items()}
