"""UEs of a crowd leave the same record as single ones, whatever happens."""

import msgspec
import pytest

from testbed.model.system import Fault
from tests.crowd.simulated import both, crowded
from tests.support import MS, plan, random_faults, region

POLICIES = ("lc", "offload-do", "random-do", "greedy-do")


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("policy", POLICIES)
def test_a_crowd_leaves_the_rows_of_single_ues(seed, policy):
    hardware, tasks = region(0.5 + 0.04 * seed, seed, 12)
    with_crowds, alone = both(crowded(plan(hardware, tasks, policy), 5, 3, seed % 6))
    assert with_crowds == alone


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("access", ["dedicated", "shared"])
def test_a_crowd_outlives_its_servers_as_single_ues_do(seed, access):
    hardware, tasks = region(0.8, seed, 15, access=access, latency_ns=3 * MS)
    faults = random_faults(hardware, seed, ues=False)
    with_crowds, alone = both(crowded(plan(hardware, tasks, "greedy-do", faults=faults), 4, 5, 2))
    assert with_crowds == alone


def test_ues_of_a_crowd_stand_still_and_are_cut_off_as_single_ones():
    hardware, tasks = region(0.9, 3, 12)
    spans = ((2_000 * MS, 5_500 * MS),)
    ues = [
        msgspec.structs.replace(ue, pauses_ns=spans, speed_edges_ns=(0, *spans[0]), speeds_hz=(ue.cpu_hz, 0, ue.cpu_hz))
        if ue.index in (1, 6)
        else msgspec.structs.replace(ue, cuts_ns=spans, cap_edges_ns=(0, *spans[0]), caps_bps=(9e99, 0.0, 9e99))
        if ue.index in (2, 8)
        else ue
        for ue in hardware.ues
    ]
    hardware = msgspec.structs.replace(hardware, ues=tuple(ues))
    with_crowds, alone = both(crowded(plan(hardware, tasks, "greedy-do"), 5, 4, 3))
    assert with_crowds == alone


def test_without_a_controller_a_crowd_falls_back_for_every_ue():
    hardware, tasks = region(0.9, 5, 10)
    faults = (Fault("controller", 2_500 * MS, 6_200 * MS),)
    with_crowds, alone = both(crowded(plan(hardware, tasks, "offload", faults=faults), 5, 5, 5))
    assert with_crowds == alone
    assert any(row.fallback == "controller lost" for row in with_crowds[0])
