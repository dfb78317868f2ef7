"""Observations are the model's features of the very views that a controller would gather."""

import numpy as np
import pytest

from testbed.model.delay import duration_ns
from testbed.model.errors import UsageError
from testbed.policy import features
from testbed.policy.heuristics import Coin
from testbed.policy.learned import decision_features
from testbed.twin import build
from testbed.twin.twin import Twin
from testbed.twin.views import cell_view
from tests.support import region


def worlds(access, slots):
    """Three worlds of `region` after ``slots`` slots of coin tosses."""
    system, tasks = region(0.8, 3, 30, access=access)
    twin = Twin(system, build.table(system, tasks), 3, double=True)
    twin.use(Coin(0.7))
    twin.reset(np.arange(3))
    twin.advance(slots)
    return twin


@pytest.mark.parametrize("access", ["dedicated", "shared"])
@pytest.mark.parametrize("slots", [1, 9])
def test_full_observation_is_the_features_of_the_views(access, slots):
    twin = worlds(access, slots)
    seen, system = twin.observe(), twin.system
    assert seen.shape == (3, 3 * 8 + 15 * 22) and seen.any()
    for world in range(3):
        for c, es in enumerate(system.edge_servers):
            view = cell_view(twin, world, c)
            own, cycles = view.edge_servers[c], sum(task.cycles for ue in view.ues for task in ue.tasks)
            local = sum(duration_ns(sum(task.cycles for task in ue.tasks), ue.cpu_hz) for ue in view.ues)
            expected = features.cell(
                own.backlog_ns,
                own.own_cycles,
                own.forwarded_cycles,
                own.air_cycles,
                es.cpu_hz * es.cores,
                sum(ue.queue_ns for ue in view.ues),
                len(view.ues),
                local,
                cycles,
            )
            assert seen[world, c * 8 : c * 8 + 8] == pytest.approx(expected, rel=1e-6)
            for ue in view.ues:
                result = seen[world, 24 + ue.index * 22 : 46 + ue.index * 22]
                wanted = decision_features(view, ue, own, 0, 0, double=True) if ue.tasks else [0.0] * 22
                assert result == pytest.approx(wanted, rel=1e-6, abs=1e-12)


def test_a_decision_sees_the_edge_server_that_second_offload_would_send_to_and_the_next():
    twin = worlds("dedicated", 9)
    compared = 0
    for world in range(3):
        for c in range(3):
            view = cell_view(twin, world, c)
            target, following = sorted(
                (es for es in view.edge_servers if es.index != c), key=lambda es: (es.backlog_ns, es.index)
            )
            for ue in (ue for ue in view.ues if ue.tasks):
                cycles = sum(task.cycles for task in ue.tasks)
                wanted = [
                    target.backlog_ns * 1e-9,
                    target.forwarded_cycles / target.cpu_hz,
                    target.air_cycles / target.cpu_hz,
                    cycles / target.cpu_hz,
                    following.backlog_ns * 1e-9 + following.air_cycles / following.cpu_hz,
                ]
                result = decision_features(view, ue, view.edge_servers[c], 0, 0, double=True)
                assert result[14:19] == pytest.approx([min(8.0, value) for value in wanted], abs=1e-8)
                assert (
                    decision_features(view, ue, view.edge_servers[c], 0, 0, double=False)[13:19]
                    == (features.LIMIT,) * 6
                )
                compared += 1
    assert compared > 20


def test_paper_observation_shows_queues_burden_and_target():
    twin = worlds("dedicated", 9)
    seen = twin.observe("paper")
    assert seen.shape == (3, 15 + 3 * (2 + 3))
    for world in range(3):
        for c in range(3):
            view = cell_view(twin, world, c)
            block = seen[world, c * 10 : c * 10 + 10]
            assert block[:5] == pytest.approx([min(8, ue.queue_ns * 1e-9) for ue in view.ues], rel=1e-6)
            assert block[5] == pytest.approx(min(8, view.edge_servers[c].backlog_ns * 1e-9), rel=1e-6)
            assert block[6] in (0.0, 1.0)
            least = min((es.backlog_ns, es.index) for es in view.edge_servers if es.index != c)[1]
            assert list(block[7:]) == [float(j == least) for j in range(3)]


def test_unknown_observations_and_early_looks_are_refused():
    twin = worlds("dedicated", 1)
    with pytest.raises(UsageError, match="unknown observation"):
        twin.observe("total")
    fresh = Twin(twin.system, build.table(twin.system, ()), 1)
    with pytest.raises(UsageError, match="before its first reset"):
        fresh.observe()
