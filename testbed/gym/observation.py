"""What the agents of a running testbed see, as numbers: `testbed.twin.observe` says the same of a world of the twin."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from testbed.gym.config import EnvironmentConfig
from testbed.model.mdp import CellView
from testbed.policy import features
from testbed.policy.learned import cell_features, decision_features, within_reach

_NOTHING = (0.0,) * features.DECISION_FEATURES


def observed(cells: Sequence[CellView], config: EnvironmentConfig) -> NDArray[np.float32]:
    """The observation of the region, (L,), from the views of all its cells in order."""
    numbers: list[float] = []
    for cell in cells:
        numbers += cell_features(cell) if config.observation == "full" else _paper(cell, config)
    if config.observation == "full":
        double = config.second_offload and len(cells) > 1
        for cell in cells:
            for ue in cell.ues:
                own = cell.edge_servers[cell.cell]
                numbers += decision_features(cell, ue, own, 0, 0, double=double) if ue.tasks else _NOTHING
    return np.array(numbers, np.float32)


def _paper(cell: CellView, config: EnvironmentConfig) -> list[float]:
    es, discipline = cell.edge_servers[cell.cell], config.system.edge_servers[cell.cell].discipline
    speed = es.cpu_hz * es.cores
    burdened = features.burden(es.backlog_ns, es.forwarded_cycles, speed, discipline, cell.threshold_ns)
    others = within_reach(cell)
    target = others[0][1] if others else -1
    queues = [features.seconds(ue.queue_ns) for ue in cell.ues]
    one_hot = [float(index == target) for index in range(len(cell.edge_servers))]
    return [*queues, features.seconds(es.backlog_ns), float(burdened), *one_hot]
