"""Units carried out in processes of their own."""

import multiprocessing
import pickle

from testbed.model.errors import UsageError
from testbed.reproduce import pool, store
from testbed.reproduce.studies import LC, OUR_REGION
from testbed.reproduce.units import PLAY, Unit, needed
from tests.reproduce.made import TINY

UNITS = [Unit(kind=PLAY, study=OUR_REGION.name, strategy=LC, density=density) for density in TINY.densities]


def test_units_are_done_in_processes_and_kept(tmp_path):
    messages: list[float] = []
    assert pool.carry_out(UNITS, TINY, tmp_path, 2, lambda text, share: messages.append(share), lambda: False)
    assert pool.missing(UNITS, TINY, tmp_path) == [] and messages[-1] == 1.0 and len(messages) == 2
    remaining = store.read(tmp_path, UNITS[0], TINY)
    assert remaining is not None and remaining.keys() == {"log", "measured"}
    assert multiprocessing.active_children() == []


def test_whoever_stops_it_waits_for_nobody(tmp_path):
    assert not pool.carry_out(UNITS, TINY, tmp_path, 1, lambda text, share: None, lambda: True)
    assert pool.missing(UNITS, TINY, tmp_path) == UNITS


def test_every_unit_weighs_something():
    units = needed(range(1, 9), TINY, live=True)
    assert min(pool.weight(unit, TINY) for unit in units) > 0.0


def test_an_error_comes_back_from_a_process_whole():
    error = pickle.loads(pickle.dumps(UsageError("what", "remedy")))
    assert (error.message, error.remedy) == ("what", "remedy")
