"""What the agents know: the whole truth where nothing is hidden, and what they were told where something is."""

import msgspec
import numpy as np
import pytest

from testbed.model import random
from testbed.planning.belief import Belief, expected
from testbed.twin import build
from testbed.twin.twin import Twin
from testbed.twin.views import cell_view
from tests.support import MS, region


def lives(system, tasks, *, choose, slots):
    """The belief and the real world at every slot's start, the belief having heard."""
    belief = Belief(system, double=True)
    twin = Twin(system, build.table(system, tasks), double=True, capacity=len(tasks))
    twin.use(None)
    twin.reset(system.seed)
    choices = np.zeros((1, len(system.ues)), np.int8)
    for slot in range(slots):
        views = [cell_view(twin, 0, es.index) for es in system.edge_servers]
        belief.live_on(slot, choices)
        belief.hear(views)
        yield belief.twin, twin
        choices = np.array([[choose(slot, ue.index) for ue in system.ues]], np.int8)
        twin.step(choices)


def tossed(slot, ue):
    return int(random.uniform(11, random.EXPLORATION, ue, slot, 0) < 0.6)


@pytest.mark.parametrize("access", ["dedicated", "shared"])
def test_a_belief_is_the_whole_truth_where_nothing_is_hidden(access):
    system, tasks = region(0.8, 3, 40, access=access)
    for believed, real in lives(system, tasks, choose=tossed, slots=40):
        for name in ("inside", "slot"):
            assert getattr(believed, name) == getattr(real, name)
        assert (believed.state.announced_ns == real.state.announced_ns).all()
        for name in ("local_free_ns", "radio_free_ns", "present"):
            assert (believed.state.ues[name] == real.state.ues[name]).all(), name
        for name in ("own", "forwarded", "own_cycles", "forwarded_cycles", "air_cycles", "running", "ends_ns"):
            assert (believed.state.edge_servers[name] == real.state.edge_servers[name]).all(), name


def test_announcements_put_right_what_nobody_could_know():
    system, tasks = region(0.8, 3, 60, loss=0.3, jitter_kind=1, jitter_high_ns=400 * MS, latency_ns=5 * MS)
    surprises = 0
    for believed, real in lives(system, tasks, choose=lambda slot, ue: int(ue < 7 or tossed(slot, ue)), slots=60):
        assert (believed.state.announced_ns == real.state.announced_ns).all()
        servers = believed.state.edge_servers
        for name in ("own_cycles", "forwarded_cycles"):
            assert (servers[name] == real.state.edge_servers[name]).all(), name
        surprises += int((servers["air_cycles"] != real.state.edge_servers["air_cycles"]).any())
        for name in ("radio_free_ns", "local_free_ns"):
            free_ns = [np.maximum(world.state.ues[name], world.slot[0] * 10**9) for world in (believed, real)]
            assert (free_ns[0] == free_ns[1]).all(), name
        waiting = servers["own"] + servers["forwarded"] + servers["running"]
        assert (waiting >= 0).all() and (believed.state.ues["present"] >= 0).all()
    assert surprises > 0


def test_who_begins_later_believes_what_is_announced():
    system, tasks = region(0.9, 5, 30)
    twin = Twin(system, build.table(system, tasks), double=True, capacity=len(tasks))
    twin.use(None)
    twin.reset(system.seed)
    for _ in range(20):
        twin.step(np.ones((1, len(system.ues)), np.int8))
    views = [cell_view(twin, 0, es.index) for es in system.edge_servers]
    belief = Belief(system, double=True)
    belief.live_on(20, np.zeros((1, len(system.ues)), np.int8))
    belief.hear(views)
    assert twin.state.announced_ns.max() > 10**9
    assert (belief.twin.state.announced_ns == twin.state.announced_ns).all()
    assert (belief.twin.state.edge_servers["own_cycles"] == twin.state.edge_servers["own_cycles"]).all()
    belief.twin.step(np.zeros((1, len(system.ues)), np.int8))
    assert (belief.twin.state.announced_ns > 0).any()


def test_a_dead_server_takes_nobody_on():
    system, tasks = region(0.9, 5, 30)
    belief = Belief(system, double=True)
    twin = Twin(system, build.table(system, tasks), double=True, capacity=len(tasks))
    twin.reset(system.seed)
    views = [cell_view(twin, 0, es.index) for es in system.edge_servers]
    dead = [
        msgspec.structs.replace(
            view,
            edge_servers=(msgspec.structs.replace(view.edge_servers[0], alive=False), *view.edge_servers[1:]),
        )
        for view in views
    ]
    belief.hear(dead)
    assert list(belief.twin.fixed.alive) == [False, True, True]
    assert belief.twin.state.announced_ns[0, 0] > 1000 * 10**9 and belief.twin.state.status["least"][0] == 1
    belief.live_on(1, np.zeros((1, len(system.ues)), np.int8))
    belief.hear([msgspec.structs.replace(view, slot=1, now_ns=10**9) for view in views])
    assert belief.twin.state.announced_ns[0, 0] == 0 and belief.twin.fixed.alive.all()


def test_what_is_planned_to_go_wrong_is_expected_by_nobody():
    system, _ = region()
    es = msgspec.structs.replace(system.edge_servers[0], speed_edges_ns=(0, 5), speeds_hz=(4, 2))
    ue = msgspec.structs.replace(
        system.ues[0],
        caps_bps=(1.0,),
        cap_edges_ns=(0,),
        cuts_ns=((1, 2),),
        added_ns=(7,),
        added_edges_ns=(0,),
        trace=0,
    )
    troubled = msgspec.structs.replace(system, ues=(ue, *system.ues[1:]), edge_servers=(es, *system.edge_servers[1:]))
    assert expected(troubled) == expected(system) == system
