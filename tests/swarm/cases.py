"""The random case of each seed: a small scenario with faults, a strategy, a network; kept as a scenario file.

A case's file is an ordinary scenario, which `testbed run` takes too. How the swarm plays it stands in a comment.
"""

import json
from collections.abc import Iterator
from functools import lru_cache
from random import Random
from typing import Any

import msgspec
import yaml

from testbed.model.errors import ScenarioError
from testbed.model.system import Plan
from testbed.policy import loading
from testbed.policy.heuristics import Policy, Priced
from testbed.protocol.session_types import SessionTiming
from testbed.scenario.load import parse_scenario
from testbed.scenario.resolve import Resolved
from testbed.sim.network_conditions import Cut, NetworkConditions
from testbed.sim.run_log import Simulated
from testbed.sim.simulation import simulate
from testbed.trace import inputs
from tests.swarm.faults import cut_while_sending, fault, server_names, ue_names

MARK = "# swarm: "
HEAD = "# `python -m tests.swarm FILE` plays this scenario again, as the next line says.\n"
STRATEGIES = ("lc", "offload", *("offload-do",) * 3, "random", "random-do", "greedy", *("greedy-do",) * 2, "priced-do")
MS = 1_000_000
DRAIN_NS = 1000 * 10**9
SESSION = SessionTiming(
    heartbeat_ns=1000 * MS, suspect_ns=3000 * MS, timeout_ns=8000 * MS, retry_ns=300 * MS, retry_max_ns=2000 * MS
)


class Case(msgspec.Struct, kw_only=True):
    """How ``scenario`` is played: the strategy; what befalls frames (None: nothing), as `NetworkConditions` in ms.

    With ``ghosts`` an ES outlives its recorded death until its executions have ended, as a process does that was
    killed late. The recorder dies after the share ``recorded`` of all rows.
    """

    scenario: dict[str, Any]
    strategy: str
    network: dict[str, Any] | None = None
    ghosts: bool = False
    recorded: float = 0.5

    @property
    def text(self) -> str:
        """The file of the case."""
        rest = {name: value for name, value in msgspec.structs.asdict(self).items() if name != "scenario"}
        return f"{HEAD}{MARK}{json.dumps(rest)}\n" + "".join(_lines(self.scenario))


def _lines(scenario: dict[str, Any]) -> Iterator[str]:
    """A scenario as YAML, a line for each key and each item of a list: JSON, which is YAML too."""
    for name, value in scenario.items():
        if isinstance(value, list):
            yield f"{name}:\n" + "".join(f"  - {json.dumps(one)}\n" for one in value)
        else:
            yield f"{name}: {json.dumps(value)}\n"


def read(text: str) -> Case:
    """The case of a file's text."""
    return Case(scenario=yaml.safe_load(text), **_marked(text))


def _marked(text: str) -> dict[str, Any]:
    (marked,) = (line for line in text.splitlines() if line.startswith(MARK))
    found: dict[str, Any] = json.loads(marked.removeprefix(MARK))
    return found


class Made(msgspec.Struct, kw_only=True):
    """A case in the system's own terms."""

    resolved: Resolved
    plan: Plan
    policy: Policy
    conditions: NetworkConditions | None


def made(case: Case) -> Made:
    """The case, read and checked as every scenario is; `ScenarioError` if it is refused."""
    return _made(case.text)


@lru_cache(maxsize=512)
def _made(text: str) -> Made:
    case = Case(scenario={}, **_marked(text))
    resolved = inputs.resolve(parse_scenario(text))
    tasks = inputs.generate(resolved.scenario, resolved.system)
    policy, double = (Priced(0.5), True) if case.strategy == "priced-do" else loading.load(case.strategy)
    plan = resolved.plan(tasks, case.strategy, second_offload=double, live=False)
    emulation = msgspec.structs.replace(plan.emulation, drain_limit_ns=DRAIN_NS)
    return Made(
        resolved=resolved,
        plan=msgspec.structs.replace(plan, emulation=emulation),
        policy=policy,
        conditions=None if case.network is None else _conditions(case.network),
    )


def _conditions(network: dict[str, Any]) -> NetworkConditions:
    cuts = tuple(Cut(a, b, begin * MS, end * MS) for a, b, begin, end in network["cuts"])
    return NetworkConditions(
        seed=network["seed"],
        drop=network["drop"],
        repeat=network["repeat"],
        delay_ns=network["delay"] * MS,
        cuts=cuts,
        session=SESSION,
    )


def drawn(seed: int) -> Case:
    """The case of ``seed``: faults that do not go together with the rest, or with each other, are left out."""
    rng = Random(seed)
    case = Case(
        scenario=_scenario(rng, seed),
        strategy=rng.choice(STRATEGIES),
        ghosts=rng.random() < 0.25,
        recorded=round(rng.random(), 3),
    )
    instants = _instants(case) if rng.random() < 0.5 else []
    faults = [fault(rng, case.scenario, instants) for _ in range(rng.choice((0, 1, 1, 2, 2, 3, 4, 6)))]
    if rng.random() < 0.35:
        case.network = _network(rng, case.scenario)
    faults += _taking_back(Random(f"{seed}, taking back"), case)
    while faults:
        try:
            case.scenario["faults"] = faults
            made(case)
        except ScenarioError as error:
            faults.pop(_refused(error, case, len(faults) - 1))
            continue
        return case
    case.scenario.pop("faults", None)
    return case


