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

    paper, remembers = False, False

    def __init__(self, params: network.Array, *, double: bool) -> None:
        self.params, self.double, self.shape = params, double, network.layout(network.REGIONAL)

    def decide(self, cell: CellView, rng: object) -> dict[str, int]:
        """What a cell does that comes too late for the others: it sees announcements, nothing of this slot."""
        return self.decide_region([cell])

    def decide_region(self, cells: Sequence[CellView]) -> dict[str, int]:
        """See `testbed.policy.planned.Regional`."""
        return {name: choice for name, (_, _, choice) in self.choose(cells).items()}

    def choose(self, cells: Sequence[CellView]) -> dict[str, tuple[network.Array, float, int]]:
        """The network's inputs (52,), logit and choice of every UE with undecided tasks, in the order of decisions."""
        known = _SlotLedger(cells)
        features = [np.array(cell_features(cell), np.float32) for cell in cells]
        mean = np.mean(features, axis=0, dtype=np.float64).astype(np.float32)
        found: dict[str, tuple[network.Array, float, int]] = {}
        for cell, own in zip(cells, features, strict=True):
            known.open(cell)
            for ue in cell.ues:
                if not ue.tasks:
                    continue
                known.begin(ue)
                inputs = known.see(ue, double=self.double)
                x = np.concatenate([inputs[0], own, mean, inputs[1]])
                logit = float(network.actor(self.params, self.shape, x)[0])
                choice = OFFLOAD if ue.reachable and logit > 0.0 else LOCAL
                found[ue.name] = x, logit, choice
                if choice == OFFLOAD:
                    known.send(ue)
        return found


class _SlotLedger:
    """What servers were sent in a slot, and what is still to be decided, in cycles by the index of the server.

    Cells decide in turn: until the next one is opened, only what is known of the present one's server changes.
    """

    def __init__(self, cells: Sequence[CellView]) -> None:
        self._sent = dict.fromkeys((es.index for es in cells[0].edge_servers), 0)
        self._later = dict(self._sent)
        for cell in cells:
            self._later[cell.cell] = sum(_cycles(ue) for ue in cell.ues)

    def open(self, cell: CellView) -> None:
        """The UEs of ``cell`` are next: its own server comes first in what they know, then those within reach."""
        self._cell, self._own = cell, cell.edge_servers[cell.cell]
        known = [self._own, *(cell.edge_servers[index] for _, index in within_reach(cell))]
        self._target = 1 if len(known) > 1 else -1
        self._before_ns = self._own.backlog_ns + _work_ns(self._own, self._own.air_cycles)
        sent = [_work_ns(es, self._sent[es.index]) for es in known]
        self._servers = [
            [es.backlog_ns for es in known],
            [es.backlog_ns + _work_ns(es, es.air_cycles) + own for es, own in zip(known, sent, strict=True)],
            sent,
            [_work_ns(es, self._later[es.index]) for es in known],
        ]

    def begin(self, ue: UeView) -> None:
        """It is the turn of ``ue``."""
        self._later[self._cell.cell] -= _cycles(ue)
        self._servers[region_features.LATER][0] = _work_ns(self._own, self._later[self._cell.cell])

    def send(self, ue: UeView) -> None:
        """The UE offloads."""
        self._sent[self._cell.cell] += _cycles(ue)
        sent = _work_ns(self._own, self._sent[self._cell.cell])
        self._servers[region_features.SENT][0] = sent
        self._servers[region_features.WORK][0] = self._before_ns + sent

    def see(self, ue: UeView, *, double: bool) -> tuple[network.Array, network.Array]:
        """What the decision of a UE is seen by: its own features (22,) and those of the region (14,)."""
        cell = self._cell
        own = decision_features(cell, ue, self._own, self._sent[cell.cell], self._later[cell.cell], double=double)
        region = region_features.region(self._servers, 0, self._target, cell.threshold_ns)
        return np.array(own, np.float32), np.array(region, np.float32)


def _cycles(ue: UeView) -> int:
    return sum(task.cycles for task in ue.tasks)


def _work_ns(es: EsView, cycles: int) -> int:
    return duration_ns(cycles, es.cpu_hz * es.cores)
