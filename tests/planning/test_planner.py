"""The planner in runs: the same on every virtual clock, better than what it plans from, and blind to the future."""

import msgspec
import pytest

from testbed.experiments.virtual import by_twin, fresh_twin
from testbed.hindsight import evaluator
from testbed.model.errors import UsageError
from testbed.model.statistics import mean
from testbed.model.system import Fault
from testbed.model.targets import action_of
from testbed.model.task import LOCAL, OFFLOAD
from testbed.planning.acting import acting
from testbed.planning.planner import Planner
from testbed.policy.choosing import PricedAny, Shortest
from testbed.policy.heuristics import Coin, FixedChoice, Priced
from testbed.policy.learned import Learned
from testbed.policy.network import initial, layout
from testbed.policy.planned import USUAL_ANY_BASE, Planned
from testbed.policy.regional import RegionalNetwork
from testbed.policy.targets_learned import RegionalTargetNetwork
from testbed.protocol.rows import POLICY_ERROR
from testbed.scenario.load import load_scenario
from testbed.sim.simulation import simulate
from testbed.trace import inputs
from testbed.twin.state import NETWORK_CODE
from testbed.twin.views import cell_view
from tests.support import MS, plan, region, system, task_of
from tests.twin.test_parity import same

SHORT = 3 * MS


def planned(*changes, double=True):
    """The plan of `region` with some changes."""
    resolved = inputs.resolve(load_scenario("region", changes))
    workload = inputs.generate(resolved.scenario, resolved.system)
    return resolved.plan(workload, "plan-do", second_offload=double, live=False)


def choosing(*changes):
    """The plan of `region` where agents choose targets."""
    resolved = inputs.resolve(load_scenario("region", ["second_offload.by=agent", *changes]))
    workload = inputs.generate(resolved.scenario, resolved.system)
    return resolved.plan(workload, "plan-any", second_offload=True, live=False)


def assert_same_on_both_clocks(made, policy):
    simulated, played = simulate(made, policy), by_twin(made, policy)
    assert len(simulated.tasks) == len(played.tasks) == len(made.workload)
    for a, b in zip(simulated.tasks, played.tasks, strict=True):
        same(a, b)
    assert not [event for event in (*simulated.events, *played.events) if event.kind == POLICY_ERROR]
    return played


@pytest.mark.parametrize(
    ("changes", "base"),
    [
        ((), Priced()),
        (("radio.access=shared",), Priced(0.3, 0.1)),
        (("radio.loss=10%", "radio.jitter={uniform: [0 ms, 90 ms]}"), Priced(0.3, 0.1)),
        (("workload.arrivals=poisson",), Coin(0.5)),
        (("cells=[{es: {cpu: 4 GHz, cores: 2, queue_limit: 2}, ues: 6}]",), FixedChoice(1)),
    ],
    ids=["region", "shared", "lossy", "poisson", "one cell"],
)
def test_it_decides_the_same_on_simulation_and_twin(changes, base):
    assert_same_on_both_clocks(planned("slots=15", *changes), Planned(base, SHORT))


REGIONAL_NETWORK = RegionalNetwork(initial(1, layout("regional")), double=True)


@pytest.mark.parametrize("network", [Learned(initial(1), double=True), REGIONAL_NETWORK], ids=["a3c", "a3c-region"])
def test_a_network_is_planned_from_in_its_own_futures(network):
    made = planned("slots=60")
    ahead = Planner(made, Planned(network, 10 * SHORT))._search
    assert ahead._base["policy"] == NETWORK_CODE and ahead._network is not None
    ran = assert_same_on_both_clocks(made, Planned(network, 10 * SHORT))
    alone = by_twin(made, network)
    assert mean([row.overhead for row in ran.tasks]) < 0.98 * mean([row.overhead for row in alone.tasks])


def test_a_network_that_remembers_is_planned_from_without_its_futures():
    made = planned("slots=15")
    remembering = Learned(initial(1, layout(gru_units=4)), double=True, shape=layout(gru_units=4))
    assert Planner(made, Planned(remembering, SHORT))._search._network is None


@pytest.mark.parametrize("changes", [(), ("radio.access=shared", "radio.loss=10%")], ids=["region", "lossy"])
@pytest.mark.parametrize("base", [PricedAny(0.3, 0.1, 0.3), Shortest(sampled=True)], ids=["priced", "po2"])
def test_chosen_targets_are_planned_alike_on_simulation_and_twin(changes, base):
    ran = assert_same_on_both_clocks(choosing("slots=15", *changes), Planned(base, SHORT))
    assert {row.choice for row in ran.tasks} == {0, 1, 2, 3}


def test_a_planner_of_targets_is_better_than_what_it_plans_from():
    made, network = choosing("slots=60", "seed=1000000"), RegionalTargetNetwork(initial(1, layout("regional-any")))
    for base in (USUAL_ANY_BASE, network):
        assert by_twin(made, Planned(base)).mean_overhead < 0.95 * by_twin(made, base).mean_overhead
    assert Planner(made, Planned(network, SHORT))._search._base["policy"] == NETWORK_CODE