def _taking_back(rng: Random, case: Case) -> list[dict[str, Any]]:
    """In four of ten cases UEs take back what a cut holds on their radios, and a link is cut that is in use."""
    if rng.random() >= 0.4:
        return []
    case.scenario["ue"] = {"on_cut": "recover"}
    sent = [row for row in _calm(case).links if row.link == row.ue and row.end_ns < _end_ns(case)]
    return [cut_while_sending(rng, rng.choice(sent)) for _ in range(rng.choice((1, 1, 2)))] if sent else []


def _end_ns(case: Case) -> int:
    return made(case).plan.system.end_ns


def _calm(case: Case) -> Simulated:
    """The run of a case without faults, on a good network."""
    given = made(msgspec.structs.replace(case, network=None))
    return simulate(given.plan, given.policy)


def _instants(case: Case) -> list[int]:
    """The instants at which something begins, ends or arrives in a calm run: where a fault meets most."""
    ran = _calm(case)
    found = {at for row in ran.links for at in (row.ready_ns, row.start_ns, row.end_ns, row.arrival_ns)}
    found |= {at for row in ran.tasks for at in (row.asked_ns, row.start_ns, row.end_ns, row.finished_ns)}
    return sorted(at for at in found if 0 <= at < _end_ns(case))


def _refused(error: ScenarioError, case: Case, last: int) -> int:
    """The fault that an error is about, by its line: each has one of its own."""
    lines = [line for line, text in enumerate(case.text.splitlines(), 1) if text.startswith("  - {")]
    faults = lines[-last - 1 :]
    return faults.index(error.line) if error.line in faults else last


# How likely a key is given, and what it may be then; otherwise it has its default.
Keys = dict[str, tuple[float, tuple[Any, ...]]]
TOP: Keys = {
    "slot": (0.2, ("0.5 s",)),
    "second_offload": (0.7, ({"threshold": "0 s"}, {"threshold": "0.2 s"})),
    "workload": (0.3, ({"arrivals": "poisson"},)),
    "emulation": (0.4, ({"detection": "0 s"}, {"detection": "0.7 s"})),
}
RADIO: Keys = {
    "access": (0.25, ("shared",)),
    "latency": (0.5, ("3 ms", "60 ms")),
    "return_latency": (0.4, ("0 ms", "40 ms", "600 ms")),
    "loss": (0.2, (0.3,)),
    "result_bits": (0.25, ("100 kB",)),
}
LOW_RATES = ("2 Mbit/s", "0 bit/s")
VARYING: Keys = {
    "jitter": (0.15, ({"uniform": ["0 ms", "40 ms"]}, {"exponential": "20 ms"})),
    "trace": (
        0.15,
        tuple({"durations": ["0.7 s", "0.4 s"], "rates": ["9 Mbit/s", low]} for low in ("2 Mbit/s", "0 bit/s")),
    ),
    "fading": (0.1, ("100 ms",)),
}
BACKHAUL: Keys = {"latency": (0.5, ("0 ms", "90 ms")), "rate": (0.4, ("20 Mbit/s", "5 Mbit/s"))}
TASK: Keys = {
    "input": (0.7, ("1 bit", {"uniform": ["100 kB", "500 kB"]}, {"uniform": ["0.3 MB", "1.5 MB"]})),
    "cycles": (0.7, ({"uniform": ["0.2 G", "1.5 G"]}, {"uniform": ["1 G", "3 G"]}, "1 G")),
}
AGENT: Keys = {"epoch": (0.25, ("arrival",)), "fallback": (0.4, ("offload", "random"))}
ES: Keys = {"cores": (0.2, (2,)), "queue_limit": (0.4, (0, 1, 3)), "discipline": (0.3, ("fcfs",))}


def _some(rng: Random, keys: Keys) -> dict[str, Any]:
    return {name: rng.choice(values) for name, (likely, values) in keys.items() if rng.random() < likely}


def _scenario(rng: Random, seed: int) -> dict[str, Any]:
    """A scenario of up to three cells of three UEs and seven slots, without faults."""
    radio = _some(rng, RADIO)
    varying = _some(rng, VARYING)
    if varying:
        name = rng.choice(list(varying))
        radio[name] = varying[name]
    sections = {
        "radio": radio,
        "backhaul": _some(rng, BACKHAUL),
        "task": _some(rng, TASK),
        "agent": _some(rng, AGENT),
    }
    return {
        "name": f"swarm-{seed}",
        "seed": seed,
        "slots": rng.randint(2, 7),
        "density": rng.choice((0.4, 0.7, 1)),
        **_some(rng, TOP),
        **{name: section for name, section in sections.items() if section},
        "cells": [_cell(rng) for _ in range(rng.choice((1, 2, 2, 3)))],
    }


def _cell(rng: Random) -> dict[str, Any]:
    es = {"cpu": f"{rng.choice((1, 1, 1.5, 2, 4))} GHz", **_some(rng, ES)}
    return {"es": es, "ues": rng.choice((1, 1, 2, 3))}


def _network(rng: Random, scenario: dict[str, Any]) -> dict[str, Any]:
    """Up to 30 % of frames lost, some repeated, delays up to 0.4 s, pairs cut off here and there."""
    servers, ues = server_names(scenario), ue_names(scenario)
    cuts = []
    for _ in range(rng.choice((0, 0, 1, 2, 3))):
        begin = rng.randint(0, 6000)
        pair = [rng.choice([*ues, *servers]), rng.choice(["controller", *servers])]
        cuts.append([*pair, begin, begin + rng.randint(1, 5000)])
    return {
        "seed": rng.randint(0, 2**31),
        "drop": rng.choice((0, 0.1, 0.3)),
        "repeat": rng.choice((0, 0.1)),
        "delay": rng.choice((0, 5, 60, 400)),
        "cuts": cuts,
    }
