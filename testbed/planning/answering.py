"""Networks that decide all cells of a slot together, from the views of the cells and in compiled code."""

import contextlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numba import njit

from testbed.model.errors import ScenarioError
from testbed.model.mdp import CellView
from testbed.model.system import System
from testbed.planning.belief import expected
from testbed.planning.corrections import TOLD_TASK
from testbed.policy.planned import Regional
from testbed.policy.regional import RegionalNetwork
from testbed.policy.targets_learned import RegionalTargetNetwork
from testbed.twin import build, kernels, state
from testbed.twin.compiled import INNER, OPTIONS, stamp
from testbed.twin.entry import entry
from testbed.twin.generate import add
from testbed.twin.kernels import view
from testbed.twin.lists import item, ue_list
from testbed.twin.networks import Deciding, decide_together, deciding, is_network
from testbed.twin.state import NONE, RADIO, Fixed, World, Worlds

SEEN_UE = np.dtype([("queue_ns", np.int64), ("radio_wait_ns", np.int64)])
SEEN_ES = np.dtype(
    [
        ("backlog_ns", np.int64),
        ("own_cycles", np.int64),
        ("forwarded_cycles", np.int64),
        ("air_cycles", np.int64),
        ("senders", np.int64),
    ]
)
RegionNetwork = RegionalNetwork | RegionalTargetNetwork


class SeenRegion(NamedTuple):
    """What all cells see at instant ``now_ns``: N UEs, M ESs, and T undecided tasks in the order of their UEs."""

    now_ns: int
    ues: Any
    edge_servers: Any
    tasks: Any


@njit(**INNER)
def _take_in(world: World, fixed: Fixed, seen: SeenRegion) -> None:
    """Let the world be one in which agents see what was ``seen``."""
    w, now, shared = world.status[0], seen.now_ns, fixed.system[0].shared
    w.start_ns, w.free, w.used, w.inside, w.full = now, NONE, 0, 0, 0
    for at in range(world.lists.shape[0]):
        item(world.lists, at).head = NONE
    for es in range(fixed.edge_servers.shape[0]):
        known, server = item(seen.edge_servers, es), item(world.edge_servers, es)
        world.announced_ns[es] = known.backlog_ns
        server.own_cycles, server.forwarded_cycles = known.own_cycles, known.forwarded_cycles
        server.air_cycles, server.senders = known.air_cycles, known.senders
        server.virtual, server.radio_ns = 0.0, now
    for u in range(fixed.ues.shape[0]):
        told, ue = item(seen.ues, u), item(world.ues, u)
        ue.local_free_ns, ue.radio_free_ns, ue.radio_waiting_ns = now + told.queue_ns, now + told.radio_wait_ns, 0
        if shared and told.radio_wait_ns > 0:  # as if it had sent for as long as nobody else does
            item(world.lists, ue_list(u, RADIO)).head = 0
            ue.finish = told.radio_wait_ns / item(seen.edge_servers, item(fixed.ues, u).cell).senders
    for i in range(seen.tasks.shape[0]):
        t = item(seen.tasks, i)
        add(world, fixed, t.ue, t.generated_ns, t.input_bits, t.cycles, t.deadline_ns)


def _build(key: int) -> Any:
    """Compile `answer`; ``key`` becomes a part of its cache's key by being its closure (see `testbed.twin.kernels`)."""

    @entry("the controller's networks", **OPTIONS)
    def answer(worlds: Worlds, fixed: Fixed, seen: SeenRegion, by: Deciding) -> int:
        """Let the network decide for all UEs with tasks, in world 0, what it becomes by what was ``seen``."""
        world = view(worlds, 0)
        _take_in(world, fixed, seen)
        decide_together(world, fixed, by)
        return key

    return answer


answer = _build(stamp(*(vars(module) for module in (*kernels.modules(), kernels)), globals()))


class Answering:
    """Decides as the network ``policy`` of a ``system`` does; see `testbed.policy.planned.Regional`.

    In compiled code if all UEs have asked and everything is within reach; otherwise the network itself is asked, which
    takes longer. Raises `ScenarioError` for a system that the twin cannot express.
    """

    def __init__(self, system: System, policy: RegionNetwork) -> None:
        self._policy, calm = policy, expected(system)
        self._fixed = build.fixed(
            calm, build.table(calm, ()), double=policy.double, recording=False, reward=state.HOLDING_REWARD
        )
        self._worlds = build.worlds(1, self._fixed, len(calm.ues))
        self._by = deciding(policy, calm, worlds=1)
        self._ues, self._edge_servers = np.zeros(len(calm.ues), SEEN_UE), np.zeros(len(calm.edge_servers), SEEN_ES)
        self._answer(0, [])

    def decide(self, cell: CellView, rng: object) -> dict[str, int]:
        """What a cell does that comes too late for the others."""
        return self._policy.decide(cell, rng)

    def decide_region(self, cells: Sequence[CellView]) -> dict[str, int]:
        """Decisions for every UE of ``cells`` that has tasks."""
        if not self._is_whole(cells):
            return self._policy.decide_region(cells)
        ues, edge_servers = self._ues, self._edge_servers
        for es in cells[0].edge_servers:
            edge_servers[es.index] = es.backlog_ns, es.own_cycles, es.forwarded_cycles, es.air_cycles, es.senders
        everyone = [ue for cell in cells for ue in cell.ues]
        ues[:] = [(ue.queue_ns, ue.radio_wait_ns) for ue in everyone]
        tasks = [
            (ue.index, task.generated_ns, task.input_bits, task.cycles, task.deadline_ns)
            for ue in everyone
            for task in ue.tasks
        ]
        choices = self._answer(cells[0].now_ns, tasks)
        return {ue.name: choices[ue.index] for ue in everyone if ue.tasks}

    def _answer(self, now_ns: int, tasks: Sequence[tuple[int, ...]]) -> list[int]:
        """The choice of every UE; it means something where it has ``tasks``, rows of `TOLD_TASK`."""
        if len(tasks) > self._worlds.tasks.shape[1]:
            self._worlds = build.worlds(1, self._fixed, 2 * len(tasks))
        seen = SeenRegion(now_ns, self._ues, self._edge_servers, np.array(tasks, TOLD_TASK))
        answer(self._worlds, self._fixed, seen, self._by)
        choices: list[int] = self._worlds.ues["choice"][0].tolist()
        return choices

    def _is_whole(self, cells: Sequence[CellView]) -> bool:
        """Whether the views are of all UEs at one instant, and nothing is out of reach."""
        if sum(len(cell.ues) for cell in cells) != len(self._ues):
            return False
        for cell in cells:
            silent = cell.shared and cell.edge_servers[cell.cell].senders == 0
            if cell.now_ns != cells[0].now_ns or not all(es.reachable for es in cell.edge_servers):
                return False
            if not all(ue.reachable and not (silent and ue.radio_wait_ns) for ue in cell.ues):
                return False
        return True


def answering(system: System, policy: Regional) -> Regional:
    """``policy`` in compiled code, if it is a network and the twin can express the ``system``."""
    if isinstance(policy, RegionNetwork) and is_network(policy, system):
        with contextlib.suppress(ScenarioError):
            return Answering(system, policy)
    return policy
