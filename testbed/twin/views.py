"""A world as the agents see it: the same `CellView` that a controller gathers on the other clocks."""

from typing import Any

from testbed.model import transmission
from testbed.model.link import left_bits, left_ns, sharing_advance
from testbed.model.mdp import CellView, EsView, UeView
from testbed.model.system import SHARED, Ue
from testbed.model.task import Task
from testbed.twin import state
from testbed.twin.lists import NUMBER_MASK
from testbed.twin.twin import Twin


def cell_view(twin: Twin, world: int, cell: int) -> CellView:
    """What the agent of ``cell`` sees of ``world`` before it decides the world's present slot."""
    system, radio = twin.system, twin.system.radio
    slot = int(twin.slot[world])
    ues = tuple(_ue_view(twin, world, ue, slot * system.slot_ns) for ue in system.cell_ues(cell))
    edge_servers = tuple(_es_view(twin, world, es, slot * system.slot_ns) for es in range(len(system.edge_servers)))
    seed = int(twin.state.status["seed"][world])
    return CellView(
        slot=slot,
        now_ns=slot * system.slot_ns,
        cell=cell,
        seed=seed,
        ues=ues,
        edge_servers=edge_servers,
        shared=radio.access == SHARED,
        latency_ns=radio.latency_ns,
        return_latency_ns=radio.return_latency_ns,
        threshold_ns=system.threshold_ns,
        chosen_target=system.chosen_target,
        backhaul_bps=system.backhaul.rate_bps,
        backhaul_latency_ns=system.backhaul.latency_ns,
    )


def tasks_of(twin: Twin, world: int, ue: int, kind: int) -> list[Any]:
    """The records of a UE's tasks in its list of ``kind``, in order."""
    found, task = [], int(twin.state.lists[world, ue * state.UE_LISTS + kind]["head"])
    while task != state.NONE:
        found.append(twin.state.tasks[world, task])
        task = int(found[-1]["next"])
    return found


def _ue_view(twin: Twin, world: int, ue: Ue, now_ns: int) -> UeView:
    record = twin.state.ues[world, ue.index]
    tasks = tuple(
        Task(
            ue=ue.index,
            number=int(t["key"]) & NUMBER_MASK,
            generated_ns=int(t["generated_ns"]),
            input_bits=int(t["input_bits"]),
            cycles=int(t["cycles"]),
            deadline_ns=int(t["deadline_ns"]),
        )
        for t in tasks_of(twin, world, ue.index, state.FRESH)
    )
    return UeView.of(
        ue,
        queue_ns=max(0, int(record["local_free_ns"]) - now_ns),
        radio_wait_ns=_radio_wait_ns(twin, world, ue, now_ns),
        tasks=tasks,
        last_choice=int(record["last_choice"]),
    )


def _radio_wait_ns(twin: Twin, world: int, ue: Ue, now_ns: int) -> int:
    record = twin.state.ues[world, ue.index]
    if twin.system.radio.access != SHARED:
        return max(0, int(record["radio_free_ns"]) - now_ns)
    if not tasks_of(twin, world, ue.index, state.RADIO):
        return 0
    server = twin.state.edge_servers[world, ue.cell]
    senders = int(server["senders"])
    if transmission.varies(twin.system, ue.cell):
        seed = int(twin.state.status["seed"][world])
        moved = transmission.moved_bits(twin.system, ue, int(server["radio_ns"]), now_ns, seed)
        left = left_bits(float(record["finish"]), moved, senders)
        return left_ns(left + int(record["radio_waiting_ns"]), ue.rate_bps, senders)
    virtual = sharing_advance(float(server["virtual"]), now_ns - int(server["radio_ns"]), senders)
    left = float(record["finish"]) - virtual + int(record["radio_waiting_ns"])
    return max(0, int(left * senders + 0.5))


def _es_view(twin: Twin, world: int, index: int, now_ns: int) -> EsView:
    es, server = twin.system.edge_servers[index], twin.state.edge_servers[world, index]
    if twin.system.radio.access == SHARED:
        senders = int(server["senders"])
    else:
        mine = [ue.index for ue in twin.system.cell_ues(index)]
        senders = int((twin.state.ues["radio_free_ns"][world, mine] > now_ns).sum())
    return EsView(
        name=es.name,
        index=index,
        cpu_hz=es.cpu_hz,
        cores=es.cores,
        backlog_ns=int(twin.state.announced_ns[world, index]),
        own_cycles=int(server["own_cycles"]),
        forwarded_cycles=int(server["forwarded_cycles"]),
        air_cycles=int(server["air_cycles"]),
        senders=senders,
        age_slots=0,
        alive=True,
        reachable=True,
    )
