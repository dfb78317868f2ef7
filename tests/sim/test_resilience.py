"""Retries, hedges and breakers: instants computed by hand, and what must hold of random runs with all of them."""

import subprocess
import sys

import msgspec
import pytest

import testbed
from testbed.analysis.attempts import attempts
from testbed.model.errors import ScenarioError
from testbed.model.resilience import Breaker, Resilience, Retry
from testbed.model.system import Fault, Radio
from testbed.policy.heuristics import FixedChoice
from testbed.record import reader
from testbed.scenario.load import load_scenario
from testbed.sim.simulation import simulate
from testbed.twin.run import run
from tests.sim.test_cuts import cut_ue
from tests.support import MS, plan, region, system, task_of
from tests.swarm import ends
from ue_agent.agent import Agent
from ue_agent.breaker import CircuitBreaker
from ue_agent.resilient import ResilientAgent, agent_of

S, US = 10**9, 10**3
OFFLOAD = FixedChoice(1)
TEN_US = 10 * US  # airtime of 80 bits
RADIO_J, LOCAL_J = 0.2 * 10e-6, 1e-27 * 1e18 * 1e9


def made_with(made, **options):
    return msgspec.structs.replace(made, resilience=Resilience(**options))


def played(made, tasks, faults=()):
    found = simulate(plan(made, tasks, double=False, faults=faults), OFFLOAD)
    for row in found.tasks:
        assert row.finished_ns < 0 or sum(getattr(row, part) for part in ends.PARTS) == row.measured_ns
    return found


def kinds(found):
    return [(event.at_ns, event.source, event.kind) for event in found.events]


# Rejections ----------------------------------------------------------------------------------------------------------


def full(cycles=S, **options):
    """Two UEs whose ES has room for one task, and both their tasks at once."""
    made = made_with(system((2,), (S,), queue_limit=0), **options)
    return made, [task_of(0, 0, cycles=cycles, bits=80), task_of(1, 0, bits=80)]


def test_a_rejected_task_is_posted_again_until_it_finds_a_place():
    found = played(*full(on_reject=Retry(3, 300 * MS, 2.0), cycles=2 * S))
    _, row = found.tasks
    # rejected at 0, 300 and 900 ms, each 10 us after its post; the fourth post, at 2100 ms, finds the ES free
    tries = [(at, "ue-1-2", "retried") for at in (TEN_US, 300 * MS + 2 * TEN_US, 900 * MS + 3 * TEN_US)]
    assert kinds(found) == tries
    assert row.finished_ns == 2100 * MS + 4 * TEN_US + S
    assert (row.rejected, row.recovered, row.execution_ns) == (False, False, S)
    assert row.recovery_ns == 2100 * MS + 3 * TEN_US and row.ready_ns == 0
    assert row.energy_j == pytest.approx(4 * RADIO_J, rel=1e-12)
    assert sum(link.ue == "ue-1-2" for link in found.links) == 4


def test_a_task_that_found_no_place_is_executed_by_its_ue_in_the_end():
    found = played(*full(on_reject=Retry(1, 300 * MS)))
    _, row = found.tasks
    assert row.finished_ns == 300 * MS + 2 * TEN_US + S
    assert (row.rejected, row.recovery_ns, row.local_wait_ns) == (True, 300 * MS + TEN_US, 0)
    assert row.energy_j == pytest.approx(2 * RADIO_J + LOCAL_J, rel=1e-12)


def test_energy_of_earlier_posts_counts_when_the_ue_dies():
    made, tasks = full(on_reject=Retry(1, 300 * MS))
    found = played(made, tasks, (Fault("ue-1-2", 400 * MS),))
    assert found.tasks[1].state == "failed"
    executed = 400 * MS - 300 * MS - 2 * TEN_US
    assert found.tasks[1].energy_j == pytest.approx(2 * RADIO_J + LOCAL_J * executed / S, rel=1e-9)
    waiting = played(made, tasks, (Fault("ue-1-2", 100 * MS),)).tasks[1]
    assert waiting.energy_j == pytest.approx(RADIO_J, rel=1e-12)


# Out of reach --------------------------------------------------------------------------------------------------------


def late(options, made=None, faults=()):
    """The end of a task that is to be offloaded at 1 s, its ES being out of reach from 0.5 to 3 s."""
    made = cut_ue(system((1,), (S,)), (0.5, 3)) if made is None else made
    (row,) = played(made_with(made, **options), [task_of(0, 0, S, bits=80)], faults).tasks
    return row.finished_ns, row.recovered, row.recovery_ns


