"""Faults that everybody is told of while a run goes on: what follows is what a plan that had them would have given."""

import itertools

import msgspec
import pytest

from testbed.model.revision import difference, revised
from testbed.sim.simulation import Simulation, simulate
from tests.sim.test_disturbances import S, planned

TOLD_NS = 100_000_000
KINDS = {
    "slow": "slow: es-2 to 37%",
    "degrade": "degrade: ue-3-2 to 1.5 Mbit/s +20 ms",
    "loss": "degrade: ue-3-2 to 3 Mbit/s loss 40%",
    "both ways": "degrade: ue-3-2 to 1.5 Mbit/s loss 40% +20 ms both ways",
    "cut": "cut: ue-3-2:es-3",
    "backhaul": "cut: es-3:es-1",
    "partition": "partition: cell 3",
    "overload": "overload: cell 1 x 3",
    "pause es": "pause: es-2",
    "pause ue": "pause: ue-3-2",
}
RADIO = "radio: {latency: 7 ms, return_latency: 30 ms, result_bits: 60 kB}"


def told(plans):
    """What comes of the first plan if everybody is told of each later one shortly before its instant."""
    simulation = Simulation(plans[0][1], planned("", "offload-do")[1])
    for at_ns, plan in plans[1:]:
        simulation.revise_at(at_ns - TOLD_NS, plan)
    return simulation.run()


def known(row):
    """What a UE knows of itself; how long its radio takes, as far as faults have been told of by then."""
    return msgspec.structs.replace(row, radio_wait_ns=0)


def same(one, other):
    assert list(one.tasks) == list(other.tasks)
    assert one.slots == other.slots and one.events == other.events
    assert [known(row) for row in one.ue_slots] == [known(row) for row in other.ue_slots]
    assert sorted(map(repr, one.links)) == sorted(map(repr, other.links))


@pytest.mark.parametrize(
    "rest",
    [
        "slots: 24",
        f"slots: 24\n{RADIO}",
        "slots: 24\ncells: [{es: {cores: 2, cpu: 1 GHz}}]*3",
        f"slots: 24\n{RADIO}\nue: {{on_cut: recover}}",
    ],
)
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_told_shortly_before_is_as_good_as_planned(kind, rest):
    rest = rest.replace("[{es: {cores: 2, cpu: 1 GHz}}]*3", "[" + ", ".join(["{es: {cores: 2, cpu: 1 GHz}}"] * 3) + "]")
    calm, (hard, policy) = (
        planned("", "offload-do", rest),
        planned(f"{{at: 6.3 s, for: 7.1 s, {KINDS[kind]}}}", "offload-do", rest),
    )
    same(told([(0, calm[0]), (6_300_000_000, hard)]), simulate(hard, policy))
    assert difference(calm[0], hard) != difference(calm[0], calm[0])


@pytest.mark.parametrize("kind", KINDS)
def test_a_fault_that_is_lifted_is_one_that_was_shorter(kind):
    rest = f"slots: 30\n{RADIO}"
    calm, (long, policy), (short, _) = (
        planned(f"{{at: 6.3 s, for: {length} s, {KINDS[kind]}}}" if length else "", "offload-do", rest)
        for length in (0, 80_000, 6.4)
    )
    same(told([(0, calm[0]), (6_300_000_000, long), (12_700_000_000, short)]), simulate(short, policy))


@pytest.mark.parametrize("lifted_s", [0.05, 0.1, 0.2, 3])
def test_what_is_taken_back_from_a_radio_does_not_depend_on_when_a_cut_was_told(lifted_s):
    """It is known after 0.1 s, unless it is lifted by then."""
    rest = f"slots: 16\n{RADIO}\ntask: {{input: 1 MB}}\nue: {{on_cut: recover}}"
    calm, (long, policy), (short, _) = (
        planned(f"{{at: 6.3 s, for: {length} s, {KINDS['cut']}}}" if length else "", "offload-do", rest)
        for length in (0, 80_000, lifted_s)
    )
    expected = simulate(short, policy)
    same(told([(0, calm[0]), (6_300_000_000, long), (6_300_000_000 + int(lifted_s * S), short)]), expected)
    held = [row for row in expected.tasks if row.recovered and row.tx_start_ns >= 0]
    assert [(row.ue, row.tx_end_ns, row.reentry_ns) for row in held] == (
        [("ue-3-2", 6_300_000_000, 6_400_000_000)] if lifted_s > 0.1 else []
    )


def test_several_faults_come_and_go_at_once():
    kinds = [
        KINDS[kind]
        for kind in ("slow", "both ways", "cut", "backhaul", "partition", "overload", "pause es", "pause ue")
    ]
    faults = [f"{{at: {4 + n / 2} s, for: {5 + n / 4} s, {kind}}}" for n, kind in enumerate(kinds)]
    plans = [planned(", ".join(faults[:n]), "offload-do", f"slots: 40\n{RADIO}") for n in range(len(faults) + 1)]
    at_ns = [0, *(4 * S + n * S // 2 for n in range(len(faults)))]
    same(told([(at, plan) for at, (plan, _) in zip(at_ns, plans, strict=True)]), simulate(*plans[-1]))


def test_a_revision_is_what_turns_one_plan_into_another():
    plans = [planned(f"{{at: 6 s, for: 3 s, {kind}}}")[0] for kind in KINDS.values()]
    for one, other in itertools.permutations(plans, 2):
        after = revised(one, difference(one, other))
        assert after.system == other.system and set(after.workload) == set(other.workload)


@pytest.mark.parametrize("arrivals", ["", "\nworkload: {arrivals: poisson}"])
@pytest.mark.parametrize("factor", [0, 3])
def test_an_overload_that_is_told_changes_the_tasks_of_ues_that_ask_at_once(factor, arrivals):
    rest = f"slots: 24\n{RADIO}\nagent: {{epoch: arrival}}{arrivals}"
    fault = f"{{at: 6.3 s, for: 7.1 s, overload: cell 1 x {factor}}}"
    calm, (hard, policy) = planned("", "offload-do", rest), planned(fault, "offload-do", rest)
    assert len(hard.workload) != len(calm[0].workload)
    same(told([(0, calm[0]), (6_300_000_000, hard)]), simulate(hard, policy))
