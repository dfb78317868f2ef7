"""What a simulated run records, to the byte: whatever makes the simulation faster must leave this as it is."""

import hashlib
from typing import Any

import msgspec
import pytest

from testbed.model.link import JITTER_UNIFORM
from testbed.model.queue import FCFS
from testbed.model.system import Fault, Radio
from testbed.policy.heuristics import Coin, FixedChoice, Priced
from testbed.sim.simulation import simulate
from tests.support import MS, plan, random_conditions, system, workload

S = 10**9
CELLS, SPEEDS = (4, 3, 5), (4 * S, 3 * S, 2 * S)
FAULTS = (Fault("es-3", 4 * S, 9 * S), Fault("ue-1-2", 7 * S), Fault("controller", 11 * S, 13 * S + 1))
CASES: dict[str, tuple[dict[str, Any], Any, tuple[Fault, ...], bool]] = {
    "greedy": ({}, Priced(), (), False),
    "local": ({}, FixedChoice(0), (), False),
    "priced": ({"slots": 60}, Priced(0.6, 0.01), (), False),
    "shared": ({"radio": Radio(access="shared", latency_ns=3 * MS, return_latency_ns=MS)}, Priced(), (), False),
    "jitter and loss": (
        {"radio": Radio(jitter_kind=JITTER_UNIFORM, jitter_low_ns=MS, jitter_high_ns=9 * MS, loss=0.2)},
        Coin(0.7),
        (),
        False,
    ),
    "limits": ({"cores": 2, "queue_limit": 1, "discipline": FCFS, "threshold_ns": 300 * MS}, Coin(0.9), (), False),
    "arrival": ({"epoch": "arrival"}, Coin(0.7), (), False),
    "deaths": ({"slots": 40}, Priced(), FAULTS, False),
    "deaths and a shared radio": ({"slots": 40, "radio": Radio(access="shared")}, Coin(0.8), FAULTS, False),
    "a bad network": ({}, Coin(0.7), (), True),
}
DIGESTS = {
    "greedy": "c16dc130dc346ed2",
    "local": "22e13dcc34051485",
    "priced": "248d3260698bd5a9",
    "shared": "75bbc68b0e64c410",
    "jitter and loss": "ef04281372f4f892",
    "limits": "a7e9fcd54688125b",
    "arrival": "c77fa5b0af5041ad",
    "deaths": "7bda082fc1e4f45a",
    "deaths and a shared radio": "33608d5371482ce6",
    "a bad network": "50b3bde82d0f015a",
}


def digest(made) -> str:
    """A hash of all rows, by the names of their fields, and of the end of a run."""
    tables = made.tasks, made.slots, made.ue_slots, made.links, made.events
    rows = [[(type(row).__name__, msgspec.structs.asdict(row)) for row in rows] for rows in tables]
    return hashlib.sha256(msgspec.json.encode([rows, made.end_ns, made.reason])).hexdigest()[:16]


def played(name):
    fields, policy, faults, bad = CASES[name]
    made = system(CELLS, SPEEDS, **fields)
    tasks = workload(made, [(0.4, 0.7, 0.9)[ue.cell] for ue in made.ues])
    conditions = random_conditions(made, 3) if bad else None
    return simulate(plan(made, tasks, faults=faults), policy, conditions=conditions)


@pytest.mark.parametrize("name", CASES)
def test_the_record_is_what_it_was(name):
    assert digest(played(name)) == DIGESTS[name]
