"""From an order to the plan of a run: what repeats a run has its deaths, not its scenario's faults."""

import pytest

from testbed.experiments.runner import Order, planned
from testbed.model.system import Fault
from testbed.record.backends import SIM
from testbed.scenario.load import parse_scenario
from testbed.scenario.resolve import resolve

RESOLVED = resolve(parse_scenario("{slots: 5, faults: [{at: 1 s, kill: es-1}]}"))


@pytest.mark.parametrize(
    ("deaths", "expected"),
    [
        (None, (Fault("es-1", 10**9),)),
        ((), ()),
        ((Fault("learner", 9 * 10**9, 10**10),), (Fault("learner", 9 * 10**9, 10**10),)),
    ],
    ids=["the scenario's", "none happened", "as they happened"],
)
def test_recorded_deaths_take_the_place_of_planned_faults(deaths, expected):
    order = Order(resolved=RESOLVED, workload=(), policy="lc", backend=SIM, deaths=deaths)
    assert planned(order, double=False).faults == expected
