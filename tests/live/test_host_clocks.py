"""Clocks of a host that is suspended, whose time of day is set, and where nothing happens."""

import math
import os
import time

import pytest

from testbed.live import host_clocks
from testbed.live.host_clocks import HostClocks, Reading
from testbed.protocol.rows import CLOCK_SET, SUSPENDED
from testbed.record import reader

S, MS = 10**9, 10**6


class Host:
    """Three clocks that only the test moves; ``held_up`` ns pass between two of the next ``times`` readings."""

    def __init__(self):
        self.clocks, self.times, self.held_up = [5 * S, 7 * S, 1_000 * S], 0, 0

    def on(self, ns, *, asleep=0, set_by=0):
        for n, more in enumerate((0, asleep, asleep + set_by)):
            self.clocks[n] += ns + more

    def read(self):
        late = self.held_up if self.times > 0 else 0
        self.times -= 1
        return Reading(self.clocks[0], self.clocks[1] + late, self.clocks[2] + late)


def test_a_suspension_and_a_clock_that_is_set_are_told_once_and_apart():
    host = Host()
    clocks = HostClocks(host.read)
    host.on(3 * S)
    assert clocks.news(3 * S) == []
    host.on(S, asleep=300 * S)
    (event,) = clocks.news(4 * S)
    assert (event.at_ns, event.kind) == (4 * S, SUSPENDED) and math.isclose(event.value, 300.0)
    host.on(S, set_by=-3600 * S)
    (event,) = clocks.news(5 * S)
    assert (event.at_ns, event.kind, event.value) == (5 * S, CLOCK_SET, -3600.0)
    host.on(S, asleep=2 * S, set_by=90 * S)
    assert [(event.kind, event.value) for event in clocks.news(6 * S)] == [(SUSPENDED, 2.0), (CLOCK_SET, 90.0)]
    host.on(S, set_by=20 * MS)  # a time service adjusts it
    assert clocks.news(7 * S) == []


def test_who_is_held_up_between_two_readings_takes_it_for_no_suspension():
    host = Host()
    clocks = HostClocks(host.read)
    host.on(S)
    host.times, host.held_up = 2, 5 * S
    assert clocks.news(S) == []


def test_the_clocks_of_this_host_agree_while_nothing_happens():
    clocks = HostClocks()
    assert [row for row in clocks.news(0) if row.kind == SUSPENDED] == []
    assert host_clocks.read().boot >= host_clocks.read().monotonic - S


@pytest.mark.parametrize(("set_by_s", "running"), [(0, True), (-3600, False), (3600, False)])
def test_a_record_elsewhere_is_not_taken_for_one_that_grows_when_a_clock_is_set(tmp_path, set_by_s, running):
    file = tmp_path / "run.db"
    file.write_bytes(b"")
    written = time.time() - set_by_s
    os.utime(file, (written, written))
    assert reader.is_running({"launcher_home": "elsewhere"}, file) is running
