"""The launcher's side of one agent: how often it asks for another clock's time."""

import socket
import time

import pytest

from testbed.hosts.agent import version
from testbed.hosts.channel import Channel
from testbed.hosts.clock_offset import ENOUGH
from testbed.hosts.host import IN_A_ROW, HostLink
from testbed.hosts.lines import HostReady, HostRun, HostServes, Lines, Probe, Probed, encode_line

AHEAD_NS, EVERY_NS = 10**15, 10**9


def test_a_clock_is_asked_several_times_in_a_row_so_that_one_answer_is_quick():
    near, far = socket.socketpair()
    link, lines = HostLink("b", Channel(near), HostRun("", b"", {})), Lines()

    def asked():
        return list(lines.requests(far.recv(1 << 16)))

    def say(report):
        far.sendall(encode_line(report))
        assert link.hear() == []

    say(HostReady(1, "another clock", version()))
    for number in range(ENOUGH):
        assert asked() == [Probe(number)]
        say(Probed(number, time.monotonic_ns() + AHEAD_NS))
    [run] = asked()
    assert isinstance(run, HostRun)
    say(HostServes())
    link.probe_when_idle(time.monotonic_ns() + EVERY_NS, EVERY_NS)
    for number in range(ENOUGH, ENOUGH + IN_A_ROW):
        assert asked() == [Probe(number)]
        say(Probed(number, time.monotonic_ns() + AHEAD_NS))
    far.settimeout(0.0)
    link.probe_when_idle(time.monotonic_ns(), EVERY_NS)
    with pytest.raises(BlockingIOError):
        asked()
    near.close()
    far.close()
