"""One random fault of a scenario, of any kind, as a scenario file has it."""

from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from testbed.protocol.rows import LinkRow

Scenario = dict[str, Any]
Drawer = Callable[[Random, Scenario], dict[str, Any]]


def _time(rng: Random, most_s: float) -> str:
    """An instant or a duration: now and then a round one, which then meets a slot boundary."""
    at = rng.uniform(0, most_s)
    return f"{round(at * 2) / 2:g} s" if rng.random() < 0.3 else f"{at:.6f} s"


def _some(rng: Random) -> str:
    return f"{rng.uniform(0.001, 3):.6f} s"


def server_names(scenario: Scenario) -> list[str]:
    """The edge servers of a scenario."""
    return [f"es-{cell + 1}" for cell in range(len(scenario["cells"]))]


def ue_names(scenario: Scenario) -> list[str]:
    """The UEs of a scenario."""
    return [f"ue-{i + 1}-{n + 1}" for i, cell in enumerate(scenario["cells"]) for n in range(cell["ues"])]


def _kill(rng: Random, scenario: Scenario) -> dict[str, Any]:
    name = rng.choice([*server_names(scenario) * 2, "controller", *ue_names(scenario)])
    return {"kill": name} | ({"restart_after": _some(rng)} if rng.random() < 0.7 else {})


def _slow(rng: Random, scenario: Scenario) -> dict[str, Any]:
    return {"for": _some(rng), "slow": f"{rng.choice(server_names(scenario))} to {rng.choice((0.05, 0.5, 0.9))}"}


def _degrade(rng: Random, scenario: Scenario) -> dict[str, Any]:
    to = rng.choice(("200 kbit/s", "+300 ms", "1 Mbit/s +20 ms", "loss 30%", "1 Mbit/s loss 10% +20 ms"))
    ways = rng.choice(("", " both ways"))
    return {"for": _some(rng), "degrade": f"{rng.choice(ue_names(scenario))} to {to}{ways}"}


def _pause(rng: Random, scenario: Scenario) -> dict[str, Any]:
    return {"for": _some(rng), "pause": rng.choice((*server_names(scenario), *ue_names(scenario)))}


def _cut(rng: Random, scenario: Scenario) -> dict[str, Any]:
    servers = server_names(scenario)
    if len(servers) > 1 and rng.random() < 0.5:
        one, other = rng.sample(servers, 2)
        return {"for": _some(rng), "cut": f"{one}:{other}"}
    ue = rng.choice(ue_names(scenario))
    return {"for": _some(rng), "cut": f"{ue}:es-{ue.split('-')[1]}"}


def _partition(rng: Random, scenario: Scenario) -> dict[str, Any]:
    return {"for": _some(rng), "partition": f"cell {rng.randint(1, len(scenario['cells']))}"}


def _overload(rng: Random, scenario: Scenario) -> dict[str, Any]:
    return {"for": "2 s", "overload": f"cell {rng.randint(1, len(scenario['cells']))} x {rng.choice((0, 2, 3))}"}


KINDS: dict[str, Drawer] = {
    "kill": _kill,
    "slow": _slow,
    "pause": _pause,
    "degrade": _degrade,
    "cut": _cut,
    "partition": _partition,
    "overload": _overload,
}


def fault(rng: Random, scenario: Scenario, instants: Sequence[int] = ()) -> dict[str, Any]:
    """A fault that may, or may not, go together with the others: deaths as often as all the rest.

    It comes at one of ``instants`` (ns), or a nanosecond or some milliseconds beside it; without any, at any time.
    """
    kind = "kill" if rng.random() < 0.5 else rng.choice(list(KINDS))
    slot_s = 0.5 if "slot" in scenario else 1.0
    at = _time(rng, slot_s * scenario["slots"])
    if instants:
        beside = rng.choice((0, 0, 0, -1, 1, rng.randint(-(10**8), 10**8)))
        at = f"{max(0, rng.choice(instants) + beside)} ns"
    made = {"at": at, **KINDS[kind](rng, scenario)}
    return made | ({"every": "3.1 s"} if rng.random() < 0.15 else {})


def cut_while_sending(rng: Random, row: LinkRow) -> dict[str, Any]:
    """A cut that meets a transmission: anywhere in it or in the wait for it, or at one of their edges."""
    at = rng.choice(
        (row.ready_ns, row.start_ns, row.end_ns, *(rng.randint(row.ready_ns, row.end_ns) for _ in range(5)))
    )
    return {"at": f"{at} ns", "for": _some(rng), "cut": f"{row.ue}:{row.to}"}


def kind_of(one: dict[str, Any]) -> str:
    """The kind of a fault."""
    return next(kind for kind in KINDS if kind in one)
