"""Burning: real CPU time, by deadlines, in a process that never outlives its parent."""

import os
import select
import socket
import subprocess
import sys
import threading
import time

import pytest

from testbed.node import cpu
from testbed.node.cpu import Burn, Burner, burn_cpu

MS = 1_000_000


def done(burner, count):
    """Wait for ``count`` reports."""
    poll = select.poll()
    items: list[tuple[int, int]] = []
    poll.register(burner.fd, select.POLLIN)
    while len(items) < count:
        assert poll.poll(60_000), "nothing was burnt in a minute"
        items += burner.take_done()
    return items


def test_a_burn_spends_at_least_what_is_asked_and_little_more():
    assert burn_cpu(0) < MS
    before = time.thread_time_ns()
    assert 5 * MS <= burn_cpu(5 * MS) <= time.thread_time_ns() - before < 15 * MS


def test_shares_are_burnt_in_slices_and_reported_by_number():
    burner = Burner()
    try:
        start = time.monotonic_ns()
        for number, length in ((1, 60 * MS), (2, 10 * MS), (3, 0)):
            assert burner.add(Burn(number, start, start + length, length // 10))
        result = dict(done(burner, 3))
    finally:
        burner.close()
    assert sorted(result) == [1, 2, 3]
    assert result[1] >= 6 * MS and result[2] >= MS and result[3] < MS


def test_what_is_due_grows_with_time_and_shrinks_with_what_was_done():
    burn = Burn(1, 1000, 2000, 100)
    assert [burn.due_ns(at) for at in (1000, 1500, 2000, 3000)] == [0, 50, 100, 100]
    burn.achieved_ns = 60
    assert [burn.due_ns(at) for at in (1500, 2000)] == [0, 40]
    assert Burn(1, 5, 5, 7).due_ns(5) == 7


def test_closing_ends_the_process():
    burner = Burner()
    pid = burner._pid
    burner.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_it_dies_with_its_parent():
    code = "from testbed.node.cpu import Burner; import sys; print(Burner()._pid, flush=True); sys.stdin.read()"
    parent = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert parent.stdout is not None
        child = os.pidfd_open(int(parent.stdout.readline()))
    finally:
        parent.kill()
        parent.communicate()
    poll = select.poll()
    poll.register(child, select.POLLIN)
    try:
        assert poll.poll(30_000), "it outlived its parent"
    finally:
        os.close(child)


def test_it_works_in_order_of_deadlines_and_ends_when_nobody_can_ask_any_more():
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    work = threading.Thread(target=cpu._work, args=(theirs,))
    start = time.monotonic_ns()
    for number, length in ((1, 50 * MS), (2, 5 * MS)):
        ours.send(cpu._ORDER.pack(number, start, start + length, length // 10))
    work.start()
    try:
        ours.settimeout(60)
        reports = [cpu._REPORT.unpack(ours.recv(cpu._REPORT.size)) for _ in range(2)]
    finally:
        ours.close()
        work.join(60)
        theirs.close()
    assert not work.is_alive()
    assert [number for number, _ in reports] == [2, 1]
    assert reports[0][1] >= MS // 2 and reports[1][1] >= 5 * MS