def test_a_task_waits_for_a_cut_link_in_one_of_three_ways():
    assert late({}) == (2 * S, True, 0)
    assert late({"on_cut": Retry(3, S, 1.0)}) == (4 * S + TEN_US, False, 2 * S)
    assert late({"on_cut": Retry(1, S)}) == (3 * S, True, S)
    assert late({"waits_out_cuts": True}) == (4 * S + TEN_US, False, 0)
    assert late({"on_cut": Retry(1, S), "waits_out_cuts": True}) == (4 * S + TEN_US, False, S)


def test_a_task_tries_a_dead_server_again_but_does_not_wait_on_its_radio():
    down = (Fault("es-1", 500 * MS, 2500 * MS),)
    made = system((1,), (S,))
    assert late({"on_cut": Retry(3, S, 1.0)}, made, down) == (4 * S + TEN_US, False, 2 * S)
    assert late({"waits_out_cuts": True}, made, down) == (2 * S, True, 0)


# Hedges --------------------------------------------------------------------------------------------------------------


def test_a_copy_that_ends_first_ends_the_task_and_both_are_paid():
    made = made_with(system((1,), (S // 10,)), hedge_after_ns=500 * MS)
    found = played(made, [task_of(0, 0, bits=80)])
    (row,) = found.tasks
    assert (row.finished_ns, row.recovery_ns, row.local_execution_ns) == (1500 * MS, 500 * MS, S)
    assert (row.choice, row.recovered, row.execution_ns) == (1, False, 0)
    assert row.energy_j == pytest.approx(RADIO_J + LOCAL_J, rel=1e-12)
    assert kinds(found) == [(500 * MS, "ue-1-1", "hedged"), (1500 * MS, "ue-1-1", "in_vain")]
    assert found.events[-1].detail == "task 0: es-1" and found.events[-1].value == S


def test_a_result_that_comes_first_ends_the_task_and_the_copy_keeps_the_cpu():
    made = made_with(system((1,), (S,)), hedge_after_ns=500 * MS)
    tasks = [task_of(0, 0, bits=80), task_of(0, 1, S, bits=80)]
    found = simulate(plan(made, tasks, double=False), OFFLOAD)
    first, second = found.tasks
    assert (first.finished_ns, first.execution_ns, first.local_execution_ns) == (S + TEN_US, S, 0)
    assert first.energy_j == pytest.approx(RADIO_J + LOCAL_J, rel=1e-12)
    # the second waits 10 us at the ES; its copy is due at 1.5 s, when the CPU is free again, and would end at 2.5 s
    assert second.finished_ns == 2 * S + TEN_US and second.execution_ns == S
    queue = [row.queue_ns for row in found.ue_slots if row.slot == 1]
    assert queue == [500 * MS]


def test_a_result_at_the_very_instant_spares_the_copy():
    made = made_with(system((1,), (S,)), hedge_after_ns=S + TEN_US)
    assert kinds(played(made, [task_of(0, 0, bits=80)])) == []
    sooner = made_with(system((1,), (S,)), hedge_after_ns=S + TEN_US - 1)
    assert len(kinds(played(sooner, [task_of(0, 0, bits=80)]))) == 2


def test_a_copy_outlives_the_server_that_had_the_task():
    made = made_with(system((1,), (S // 10,)), hedge_after_ns=500 * MS)
    (row,) = played(made, [task_of(0, 0, bits=80)], (Fault("es-1", 600 * MS),)).tasks
    assert row.finished_ns == 1500 * MS and not row.recovered


def test_a_hedge_on_a_shared_radio_is_refused_and_the_twin_has_no_options():
    with pytest.raises(ScenarioError, match="shared radio"):
        load_scenario("region", ["ue.hedge=1 s", "radio.access=shared"])
    for name, option in (
        ("on_reject", {"on_reject": Retry(1, S)}),
        ("hedge", {"hedge_after_ns": S}),
        ("breaker", {"breaker": Breaker(3, S)}),
    ):
        with pytest.raises(ScenarioError, match=f"ue.{name}: the twin does not support it"):
            run(plan(made_with(system((1,), (S,)), **option), [task_of(0, 0)]), OFFLOAD)
    harmless = made_with(system((1,), (S,)), on_cut=Retry(1, S))
    assert len(run(plan(harmless, [task_of(0, 0)]), OFFLOAD).tasks) == 1


# The breaker ---------------------------------------------------------------------------------------------------------


def test_a_breaker_opens_after_failures_in_a_row_and_closes_after_a_trial():
    breaker = CircuitBreaker(Breaker(2, 10))
    assert not breaker.failed(1, 0) and not breaker.succeeded(2) and not breaker.failed(3, 1)
    assert breaker.failed(4, 2) and not breaker.lets(5, 11)
    assert not breaker.failed(6, 5) and not breaker.succeeded(7)
    assert breaker.lets(8, 12) and not breaker.lets(9, 12) and breaker.lets(8, 13)
    assert not breaker.succeeded(7) and breaker.failed(8, 13) and not breaker.lets(9, 22)
    assert breaker.lets(9, 23)
    breaker.withdrew(9)
    assert breaker.lets(10, 24) and breaker.succeeded(10) and breaker.lets(11, 24) and breaker.lets(12, 24)
    assert not breaker.failed(11, 25)


def test_an_open_breaker_keeps_tasks_local():
    made = made_with(system((2,), (S // 100,), queue_limit=0), breaker=Breaker(2, 2 * S))
    tasks = [task_of(0, 0, bits=80), *(task_of(1, n, n * S, S // 10, 80) for n in range(6))]
    found = played(made, tasks)
    rows = [row for row in found.tasks if row.ue == "ue-1-2"]
    # rejected at 0 s and 1 s; open until 3 s and 10 us; at 4 s one on trial, which fails: open until 6 s and 10 us
    assert [(row.rejected, row.recovered) for row in rows] == [
        (True, False),
        (True, False),
        (False, True),
        (False, True),
        (True, False),
        (False, True),
    ]
    opened = [(S + TEN_US, "ue-1-2", "breaker_opened"), (4 * S + TEN_US, "ue-1-2", "breaker_opened")]
    assert kinds(found) == opened


# All of them ---------------------------------------------------------------------------------------------------------


def test_a_system_without_options_has_the_plain_core():
    assert type(agent_of(system(), 0, ())) is Agent
    assert type(agent_of(made_with(system(), waits_out_cuts=True), 0, ())) is ResilientAgent


def test_options_cost_nothing_where_nothing_fails():
    made, tasks = region(0.3, 5, 40)
    careful = made_with(made, on_reject=Retry(3, S), on_cut=Retry(3, S), breaker=Breaker(3, S))
    plain = simulate(plan(made, tasks), OFFLOAD)
    assert simulate(plan(careful, tasks), OFFLOAD).tasks == plain.tasks
    shared = msgspec.structs.replace(careful, radio=Radio(access="shared"))
    expected = simulate(plan(msgspec.structs.replace(made, radio=Radio(access="shared")), tasks), OFFLOAD)
    assert simulate(plan(shared, tasks), OFFLOAD).tasks == expected.tasks


def test_options_are_read_from_a_scenario_and_told_in_its_summary(tmp_path):
    options = {
        "ue.on_reject": "{retry: {times: 2, backoff: 100 ms, factor: 3}}",
        "ue.on_cut": "wait",
        "ue.hedge": "{after: 2 s}",
        "ue.breaker": "{failures: 4, open: 9 s}",
        **{f"cells.{n}.es.queue_limit": 0 for n in range(3)},
    }
    made = testbed.run_scenario(testbed.load_scenario("region", options), "offload-do", slots=30, out=tmp_path / "run")
    expected = Resilience(
        on_reject=Retry(2, 100 * MS, 3.0), waits_out_cuts=True, hedge_after_ns=2 * S, breaker=Breaker(4, 9 * S)
    )
    recorded = reader.read_run(made.path)
    assert recorded.resolved.system.resilience == expected
    told = made.summary["attempts"]
    kinds_of = [event.kind for event in recorded.record.events]
    assert told["retries"] == kinds_of.count("retried") > 10 and told["breaker_opened"] > 0
    assert told["energy_in_vain_j"] > 0.0
    plain = testbed.run_scenario("region", "offload-do", slots=5, out=tmp_path / "plain")
    assert plain.summary["attempts"] is None
    command = [sys.executable, "examples/oracle.py", str(made.path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "options for failures" in done.stderr


def test_energy_in_vain_is_what_the_way_of_the_result_did_not_take():
    made = made_with(system((1, 2), (S // 10, S), queue_limit=0), hedge_after_ns=500 * MS, on_reject=Retry(1, 300 * MS))
    tasks = [task_of(0, 0, bits=80), task_of(1, 0, bits=80), task_of(2, 0, bits=80)]
    planned = plan(made, tasks, double=False)
    told = attempts(ends.run_by_hand(planned, simulate(planned, OFFLOAD)))
    assert told is not None
    # the first is executed here, its post and its copy at es-1 are in vain; of the second the copy, as a result comes
    # first; the third is rejected twice and executed here
    assert (told.retries, told.copies, told.cycles_in_vain) == (1, 2, 2 * S)
    assert told.energy_in_vain_j == pytest.approx(RADIO_J + LOCAL_J + 2 * RADIO_J, rel=1e-9)
