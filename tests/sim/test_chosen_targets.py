"""Where agents choose the target of second offload: what the simulation does, and what becomes of it with faults."""

import msgspec
import pytest

from testbed.analysis import replay
from testbed.model.delay import NS_PER_S
from testbed.model.errors import UsageError
from testbed.model.system import Backhaul, BackhaulCut, Fault
from testbed.model.targets import action_of, chooses_target, target_of
from testbed.policy import loading
from testbed.policy.heuristics import FixedChoice
from testbed.protocol.rows import rows_by_task
from testbed.scenario.load import load_scenario
from testbed.sim.simulation import simulate
from testbed.trace import inputs
from tests.support import MS, plan, system, task_of
from tests.swarm.campaign import failure
from tests.swarm.cases import drawn

ANY = ("second_offload.by=agent", "slots=60")
FAULTS = (
    "faults=[{at: 3.3 s, kill: es-1, restart_after: 9 s}, {at: 8 s, for: 20 s, cut: 'es-2:es-3'},"
    "{at: 30 s, for: 9 s, pause: es-3}, {at: 20 s, for: 4 s, slow: es-3 to 40%}]"
)


def three(**changes):
    """Three cells with a UE each: what is sent takes 1 s, and a whole second on the backhaul."""
    made = system((1, 1, 1), (NS_PER_S,) * 3, backhaul=Backhaul(8e6, 0))
    return msgspec.structs.replace(made, chosen_target=True, **changes)


def test_actions_name_the_own_server_first_and_then_the_others_in_order():
    assert [[target_of(action, cell) for action in (1, 2, 3)] for cell in range(3)] == [[0, 1, 2], [1, 0, 2], [2, 0, 1]]
    assert all(action_of(target_of(action, cell), cell) == action for cell in range(3) for action in (1, 2, 3))
    assert action_of(-1, 2) == 0
    assert [chooses_target(name) for name in ("priced-any:x.json", "priced-do", "own:mine_any", "a-any/own:mine")] == [
        True,
        False,
        True,
        False,
    ]


@pytest.mark.parametrize(("choice", "es"), [(1, "es-1"), (2, "es-2"), (3, "es-3")])
def test_a_task_goes_on_at_once_however_short_the_queue(choice, es):
    (row,) = simulate(plan(three(), (task_of(0, 0),)), FixedChoice(choice)).tasks
    assert (row.es, row.choice, row.forwarded) == (es, choice, choice > 1)
    assert row.backhaul_ns == (NS_PER_S if choice > 1 else 0) and row.es_wait_ns == 0


def test_the_rule_plays_no_part():
    tasks = (task_of(0, 0), task_of(0, 1))
    crowded = three(threshold_ns=0, radio=msgspec.structs.replace(three().radio, latency_ns=0))
    rows = simulate(plan(crowded, tasks), FixedChoice(1)).tasks
    assert [row.es for row in rows] == ["es-1", "es-1"]


def test_a_server_that_is_known_to_be_cut_off_or_dead_is_not_sent_to():
    cut = three(backhaul_cuts=(BackhaulCut(0, 1, ((0, 9 * NS_PER_S),)),))
    (row,) = simulate(plan(cut, (task_of(0, 0),)), FixedChoice(2)).tasks
    assert (row.es, row.choice, row.forwarded) == ("es-1", 2, False)
    (row,) = simulate(plan(three(), (task_of(0, 0),), faults=(Fault("es-2", 100 * MS),)), FixedChoice(2)).tasks
    assert (row.es, row.recovered) == ("es-1", False)


def test_what_was_sent_to_a_server_that_dies_goes_back_to_its_user():
    (row,) = simulate(plan(three(), (task_of(0, 0),), faults=(Fault("es-2", 1500 * MS),)), FixedChoice(2)).tasks
    assert row.recovered and row.local_execution_ns > 0


@pytest.mark.parametrize("seed", range(24))
def test_everything_that_must_hold_holds_with_faults_and_a_bad_network(seed):
    case = drawn(seed)
    second = case.scenario.get("second_offload", {}) | {"by": "agent"}
    strategy = ("greedy-any", "jsq-any", "po2-any")[seed % 3]
    scenario = case.scenario | {"second_offload": second}
    assert failure(msgspec.structs.replace(case, scenario=scenario, strategy=strategy)) == ""


@pytest.mark.parametrize("strategy", ["greedy-any", "jsq-any", "po2-any"])
def test_a_run_is_computed_again_from_its_recorded_decisions(strategy):
    resolved = inputs.resolve(load_scenario("region", [*ANY, FAULTS]))
    policy, double = loading.load(strategy)
    tasks = inputs.generate(resolved.scenario, resolved.system)
    made = resolved.plan(tasks, strategy, second_offload=double, live=False)
    assert made.system.chosen_target
    result = simulate(made, policy)
    assert any(row.choice > 1 for row in result.tasks)
    again = simulate(
        msgspec.structs.replace(made, faults=replay.recorded_faults(result.events)),
        None,
        replay.recorded_answers(result.tasks),
    )
    assert rows_by_task(again.tasks) == rows_by_task(result.tasks)


def test_the_rule_s_scenario_refuses_strategies_that_choose():
    resolved = inputs.resolve(load_scenario("region", ["slots=60"]))
    with pytest.raises(UsageError, match="chooses targets") as raised:
        resolved.plan((), "greedy-any", second_offload=True, live=False)
    assert "second_offload.by=agent" in raised.value.remedy


def test_the_agents_scenario_has_strategies_that_follow_the_rule_or_do_without():
    ruled = inputs.resolve(load_scenario("region", ["slots=60"]))
    free = inputs.resolve(load_scenario("region", list(ANY)))
    tasks = inputs.generate(free.scenario, free.system)
    for strategy in ("greedy-do", "greedy"):
        policy, double = loading.load(strategy)
        one, other = (
            simulate(made.plan(tasks, strategy, second_offload=double, live=False), policy) for made in (ruled, free)
        )
        assert list(one.tasks) == list(other.tasks)


def test_an_action_that_there_is_not_is_a_policy_error():
    result = simulate(plan(three(), (task_of(0, 0),)), FixedChoice(4))
    assert "0 (local), 1 (own edge server) or up to 3" in next(event.detail for event in result.events)
    assert [row.fallback for row in result.tasks] == ["policy error"]