def test_no_target_is_planned_that_is_out_of_reach():
    made = choosing("slots=15", "density=1.0")
    twin = fresh_twin(made)
    twin.reset(made.system.seed)
    cells = [cell_view(twin, 0, cell) for cell in range(3)]
    servers = tuple(msgspec.structs.replace(es, reachable=es.index != 1) for es in cells[0].edge_servers)
    cut = msgspec.structs.replace(cells[0], edge_servers=servers)
    always = Planned(FixedChoice(action_of(1, 0)), 1)  # no time to change anything
    own = {ue.name for ue in cut.ues if ue.tasks}
    free, kept = (Planner(made, always).decide_region([first, *cells[1:]]) for first in (cells[0], cut))
    assert {free[name] for name in own} == {2} and {kept[name] for name in own} == {OFFLOAD}


def test_tasks_of_no_known_distribution_are_planned_with_too():
    made, tasks = region(0.7, 3, 20)
    assert_same_on_both_clocks(plan(made, tasks), Planned(Priced(), SHORT))


def test_it_is_better_than_what_it_plans_from():
    made = planned("slots=60", "seed=1000000")
    base = Priced(0.3, 0.1)
    assert by_twin(made, Planned(base)).mean_overhead < 0.95 * by_twin(made, base).mean_overhead


def test_more_time_is_used():
    made = planned("slots=40", "seed=1000001")
    short, long = (by_twin(made, Planned(Priced(), think_ns)).mean_overhead for think_ns in (MS // 10, 20 * MS))
    assert long < short


def test_what_comes_later_changes_nothing_before():
    made = planned("slots=20")
    half = 10 * made.system.slot_ns
    other = planned("slots=20", "seed=99")
    workload = [task for task in made.workload if task.generated_ns < half]
    numbers = [sum(task.ue == ue.index for task in workload) for ue in made.system.ues]
    for task in other.workload:
        if task.generated_ns >= half:
            workload.append(msgspec.structs.replace(task, number=numbers[task.ue]))
            numbers[task.ue] += 1
    changed = msgspec.structs.replace(made, workload=tuple(workload))
    first, second = (by_twin(one, Planned(think_ns=SHORT)).tasks for one in (made, changed))
    early, late = ([row.choice for row in rows if row.slot < 10] for rows in (first, second))
    assert early == late and 0 < sum(early) < len(early)


def test_tasks_of_a_dead_server_stay_with_their_ues():
    made, tasks = region(0.8, 3, 25)
    died = plan(made, tasks, faults=[Fault("es-1", 5_000_000_000, 15_000_000_000)])
    simulated = simulate(died, Planned(FixedChoice(1), SHORT))
    assert all(row.finished_ns >= 0 for row in simulated.tasks)
    assert not [event for event in simulated.events if event.kind == POLICY_ERROR]
    meanwhile = [row.choice for row in simulated.tasks if row.ue.startswith("ue-1-") and 6 <= row.slot <= 14]
    assert meanwhile and set(meanwhile) == {LOCAL}
    assert {row.choice for row in simulated.tasks if row.ue.startswith("ue-1-") and row.slot > 15} == {0, 1}


def test_a_backlog_that_outgrows_its_room_is_believed_anew():
    made = system((2,), (100_000_000,), slots=200)
    tasks = [task_of(ue, n, at=n * made.slot_ns, cycles=10**10) for ue in (0, 1) for n in range(200)]
    policy = acting(plan(made, tasks), Planned(FixedChoice(1), MS // 10))
    assert isinstance(policy, Planner)
    played = by_twin(plan(made, tasks), Planned(FixedChoice(1), MS // 10))
    assert not [event for event in played.events if event.kind == POLICY_ERROR]


def test_hindsight_judges_a_planner():
    resolved = inputs.resolve(load_scenario("region", ["slots=12"]))
    workload = inputs.generate(resolved.scenario, resolved.system)
    case = evaluator.of_scenario(resolved, workload, ["greedy-do", "plan-do@3ms"])
    played, greedy = case.played["plan-do@3ms"], case.played["greedy-do"]
    assert case.exact(second_offload=True).overhead(played.decisions) == pytest.approx(played.overhead)
    assert played.second_offload and played.overhead < greedy.overhead


def test_with_a_clock_it_stops_when_its_time_is_up():
    made = planned("slots=12", "seed=3")
    told: list[int] = []

    def clock():
        told.append(len(told) * 15 * MS)
        return told[-1]

    policy = acting(made, Planned(Priced(), 20 * MS), clock)
    assert isinstance(policy, Planner)
    before = len(told)
    world = fresh_twin(made)
    world.reset(made.system.seed)
    views = [cell_view(world, 0, es.index) for es in made.system.edge_servers]
    chosen = policy.decide_region(views)
    assert len(told) - before <= 4
    assert set(chosen) >= {ue.name for view in views for ue in view.ues if ue.tasks}


def test_a_planner_that_does_not_act_decides_nothing():
    made, _ = region(slots=3)
    with pytest.raises(UsageError, match="in runs only"):
        Planned().decide(None, None)  # type: ignore[arg-type]
    assert acting(plan(made, ()), Priced()) == Priced()
