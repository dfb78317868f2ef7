"""Planned faults in a scenario: how they are written, what of them is refused, and what becomes of them."""

import math

import msgspec
import pytest

from testbed.model.errors import ScenarioError
from testbed.model.system import Disturbance, Fault
from testbed.scenario.dump import dump, dump_resolved
from testbed.scenario.fault_grammar import FaultPhrase
from testbed.scenario.load import parse_scenario
from testbed.scenario.resolve import resolve
from testbed.scenario.schema import Workload
from testbed.scenario.workload import generate

S = 10**9
KINDS = [
    "at: 3 s, for: 2 s, every: 5 s, overload: cell 2 x 2.5",
    "at: 3 s, for: 2 s, every: 5 s, slow: es-2 to 33.3%",
    "at: 3 s, for: 2 s, degrade: ue-1-3 to 1.5 Mbit/s +20 ms",
    "at: 3 s, for: 2 s, degrade: ue-1-3 to 1.5 Mbit/s",
    "at: 3 s, for: 2 s, degrade: ue-1-3 to +20 ms",
    "at: 3 s, for: 2 s, degrade: ue-1-3 to loss 12.5%",
    "at: 3 s, for: 2 s, degrade: ue-1-3 to 1.5 Mbit/s loss 0 latency +20 ms both ways",
    "at: 3 s, for: 2 s, cut: ue-1-3:es-1",
    "at: 3 s, for: 2 s, cut: es-1:es-3",
    "at: 3 s, for: 2 s, partition: cell 3",
    "at: 3 s, for: 2 s, pause: es-3",
    "at: 3 s, for: 2 s, pause: ue-1-2",
]


def resolved(*faults, rest="slots: 20"):
    return resolve(parse_scenario(f"{rest}\nfaults: [{', '.join('{' + fault + '}' for fault in faults)}]"))


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("ue-1-3 loss 10%", "ue-1-3 to loss 0.1"),
        ("ue-1-3 loss 10 % both ways", "ue-1-3 to loss 0.1 both ways"),
        ("ue-1-3 +20 ms", "ue-1-3 to +20 ms"),
        ("ue-1-3 latency +20 ms", "ue-1-3 to +20 ms"),
        ("ue-1-3 to latency 20 ms", "ue-1-3 to +20 ms"),
        ("ue-1-3 1 Mbit/s", "ue-1-3 to 1 Mbit/s"),
        ("ue-1-3 1 Mbit/s loss 10% latency +20 ms", "ue-1-3 to 1 Mbit/s loss 0.1 +20 ms"),
    ],
)
def test_what_is_degraded_may_stand_alone_and_without_to(said, meant):
    assert FaultPhrase("degrade").parse(said).text == meant


@pytest.mark.parametrize("fault", KINDS)
def test_every_kind_survives_being_written(fault):
    made = resolved(fault)
    assert parse_scenario(dump(made.scenario)) == made.scenario
    again = resolve(parse_scenario(dump_resolved(made)))
    assert again.system == made.system and again.disturbances == made.disturbances != ()


