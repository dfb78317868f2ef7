"""What is out of reach is no choice: for heuristics, networks, views of the controller, and masks of environments."""

import msgspec
import numpy as np

from controller.gather import Gathering
from testbed.gym import config, spaces
from testbed.gym.live import LiveBackend
from testbed.model.delay import NS_PER_S
from testbed.model.system import BackhaulCut
from testbed.policy import network
from testbed.policy.heuristics import Priced
from testbed.policy.joint import AtOnce
from testbed.policy.learned import Learned, within_reach
from testbed.protocol.messages import Ask
from tests.support import system, task_of


def gathering(*, cut_ue=(), cut_backhaul=()):
    """Two cells of two UEs, in which links are cut in spans of ns."""
    made = system((2, 2), (2 * NS_PER_S, 2 * NS_PER_S))
    ues = [msgspec.structs.replace(made.ues[0], cuts_ns=cut_ue), *made.ues[1:]]
    cuts = (BackhaulCut(0, 1, cut_backhaul),) if cut_backhaul else ()
    return Gathering(msgspec.structs.replace(made, ues=tuple(ues), backhaul_cuts=cuts))


def view(told, slot=1):
    """What the agent of the first cell sees, both its UEs having a task that any ES would execute sooner."""
    at = slot * NS_PER_S
    tasks = [task_of(ue, 0, at, bits=80) for ue in (0, 1)]
    asks = {
        f"ue-1-{n + 1}": Ask(ue=f"ue-1-{n + 1}", slot=slot, at_ns=at, queue_ns=0, tasks=(tasks[n],)) for n in (0, 1)
    }
    return told.view(0, slot, asks)


def test_a_cut_link_puts_one_ue_out_of_reach_and_a_death_all_of_a_cell():
    seen = view(gathering(cut_ue=((0, 5 * NS_PER_S),)))
    assert [ue.reachable for ue in seen.ues] == [False, True]
    assert [es.reachable for es in seen.edge_servers] == [True, True]
    dead = gathering()
    dead.es_lost.add(0)
    seen = view(dead)
    assert [ue.reachable for ue in seen.ues] == [False, False]
    assert [(es.alive, es.reachable) for es in seen.edge_servers] == [(False, False), (True, True)]


def test_a_cut_backhaul_puts_a_living_server_out_of_reach():
    seen = view(gathering(cut_backhaul=((0, 5 * NS_PER_S),)))
    assert [(es.alive, es.reachable) for es in seen.edge_servers] == [(True, True), (True, False)]
    assert within_reach(seen) == [] and within_reach(view(gathering())) == [(0, 1)]


def test_nobody_offloads_what_cannot_leave(monkeypatch):
    seen = view(gathering(cut_ue=((0, 5 * NS_PER_S),)))
    expected = {"ue-1-1": 0, "ue-1-2": 1}
    assert Priced().decide(seen, None) == expected
    monkeypatch.setattr(network, "actor", lambda params, shape, x: np.ones(2, np.float32))
    params = np.zeros(network.PER_UE.size, np.float32)
    chosen = Learned(params, double=True, explore=True).choose(seen)
    assert not chosen["ue-1-1"].free and chosen["ue-1-1"].choice == 0
    assert Learned(params, double=True).decide(seen, None) == expected
    at_once = network.layout(network.CONTINUOUS, ues=2)
    assert AtOnce(np.zeros(at_once.size, np.float32), at_once, double=True).decide(seen, None) == expected


def masks(*settings):
    """The action masks of slot 0, in which every UE has a task, on the testbed's backend before anything runs."""
    cells = "cells=[{ues: 2}, {ues: 1}]"
    made = config.make("region", settings=[cells, "slots=5", "density=1", "emulation.detection=0 s", *settings])
    return spaces.masks(LiveBackend(made).can_offload)[:, 1].tolist()


def test_the_mask_of_an_environment_leaves_no_choice_to_who_is_cut_off():
    assert masks() == [True, True, True]
    assert masks("faults=[{at: 0 s, for: 2 s, cut: ue-1-2:es-1}]") == [True, False, True]
