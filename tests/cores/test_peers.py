"""What an ES knows of the others: what they announced, who lives, from whom an announcement is to come."""

import msgspec
import pytest

from edge_server.peers import Peers
from testbed.model.delay import NS_PER_S
from testbed.model.system import BackhaulCut
from testbed.protocol.actions import Lost
from testbed.protocol.messages import Down, Up
from tests.support import system

S, OWN, OTHER = NS_PER_S, "es-1", "es-2"
MADE = system((1, 1), (S, S))


def test_before_slot_0_every_backlog_is_none_and_every_edge_server_lives():
    peers = Peers(MADE)
    assert (peers.announced, peers.alive) == ([0, 0], [True, True])
    assert peers.have_told(0) and not peers.have_told(1)


def test_all_have_told_of_a_slot_once_each_that_is_expected_has():
    peers = Peers(MADE)
    peers.announce(OWN, 2, 5)
    assert not peers.have_told(2)
    peers.announce(OTHER, 2, 7)
    assert peers.have_told(2) and peers.have_told(1) and not peers.have_told(3)
    assert peers.announced == [5, 7]


def test_nobody_waits_for_the_announcement_of_a_paused_edge_server():
    servers = (MADE.edge_servers[0], msgspec.structs.replace(MADE.edge_servers[1], pauses_ns=((2 * S, 4 * S),)))
    peers = Peers(msgspec.structs.replace(MADE, edge_servers=servers))
    told = []
    for slot in range(1, 6):
        peers.announce(OWN, slot, 0)
        told.append(peers.have_told(slot))
    assert told == [False, True, True, False, False]


@pytest.mark.parametrize("late_ns", [0, 1, S - 1])
def test_of_a_dead_edge_server_nothing_is_expected_and_one_that_is_back_has_announced_nothing(late_ns):
    peers = Peers(MADE)
    for name in (OWN, OTHER):
        peers.announce(name, 2, 9)
    peers.take(Down(OTHER, 2 * S, 0))
    peers.announce(OWN, 3, 9)
    assert peers.have_told(3) and peers.alive == [True, True]
    peers.take(Lost(OTHER, 2 * S, 0))
    assert peers.alive == [True, False] and peers.within_reach(0, 3 * S) == [True, False]
    peers.take(Up(OTHER, 3 * S + 1 + late_ns, 1))
    assert (peers.alive, peers.announced) == ([True, True], [9, 0])
    peers.announce(OTHER, 3, 8)
    assert peers.announced == [9, 0]
    assert peers.have_told(3) and not peers.have_told(4)
    peers.announce(OTHER, 4, 7)
    assert peers.announced == [9, 7]


def test_what_was_announced_since_it_is_back_stays_when_its_return_is_heard_late():
    peers = Peers(MADE)
    peers.announce(OTHER, 4, 7)
    peers.take(Up(OTHER, 3 * S + 1, 1))
    assert peers.announced == [0, 7]
    peers.take(Up(OTHER, 4 * S, 2))
    assert peers.announced == [0, 7]


def test_cuts_that_are_told_of_meanwhile_count():
    peers = Peers(MADE)
    cut = BackhaulCut(one=0, other=1, cuts_ns=((2 * S, 9 * S),))
    peers.revise(msgspec.structs.replace(MADE, backhaul_cuts=(cut,)))
    assert peers.within_reach(0, 3 * S) == [True, False] and peers.within_reach(0, S) == [True, True]


def test_what_an_earlier_life_announced_up_to_the_boundary_before_its_return_is_no_more_true():
    peers = Peers(MADE)
    peers.announce(OTHER, 3, 7)
    peers.take(Up(OTHER, 3 * S + 1, 1))
    assert peers.announced == [0, 0]
