"""Where agents choose the target of second offload: twin = simulation, to the nanosecond."""

from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from testbed.model.errors import ScenarioError, UsageError
from testbed.model.system import Es
from testbed.policy.choosing import PricedAny, Shortest
from testbed.twin import build
from testbed.twin.refusals import MOST_ACTIONS, refuse
from testbed.twin.run import is_compiled, run
from testbed.twin.twin import Twin
from tests.properties import examples
from tests.support import MS, plan, region
from tests.twin.test_parity import compare
from tests.twin.worlds import Hashed, choosing

CHOOSING: list[Any] = [PricedAny(), PricedAny(0.4, 0.1, 0.05), Shortest(), Shortest(sampled=True), Hashed()]
SHARED = {"access": "shared", "jitter_kind": 1, "jitter_high_ns": 9 * MS, "loss": 0.2, "latency_ns": 3 * MS}


def chosen(system):
    return msgspec.structs.replace(system, chosen_target=True)


@settings(deadline=None, max_examples=examples(200), suppress_health_check=list(HealthCheck))
@given(choosing())
def test_random_systems_ties_and_zero_lengths(drawn):
    compare(*drawn)


@pytest.mark.parametrize("radio", [{}, SHARED], ids=["dedicated", "shared"])
@pytest.mark.parametrize("policy", CHOOSING, ids=repr)
def test_region(policy, radio):
    system, tasks = region(0.9, 3, 40, **radio)
    compare(plan(chosen(system), tasks), policy)


def test_tasks_go_where_they_were_sent_whatever_the_wait():
    system, tasks = region(0.5, 3, 40)
    rows = run(plan(chosen(system), tasks), Hashed()).tasks
    homes = {ue.name: ue.cell for ue in system.ues}
    order = [[cell, *(es for es in range(3) if es != cell)] for cell in range(3)]
    offloaded = [row for row in rows if row.choice]
    assert {row.choice for row in rows} == {0, 1, 2, 3}
    assert all(row.es == f"es-{order[homes[row.ue]][row.choice - 1] + 1}" for row in offloaded)
    assert all(row.forwarded == (row.choice > 1) for row in offloaded)
    assert all(row.backhaul_ns > 0 for row in offloaded if row.forwarded)


def test_heuristics_that_choose_are_compiled():
    system, _ = region(0.5, 3, 4)
    assert all(is_compiled(policy, chosen(system)) for policy in CHOOSING[:-1])


def test_actions_are_looked_at():
    system, tasks = region(0.5, 3, 4)
    twin = Twin(chosen(system), build.table(system, tasks), double=True)
    twin.reset(1)
    twin.step(np.full((1, 15), 3))
    with pytest.raises(UsageError, match="action 4"):
        twin.step(np.full((1, 15), 4))


def test_more_servers_than_a_byte_counts_are_refused():
    system, _ = region(0.5, 3, 4)
    many = tuple(Es(name=f"es-{n + 1}", index=n, cpu_hz=10**9) for n in range(MOST_ACTIONS))
    refuse(msgspec.structs.replace(system, edge_servers=many))
    with pytest.raises(ScenarioError, match="actions"):
        refuse(chosen(msgspec.structs.replace(system, edge_servers=many)))
