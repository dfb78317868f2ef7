"""What is decided where nobody decided in time: one rule, whoever applies it."""

import pytest

from testbed.model.delay import NS_PER_S
from testbed.model.fallback import fallback_choice
from testbed.model.system import Fault
from testbed.model.task import LOCAL, OFFLOAD
from testbed.policy.heuristics import FixedChoice
from testbed.sim.simulation import simulate
from tests import support

SLOTS = 200


class Broken:
    """A policy that fails whenever it is asked."""

    def decide(self, cell, rng):
        raise ValueError(f"no decision in slot {cell.slot}")


@pytest.mark.parametrize(("fallback", "choice"), [("lc", LOCAL), ("offload", OFFLOAD)])
def test_a_fixed_fallback_is_the_same_for_everyone(fallback, choice):
    hardware = support.system(fallback=fallback)
    assert {fallback_choice(hardware, ue, slot) for ue in range(2) for slot in range(SLOTS)} == {choice}


def test_a_random_fallback_offloads_half_of_the_slots_and_keeps_to_it():
    hardware = support.system(fallback="random")
    choices = [fallback_choice(hardware, 0, slot) for slot in range(SLOTS)]
    assert choices == [fallback_choice(hardware, 0, slot) for slot in range(SLOTS)]
    assert choices != [fallback_choice(hardware, 1, slot) for slot in range(SLOTS)]
    assert 0.4 < sum(choices) / SLOTS < 0.6


def test_ues_without_a_controller_choose_what_a_controller_without_a_policy_does():
    hardware = support.system(slots=12, fallback="random")
    tasks = [support.task_of(0, n, at=n * NS_PER_S, cycles=1000, bits=800) for n in range(12)]
    lost = simulate(support.plan(hardware, tasks, faults=[Fault("controller", 0)]), FixedChoice(LOCAL)).tasks
    failed = simulate(support.plan(hardware, tasks), Broken()).tasks
    assert {row.fallback for row in lost} == {"controller lost"}
    assert {row.fallback for row in failed} == {"policy error"}
    expected = [fallback_choice(hardware, 0, slot) for slot in range(12)]
    assert [row.choice for row in lost] == [row.choice for row in failed] == expected
    assert set(expected) == {LOCAL, OFFLOAD}
