"""What an ES knows of the others before anybody has said anything."""

from edge_server.peers import Peers
from testbed.model.delay import NS_PER_S
from tests.support import system


def test_before_slot_0_every_backlog_is_none_and_every_edge_server_lives():
    peers = Peers(system((1, 1), (NS_PER_S, NS_PER_S)))
    assert (peers.announced, peers.alive) == ([0, 0], [True, True])
    assert peers.have_told(0) and not peers.have_told(1)
