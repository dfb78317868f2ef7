"""Shares of CPU time, from what the kernel counts for each CPU."""

import json
import os
from collections import namedtuple

import psutil
import pytest

from testbed.live.host_meter import CpuMeter, HostLoad

Times = namedtuple("Times", "user nice system idle iowait irq softirq steal guest guest_nice")
BEFORE = Times(10, 0, 5, 100, 1, 0, 0, 2, 4, 0)


@pytest.fixture
def host(monkeypatch):
    """Two CPUs to count for, of which this process may use what the list ``allowed`` says."""
    counted, allowed = [BEFORE, BEFORE], [0, 1]
    monkeypatch.setattr(psutil, "cpu_times", lambda percpu: list(counted))
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(allowed))
    return counted, allowed


def spend(**seconds):
    return BEFORE._replace(**{name: getattr(BEFORE, name) + more for name, more in seconds.items()})


def test_shares_are_of_all_counted_time_and_guests_count_once(host):
    counted, _ = host
    meter = CpuMeter()
    assert meter.shares() is None
    counted[0] = spend(user=2, system=1, guest=2, steal=1)
    counted[1] = spend(idle=3, iowait=1)
    assert meter.shares() == (0.5, 0.125)


def test_cpus_that_may_not_be_used_do_not_count(host):
    counted, allowed = host
    allowed.remove(0)
    meter = CpuMeter()
    counted[0], counted[1] = spend(user=100), spend(user=1, idle=3)
    assert meter.shares() == (0.25, 0.0)


def test_all_that_are_online_count_whatever_their_numbers(host):
    counted, allowed = host
    allowed[:] = [0, 2]
    meter = CpuMeter()
    counted[1] = spend(user=1, idle=1)
    assert meter.shares() == (0.5, 0.0)


def test_a_host_that_counts_nothing_has_no_load(monkeypatch):
    def refuse(percpu):
        raise FileNotFoundError("/proc/stat")

    monkeypatch.setattr(psutil, "cpu_times", refuse)
    load = HostLoad()
    assert (load.cpu(), load.steal()) == (0.0, 0.0)
    assert json.loads(load.to_json())["steal"] == 0.0
