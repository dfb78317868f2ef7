"""Heuristics on views computed by hand."""

import msgspec

from testbed.model.delay import NS_PER_S
from testbed.model.mdp import CellView, EsView, UeView
from testbed.model.task import Task
from testbed.policy.heuristics import Coin, FixedChoice, Priced, local_cost, offload_cost


def ue(index, tasks, queue_ns=0, radio_wait_ns=0):
    return UeView(
        name=f"ue-1-{index + 1}",
        index=index,
        cpu_hz=NS_PER_S,
        rate_bps=8e6,
        tx_power_w=0.2,
        kappa=1e-27,
        weight_delay=0.5,
        queue_ns=queue_ns,
        radio_wait_ns=radio_wait_ns,
        tasks=tuple(tasks),
        last_choice=-1,
    )


def cell(*ues, backlog_ns=0, senders=0, shared=False, alive=True):
    es = EsView(
        name="es-1",
        index=0,
        cpu_hz=2 * NS_PER_S,
        cores=1,
        backlog_ns=backlog_ns,
        own_cycles=0,
        forwarded_cycles=0,
        air_cycles=0,
        senders=senders,
        age_slots=0,
        alive=alive,
        reachable=alive,
    )
    return CellView(
        slot=3,
        now_ns=3 * NS_PER_S,
        cell=0,
        seed=1,
        ues=tuple(ues),
        edge_servers=(es,),
        shared=shared,
        latency_ns=0,
        return_latency_ns=0,
        threshold_ns=NS_PER_S,
    )


def job(number=0, cycles=NS_PER_S, bits=4_000_000):
    return Task(ue=0, number=number, generated_ns=3 * NS_PER_S, input_bits=bits, cycles=cycles, deadline_ns=NS_PER_S)


def test_costs_of_one_task():
    view = cell(ue(0, [job()]))
    assert local_cost(view, view.ues[0]) == 0.5 * 1.0 + 0.5 * 1.0
    assert offload_cost(view, view.ues[0], view.edge_servers[0], 0) == 0.5 * (0.5 + 0.5) + 0.5 * 0.2 * 0.5


def test_several_tasks_share_the_local_queue_and_the_radio():
    view = cell(ue(0, [job(0), job(1)], queue_ns=NS_PER_S, radio_wait_ns=NS_PER_S))
    assert local_cost(view, view.ues[0]) == 0.5 * (2 + 3) + 0.5 * 2
    offload = offload_cost(view, view.ues[0], view.edge_servers[0], 0)
    assert abs(offload - (0.5 * (2.0 + 2.5) + 0.5 * 0.2 * 1.0)) < 1e-12


def test_what_travels_meanwhile_is_taken_off_the_wait():
    view = cell(ue(0, [job()]), backlog_ns=NS_PER_S)
    assert offload_cost(view, view.ues[0], view.edge_servers[0], 0) == 0.5 * 1.5 + 0.05


def test_shared_radio_stretches_the_airtime_by_the_senders():
    view = cell(ue(0, [job()]), senders=3, shared=True)
    assert abs(offload_cost(view, view.ues[0], view.edge_servers[0], 0) - (0.5 * 2.0 + 0.5 * 0.2 * 1.5)) < 1e-12


def test_greedy_counts_what_it_already_sent():
    view = cell(*[ue(n, [job()]) for n in range(5)], backlog_ns=NS_PER_S)
    choices = Priced().decide(view, None)
    assert list(choices.values()) == [1, 0, 0, 0, 0] or list(choices.values()) == [1, 1, 0, 0, 0]
    assert sum(Priced().decide(cell(*[ue(n, [job()]) for n in range(5)]), None).values()) > sum(choices.values())


def test_a_price_keeps_tasks_local_and_nobody_offloads_to_a_dead_server():
    view = cell(ue(0, [job()]))
    assert Priced().decide(view, None) == {"ue-1-1": 1}
    assert Priced(0.0, 10.0).decide(view, None) == {"ue-1-1": 0}
    unreachable = msgspec.structs.replace(ue(0, [job()]), reachable=False)
    assert Priced().decide(cell(unreachable, alive=False), None) == {"ue-1-1": 0}


def test_fixed_and_coin():
    view = cell(*[ue(n, [job()]) for n in range(200)])
    assert set(FixedChoice(1).decide(view, None).values()) == {1}
    assert 70 < sum(Coin(0.5).decide(view, None).values()) < 130
    assert sum(Coin(0.0).decide(view, None).values()) == 0 and sum(Coin(1.0).decide(view, None).values()) == 200