def test_what_comes_again_is_several():
    made = resolved("at: 3 s, for: 2 s, every: 8 s, overload: cell 1 x 3", "at: 1 s, kill: es-1, restart_after: 1 s")
    assert made.disturbances == tuple(
        Disturbance("cell 1", "overload cell 1 x 3", at * S, (at + 2) * S) for at in (3, 11, 19)
    )
    assert made.faults == (Fault("es-1", S, 2 * S),)
    killed = resolved("at: 1 s, kill: es-1, restart_after: 1 s, every: 9 s").faults
    assert [(fault.at_ns // S, fault.restart_ns // S) for fault in killed] == [(1, 2), (10, 11), (19, 20)]


@pytest.mark.parametrize(
    ("faults", "said"),
    [
        (["at: 1 s"], "a fault that does nothing"),
        (["at: 1 s, kill: es-1, overload: cell 1 x 3"], 'does both "kill" and "overload"'),
        (["at: 1 s, overload: cell 9 x 3"], 'there is no "cell 9"'),
        (["at: 1 s, overload: cell 0 x 3"], 'there is no "cell 0"'),
        (["at: 1 s, overload: es-1"], '"es-1" is no overload'),
        (["at: 1 s, overload: cell 1 x -1"], '"-1" is out of range'),
        (["at: 1 s, slow: es-9 to 50%"], 'there is no edge server "es-9"'),
        (["at: 1 s, slow: es-1"], '"es-1" slows nothing'),
        (["at: 1 s, slow: es-1 to 0"], '"0" is out of range'),
        (["at: 1 s, slow: es-1 to 120%"], '"120%" is out of range'),
        (["at: 1 s, degrade: ue-9-9 to +1 ms"], 'there is no user equipment "ue-9-9"'),
        (["at: 1 s, degrade: ue-1-1"], '"ue-1-1" degrades nothing'),
        (["at: 1 s, degrade: ue-1-1 to 3"], '"3" needs a unit'),
        (["at: 1 s, degrade: ue-1-1 to 0 bit/s"], '"0 bit/s" is out of range'),
        (["at: 1 s, degrade: ue-1-1 to +900 h"], '"900 h" is out of range'),
        (["at: 1 s, degrade: ue-1-1 to loss 100%"], '"100%" is out of range'),
        (["at: 1 s, degrade: ue-1-1 loss 150%"], '"150%" is out of range'),
        (["at: 1 s, degrade: ue-1-1 loss -5 %"], '"-5 %" is out of range'),
        (["at: 1 s, degrade: ue-1-1 -1 Mbit/s"], '"-1 Mbit/s" is out of range'),
        (["at: 1 s, degrade: ue-1-1 latency -5 ms"], '"-5 ms" is out of range'),
        (["at: 1 s, degrade: ue-1-1 to"], '"ue-1-1 to" degrades nothing'),
        (["at: 1 s, degrade: ue-1-1 to loss"], '"ue-1-1 to loss" degrades nothing'),
        (["at: 1 s, degrade: ue-1-1 to both ways"], '"ue-1-1 to both ways" degrades nothing'),
        (["at: 1 s, for: 1 s, cut: ue-1-1"], '"ue-1-1" is no link'),
        (["at: 1 s, for: 1 s, cut: ue-1-1:es-2"], "ue-1-1 has no link to es-2"),
        (["at: 1 s, for: 1 s, cut: ue-1-9:es-1"], 'there is no user equipment "ue-1-9"'),
        (["at: 1 s, for: 1 s, cut: es-1:es-1"], 'there is no other edge server "es-1"'),
        (["at: 1 s, for: 1 s, partition: es-1"], '"es-1" is no cell'),
        (["at: 1 s, for: 1 s, partition: cell 4"], 'there is no "cell 4"'),
        (["at: 1 s, cut: es-1:es-2"], 'a cut needs "for"'),
        (["at: 1 s, pause: es-2"], 'a pause needs "for"'),
        (["at: 1 s, for: 25 h, pause: es-2"], 'a "pause" that does not end within a day'),
        (["at: 1.1 s, for: 0.9 s, overload: cell 1 x 3"], "no slot begins while it lasts"),
        (["at: 1 s, every: 2 s, overload: cell 1 x 3"], "it comes again every 2 s, before it is over"),
        (["at: 1 s, every: 2 s, kill: es-1"], "it comes again every 2 s, before it is over"),
        (["at: 1 s, overload: cell 1 x 3", "at: 5 s, overload: cell 1 x 2"], 'an earlier "overload" of cell 1 lasts'),
        (["at: 1 s, kill: es-1, for: 3 s"], '"for" means nothing for a death'),
        (["at: 1 s, overload: cell 1 x 3, restart_after: 1 s"], '"restart_after" means nothing for "overload"'),
        (["at: 20 s, overload: cell 1 x 3"], 'the run ends at 20 s, before "overload cell 1 x 3" at 20 s'),
    ],
)
def test_mistakes_are_told_where_they_stand(faults, said):
    with pytest.raises(ScenarioError) as told:
        resolved(*faults)
    assert said in told.value.message and told.value.remedy
    with pytest.raises(ScenarioError, match=r":\d+:\d+: "):
        parse_scenario("slots: 20\nfaults:\n" + "\n".join(f"  - {{{fault}}}" for fault in faults))


@pytest.mark.parametrize(
    ("fault", "remedy"),
    [
        ("at: 1 s, for: 1 s, cut: es-1:es-1", "cut takes a UE (ue-1-1 to ue-3-5) and its ES, as in ue-1-1:es-1, or "),
        ("at: 1 s, degrade: es-1 loss 10%", "degrade takes a UE (ue-1-1 to ue-3-5)"),
        ("at: 1 s, slow: ue-1-1 to 50%", "slow takes an ES (es-1 to es-3)"),
        ("at: 1 s, for: 1 s, pause: controller", "pause takes an ES (es-1 to es-3) or a UE (ue-1-1 to ue-3-5)"),
        ("at: 1 s, kill: es-9", "kill takes the controller, an ES (es-1 to es-3) or a UE (ue-1-1 to ue-3-5)"),
        ("at: 5 s, kill: es", 'write which, as in es-1; any "es" goes with a rate (mean_interval) only'),
        ("at: 5 s, for: 1 s, cut: ue:es", 'write which, as in ue-1-1; any "ue" goes with a rate (mean_interval) only'),
        ("at: 5 s, slow: es-2 to 50", "write 50%"),
        ("at: 5 s, slow: es-2 to 500", "must be from 0.1% to 100%"),
        ("at: 5 s, degrade: ue-1-1 loss 10", "write 10%"),
    ],
)
def test_the_remedy_of_a_wrong_target_or_share_says_what_the_fault_takes(fault, remedy):
    with pytest.raises(ScenarioError) as told:
        resolved(fault)
    assert told.value.remedy.startswith(remedy)


def test_a_fault_that_comes_too_often_is_refused():
    with pytest.raises(ScenarioError, match="more than 10,000 times"):
        resolved("at: 0 s, for: 1 us, every: 1 ms, overload: cell 1 x 3")


def test_faults_of_one_kind_may_follow_each_other_and_hit_different_targets():
    assert len(resolved("at: 1 s, for: 2 s, overload: cell 1 x 3", "at: 3 s, overload: cell 1 x 2").disturbances) == 2
    assert len(resolved("at: 1 s, overload: cell 1 x 3", "at: 1 s, overload: cell 2 x 3").disturbances) == 2


def tasks_by_cell(made):
    found: list[list[tuple[int, int]]] = [[], [], []]
    for task in generate(made.scenario, made.system):
        found[made.system.ues[task.ue].cell].append((task.ue, task.generated_ns))
    return found


@pytest.mark.parametrize("arrivals", ["bernoulli", "poisson"])
def test_an_overload_multiplies_the_density_of_its_cell_alone_and_of_its_slots_alone(arrivals):
    rest = f"slots: 400\ndensity: 0.3\nworkload: {{arrivals: {arrivals}}}"
    calm, hard = (
        tasks_by_cell(resolved(*faults, rest=rest)) for faults in ([], ["at: 99.5 s, for: 100 s, overload: cell 1 x 3"])
    )
    assert hard[1:] == calm[1:]
    inside, before = range(100 * S, 200 * S), [one for one in calm[0] if one[1] < 100 * S]
    assert [one for one in hard[0] if one[1] < 100 * S] == before
    ratio = sum(at in inside for _, at in hard[0]) / sum(at in inside for _, at in calm[0])
    assert 2.3 < ratio < 3.7
    if arrivals == "bernoulli":
        outside = [[one for one in cell[0] if one[1] not in inside] for cell in (calm, hard)]
        assert outside[0] == outside[1] and set(calm[0]) <= set(hard[0])


def test_an_overload_of_nothing_silences_a_cell():
    for arrivals in ("bernoulli", "poisson"):
        rest = f"slots: 20\nworkload: {{arrivals: {arrivals}}}"
        counts = [len(cell) for cell in tasks_by_cell(resolved("at: 0 s, overload: cell 1 x 0", rest=rest))]
        assert counts[0] == 0 and min(counts[1:]) > 0


def test_a_traced_workload_leaves_no_place_for_an_overload():
    scenario = parse_scenario("faults: [{at: 1 s, overload: cell 1 x 3}]")
    with pytest.raises(ScenarioError, match="a trace leaves no place"):
        resolve(msgspec.structs.replace(scenario, workload=Workload(trace="workload.csv")))


def test_a_slow_servers_speed_changes_at_the_faults_instants():
    two = "at: 3 s, for: 2 s, slow: es-1 to 50%", "at: 5 s, for: 1 s, slow: es-1 to 25%"
    made = resolved(*two, "at: 4 s, slow: es-2 to 10%")
    first, second, third = made.system.edge_servers
    assert first.speed_edges_ns == (0, 3 * S, 5 * S, 6 * S)
    assert first.speeds_hz == (4 * S, 2 * S, S, 4 * S) and first.slowest_hz == S
    assert (second.speed_edges_ns, second.speeds_hz) == ((0, 4 * S), (3 * S, 3 * S // 10))
    assert third.speeds_hz == () and third.slowest_hz == third.cpu_hz
    assert [first.hz(at) for at in (0, 3 * S - 1, 3 * S, 6 * S)] == [4 * S, 4 * S, 2 * S, 4 * S]


def test_a_degraded_uplink_changes_at_the_faults_instants():
    made = resolved("at: 3 s, for: 2 s, degrade: ue-1-3 to 1 Mbit/s +20 ms", "at: 7 s, degrade: ue-1-3 to +5 ms")
    ue = made.system.ues[2]
    assert (ue.cap_edges_ns, ue.caps_bps) == ((0, 3 * S, 5 * S), (math.inf, 1e6, math.inf)) and ue.least_cap_bps == 1e6
    assert (ue.added_edges_ns, ue.added_ns) == ((0, 3 * S, 5 * S, 7 * S), (0, 20_000_000, 0, 5_000_000))
    assert made.system.ues[0].caps_bps == () and made.system.ues[0].least_cap_bps == math.inf


def test_the_rate_of_a_shared_radio_cannot_be_degraded():
    with pytest.raises(ScenarioError, match="not one UE's own"):
        resolved("at: 1 s, degrade: ue-1-1 to 1 Mbit/s", rest="slots: 20\nradio: {access: shared}")


def test_what_is_lost_changes_at_the_faults_instants_and_both_ways_alike():
    one, other = "degrade: ue-1-3 to loss 10% both ways", "degrade: ue-1-3 to 2 Mbit/s loss 0"
    ue = resolved(f"at: 3 s, for: 2 s, {one}", f"at: 7 s, {other}", rest="slots: 20\nradio: {loss: 0.2}").system.ues[2]
    assert (ue.loss_edges_ns, ue.losses) == ((0, 3 * S, 5 * S, 7 * S), (0.2, 0.1, 0.2, 0.0))
    assert (ue.back.loss_edges_ns, ue.back.losses, ue.back.caps_bps) == ((0, 3 * S, 5 * S), (0.0, 0.1, 0.0), ())


def test_cuts_and_partitions_of_one_link_are_one():
    cuts = (
        "at: 1 s, for: 2 s, cut: es-2:es-1",
        "at: 2 s, for: 3 s, partition: cell 1",
        "at: 9 s, for: 1 s, cut: es-1:es-2",
    )
    made = resolved(*cuts).system
    assert made.cuts_between(0, 1) == made.cuts_between(1, 0) == ((S, 5 * S), (9 * S, 10 * S))
    assert (made.cuts_between(0, 2), made.cuts_between(1, 2)) == (((2 * S, 5 * S),), ())


def test_a_link_that_is_cut_and_degraded_moves_nothing_while_it_is_cut():
    made = resolved("at: 2 s, for: 4 s, degrade: ue-1-1 to 1 Mbit/s", "at: 3 s, for: 1 s, cut: ue-1-1:es-1").system.ues[
        0
    ]
    assert made.cap_edges_ns == (0, 2 * S, 3 * S, 4 * S, 6 * S) and made.cuts_ns == ((3 * S, 4 * S),)
    assert made.caps_bps == (math.inf, 1e6, 0.0, 1e6, math.inf)


@pytest.mark.parametrize("fault", ["for: 1 s, cut: ue-1-1:es-1", "degrade: ue-1-1 to 1 Mbit/s +2 ms"])
def test_a_link_that_fades_is_neither_capped_nor_cut(fault):
    with pytest.raises(ScenarioError, match="a link that fades is not capped or cut"):
        resolved(f"at: 1 s, {fault}", rest="radio: {fading: 100 ms}")
    assert resolved("at: 1 s, degrade: ue-1-1 to +2 ms", rest="radio: {fading: 100 ms}").disturbances != ()
