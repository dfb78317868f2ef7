"""Cut links against instants computed by hand: what stands still, what waits, who knows, and where tasks go instead."""

import msgspec
import pytest

from testbed.model.cuts import is_known_cut, open_ns
from testbed.model.errors import ScenarioError
from testbed.model.system import BackhaulCut, Radio
from testbed.policy.heuristics import FixedChoice, Priced
from testbed.sim.simulation import simulate
from testbed.twin.run import run
from tests.support import MS, plan, system, task_of

S = 10**9
OFFLOAD = FixedChoice(1)


def cut_ue(result, *cuts, index=0):
    """``result`` with a UE whose link is cut in spans of seconds."""
    spans = tuple((int(begin * S), int(end * S)) for begin, end in cuts)
    edges, caps = [0], [8e6]
    for begin, end in spans:
        edges, caps = [*edges, begin, end], [*caps, 0.0, 8e6]
    ues = list(result.ues)
    ues[index] = msgspec.structs.replace(ues[index], cuts_ns=spans, cap_edges_ns=tuple(edges), caps_bps=tuple(caps))
    return msgspec.structs.replace(result, ues=tuple(ues))


def rows(result, tasks, policy=OFFLOAD, *, double=False):
    return simulate(plan(result, tasks, double=double), policy).tasks


def test_a_transmission_stands_still_and_goes_on():
    (row,) = rows(cut_ue(system((1,), (S,)), (0.5, 2.5)), [task_of(0, 0)])
    assert (row.finished_ns, row.airtime_ns, row.recovered) == (4 * S, 3 * S, False)


def test_a_result_waits_until_its_way_is_open_and_bits_that_have_left_arrive():
    hardware = system((1,), (S,), radio=Radio(latency_ns=300 * MS, return_latency_ns=50 * MS))
    (row,) = rows(cut_ue(hardware, (1, 2.2), (2.3, 3)), [task_of(0, 0)])
    assert row.finished_ns == 3050 * MS and row.execution_ns == S


def test_after_detection_a_ue_executes_what_it_should_offload():
    hardware = cut_ue(system((1,), (S,)), (0.95, 3))
    first, second, third = rows(hardware, [task_of(0, n, at * S, bits=80) for n, at in enumerate((1, 2, 3))])
    assert (first.recovered, second.recovered, third.recovered) == (False, True, False)
    assert second.finished_ns == 3 * S and second.choice == 1
    assert first.finished_ns == 4 * S + 10_000


def test_a_policy_that_knows_of_a_cut_keeps_tasks_local():
    hardware = cut_ue(system((2,), (4 * S,)), (0.5, 3))
    result = rows(hardware, [task_of(ue, 0, S, bits=80) for ue in (0, 1)], Priced())
    assert [row.choice for row in result] == [0, 1]


def busy(cuts, threshold=S // 2):
    """Two cells; the first ES is busy when its second task arrives."""
    hardware = system((2, 1), (S, S), threshold_ns=threshold)
    return msgspec.structs.replace(hardware, backhaul_cuts=(BackhaulCut(0, 1, cuts),))


TWO = [task_of(0, 0, 0, 2 * S, 80), task_of(1, 0, 0, S, 1_000_000)]


def test_second_offload_passes_over_an_es_that_is_known_to_be_cut_off():
    assert [row.forwarded for row in rows(busy(()), TWO, double=True)] == [False, True]
    assert [row.forwarded for row in rows(busy(((0, S),)), TWO, double=True)] == [False, False]
    late = rows(busy(((100 * MS, S),)), TWO, double=True)
    assert [row.forwarded for row in late] == [False, True]
    assert late[1].finished_ns == S + MS + MS + S


def test_a_result_of_a_forwarded_task_waits_for_the_backhaul():
    (_, row) = rows(busy(((S, 5 * S),)), TWO, double=True)
    assert row.forwarded and row.finished_ns == 5 * S


def test_a_cut_begins_with_its_instant_and_ends_before_its_end():
    cuts = ((3, 5), (5, 6), (9, 11))
    assert [open_ns(at, cuts) for at in (2, 3, 4, 5, 6, 10)] == [2, 5, 5, 6, 6, 11]
    assert [is_known_cut(at, ((3, 9),), 2) for at in (3, 4, 5, 8, 9)] == [False, False, True, True, False]


def test_the_twin_refuses_cuts_by_name():
    for result in (cut_ue(system((1,), (S,)), (1, 2)), busy(((S, 2 * S),))):
        with pytest.raises(ScenarioError, match="cut and partition"):
            run(plan(result, [task_of(0, 0)]), FixedChoice(1))
