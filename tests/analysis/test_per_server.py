"""An ES's energy is that of all that it executed, of what came to nothing too."""

import pytest

from testbed.analysis.per_server import summarise
from testbed.analysis.summary import tally_of
from testbed.model.delay import NS_PER_S
from testbed.model.system import Fault
from tests.analysis.test_incidents import ran
from tests.support import task_of

ONE = [task_of(0, 0, cycles=6 * NS_PER_S, bits=8_000_000)]


def energy(*faults, **es):
    """Of an ES of 2 GHz (8 W while it computes) that would execute one task from 1 s to 4 s."""
    run = ran(*faults, tasks=ONE, **es)
    return summarise(run, tally_of(run).servers)["es-1"].energy_j


def test_what_is_executed_for_a_dead_ue_is_spent_all_the_same():
    assert energy() == pytest.approx(24.0) == energy(Fault("ue-1-1", 2 * NS_PER_S))


def test_what_dies_with_an_es_is_spent_up_to_the_last_boundary_it_saw():
    assert energy(Fault("es-1", 3 * NS_PER_S + NS_PER_S // 2)) == pytest.approx(16.0)


def test_an_es_that_is_dead_idles_no_more():
    assert energy(idle_power_w=10.0) - energy() == pytest.approx(60.0)
    dead = Fault("es-1", NS_PER_S, 3 * NS_PER_S)
    assert energy(dead, idle_power_w=10.0) - energy(dead) == pytest.approx(51.0)  # of 7.1 s
