"""A trained network of the head `regional` as a policy: the UEs of all cells decide in one sequence."""

from collections.abc import Sequence

import numpy as np

from testbed.model.delay import duration_ns
from testbed.model.mdp import CellView, EsView, UeView
from testbed.model.task import LOCAL, OFFLOAD
from testbed.policy import network, region_features
from testbed.policy.learned import cell_features, decision_features, within_reach


class RegionalNetwork:
    """Decides from flat parameters of the head `regional`; ``double`` tells the network whether second offload is on.

    See `testbed.policy.planned.Regional`. It keeps nothing from one slot to the next.
    """

    def __init__(self, params: network.Array, *, double: bool) -> None:
        self.params, self.double = params, double

    def decide(self, cell: CellView, rng: object) -> dict[str, int]:
        """What a cell does that comes too late for the others: it sees announcements, nothing of this slot."""
        return self.decide_region([cell])

    def decide_region(self, cells: Sequence[CellView]) -> dict[str, int]:
        """See `testbed.policy.planned.Regional`."""
        return {name: choice for name, (_, _, choice) in self.choose(cells).items()}

    def choose(self, cells: Sequence[CellView]) -> dict[str, tuple[network.Array, float, int]]:
        """The network's inputs (52,), logit and choice of every UE with undecided tasks, in the order of decisions."""
        known, shape = _SlotLedger(cells), network.layout(network.REGIONAL)
        features = [np.array(cell_features(cell), np.float32) for cell in cells]
        mean = np.mean(features, axis=0, dtype=np.float64).astype(np.float32)
        found: dict[str, tuple[network.Array, float, int]] = {}
        for cell, own in zip(cells, features, strict=True):
            for ue in cell.ues:
                if not ue.tasks:
                    continue
                known.begin(cell, ue)
                inputs = known.see(cell, ue, double=self.double)
                x = np.concatenate([inputs[0], own, mean, inputs[1]])
                logit = float(network.actor(self.params, shape, x)[0])
                choice = OFFLOAD if ue.reachable and logit > 0.0 else LOCAL
                found[ue.name] = x, logit, choice
                if choice == OFFLOAD:
                    known.send(cell, ue)
        return found


class _SlotLedger:
    """What servers were sent in a slot, and what is still to be decided, in cycles by the index of the server."""

    def __init__(self, cells: Sequence[CellView]) -> None:
        self._sent = dict.fromkeys((es.index for es in cells[0].edge_servers), 0)
        self._later = dict(self._sent)
        for cell in cells:
            self._later[cell.cell] = sum(_cycles(ue) for ue in cell.ues)

    def begin(self, cell: CellView, ue: UeView) -> None:
        """It is the turn of ``ue``."""
        self._later[cell.cell] -= _cycles(ue)

    def send(self, cell: CellView, ue: UeView) -> None:
        """The UE offloads."""
        self._sent[cell.cell] += _cycles(ue)

    def see(self, cell: CellView, ue: UeView, *, double: bool) -> tuple[network.Array, network.Array]:
        """What the decision of a UE is seen by: its own features (22,) and those of the region (14,)."""
        mine = cell.edge_servers[cell.cell]
        sent, later = self._sent[cell.cell], self._later[cell.cell]
        others = within_reach(cell)
        known = [mine, *(cell.edge_servers[index] for _, index in others)]
        servers = [
            [es.backlog_ns for es in known],
            [es.backlog_ns + _work_ns(es, es.air_cycles) + _work_ns(es, self._sent[es.index]) for es in known],
            [_work_ns(es, self._sent[es.index]) for es in known],
            [_work_ns(es, self._later[es.index]) for es in known],
        ]
        own = decision_features(cell, ue, mine, sent, later, double=double)
        region = region_features.region(servers, 0, 1 if others else -1, cell.threshold_ns)
        return np.array(own, np.float32), np.array(region, np.float32)


def _cycles(ue: UeView) -> int:
    return sum(task.cycles for task in ue.tasks)


def _work_ns(es: EsView, cycles: int) -> int:
    return duration_ns(cycles, es.cpu_hz * es.cores)
