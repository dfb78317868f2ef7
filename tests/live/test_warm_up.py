"""The warm-up before a live run: what is played, and that nothing of it is kept."""

import msgspec

from testbed.live import warm_up
from testbed.model.delay import NS_PER_S
from testbed.model.system import Fault, Plan
from tests.support import region


def whole(policy: str) -> Plan:
    """A run of `region` with a fault."""
    hardware, tasks = region(slots=30)
    return Plan(
        system=hardware, workload=tasks, policy=policy, second_offload=True, faults=(Fault("es-1", NS_PER_S, -1),)
    )


def test_every_ue_plays_a_task_a_slot_of_the_size_of_its_own():
    plan = whole("greedy-do")
    piece = warm_up.plan(plan)
    assert [len(own) for own in piece.tasks_by_ue()] == [warm_up.WARM_UP_SLOTS] * len(plan.system.ues)
    for own, played in zip(plan.tasks_by_ue(), piece.tasks_by_ue(), strict=True):
        assert {(task.input_bits, task.cycles) for task in played} == {(own[0].input_bits, own[0].cycles)}
    assert piece.system == msgspec.structs.replace(plan.system, slots=warm_up.WARM_UP_SLOTS)


def test_it_knows_no_faults_and_asks_the_strategy_of_the_run():
    piece = warm_up.plan(whole("a3c-do:policy.npz"))
    assert piece.faults == () and piece.policy == "a3c-do:policy.npz"


def test_nobody_learns_from_it():
    piece = warm_up.plan(msgspec.structs.replace(whole("a3c-do"), learn=True))
    assert not piece.learn and piece.policy == warm_up.STAND_IN


def test_a_policy_of_the_users_own_is_not_asked():
    assert warm_up.plan(whole("mine:decide")).policy == warm_up.STAND_IN


def test_ues_without_tasks_play_none():
    plan = msgspec.structs.replace(whole("lc"), workload=())
    assert warm_up.plan(plan).workload == ()
