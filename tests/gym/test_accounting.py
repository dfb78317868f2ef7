"""Slot by slot, told outcomes earn what the twin earns: on the virtual clock, where nothing is late."""

import msgspec
import numpy as np
import pytest

from controller.gather import Gathering
from testbed.gym import config as environment_config
from testbed.gym.accounting import Accounting
from testbed.gym.backend import TwinBackend
from testbed.gym.observation import observed
from testbed.model.learning import LEARNER
from testbed.model.system import CONTROLLER
from testbed.model.task import Phase
from testbed.protocol.actions import Send
from testbed.protocol.messages import Announce, Ask, Decision, Outcome
from testbed.sim.simulation import Simulation
from testbed.trace import inputs

SLOTS = 25


class Desk:
    """A controller that answers as it is told and keeps the record an environment would make of every slot."""

    name = "controller"

    def __init__(self, config, plan, choices):
        self.config, self.system, self.choices = config, plan.system, choices
        self.accounting, self.gathering = Accounting(plan.system, plan.workload, config.reward), Gathering(plan.system)
        self.slot, self.asks, self.seen, self.earned, self.inside = 0, {}, [], [], []

    def begin(self):
        return []

    def handle(self, now_ns, event):
        if isinstance(event, Ask):
            self.asks.setdefault(event.slot, {})[event.ue] = event
            self.accounting.asked(event)
        elif isinstance(event, Announce):
            self.gathering.announce(event)
        elif isinstance(event, Outcome):
            self.accounting.ended(event)
        asks = self.asks.get(self.slot, {})
        if all(self.gathering.is_complete(es.index, self.slot, asks) for es in self.system.edge_servers):
            return self._turn(now_ns, asks)
        return []

    def _turn(self, now_ns, asks):
        if self.slot > 0:
            self.earned.append(self.accounting.settle(self.slot)[0])
        choices = self.choices[self.slot]
        views = [self.gathering.view(cell, self.slot, own) for cell, own in enumerate(self.gathering.by_cell(asks))]
        self.seen.append(observed(views, self.config))
        self.inside.append(self.accounting.inside)
        self.accounting.decided(self.slot, choices)
        for view in views:
            self.accounting.expect(view, choices, 0)
        self.slot += 1
        answers = [
            (ue, Decision(ue=ue.name, slot=ask.slot, choice=int(choices[ue.index]), asked_ns=ask.at_ns))
            for ue in self.system.ues
            if (ask := asks[ue.name]).tasks
        ]
        return [
            Send(to=ue.name, body=decision, at_ns=now_ns, phase=Phase.DECIDE, ue=ue.index) for ue, decision in answers
        ]


class Attended(Simulation):
    """A simulation with a `Desk` for its controller and its learner; it ends once the last outcome has been told."""

    def __init__(self, config, plan, choices):
        super().__init__(plan, None)
        self.desk = Desk(config, plan, choices)
        self._incarnation[LEARNER] = 0

    def _make(self, name, incarnation, from_ns):
        return self.desk if name in (CONTROLLER, LEARNER) else super()._make(name, incarnation, from_ns)

    def _drained(self):
        return False


def both(**options):
    """What a desk of the simulation saw and earned in every slot, and the twin's: (desk, seen, cells, inside)."""
    config = environment_config.make(**options)
    system = config.system
    choices = np.random.default_rng(1).integers(0, 2, (SLOTS + 60, len(system.ues)), np.int8)
    choices[SLOTS // 2 : SLOTS] = 0  # queues that take some slots to drain
    workload = inputs.generate(config.scenario, system)
    plan = config.resolved.plan(workload, "", second_offload=config.second_offload, live=False)
    simulation = Attended(config, msgspec.structs.replace(plan, learn=True), choices)
    simulation.run()
    desk = simulation.desk
    desk.earned.append(desk.accounting.settle(desk.slot)[0])
    twin, seen, cells, inside = TwinBackend(config), [], [], []
    twin.reset(system.seed)
    for slot in range(len(desk.earned)):
        seen.append(twin.observe())
        inside.append(twin.inside)
        twin.step(choices[slot])
        cells.append(twin.cells.copy())
    assert twin.inside == desk.accounting.inside == 0
    return desk, seen, cells, inside


@pytest.mark.parametrize("reward", ["holding", "paper", "paper-sign"])
@pytest.mark.parametrize("observation", ["full", "paper"])
def test_every_slot_is_seen_and_paid_as_on_the_twin(reward, observation):
    options = {"settings": [f"slots={SLOTS}", "density=1"], "reward": reward, "observation": observation}
    desk, seen, cells, inside = both(**options)
    assert len(desk.earned) > SLOTS + 1
    assert (np.array(desk.seen) == np.array(seen)).all()
    assert desk.inside == inside
    for own, theirs in zip(desk.earned, cells, strict=True):
        for name in ("decided", "offloaded", "finished", "hits", "delay_ns"):
            assert (own[name] == theirs[name]).all(), name
        for name in ("energy_j", "overhead", "score", "cost"):
            assert own[name] == pytest.approx(theirs[name], abs=1e-9), name
    for name in ("forwarded", "rejected"):
        assert sum(own[name].sum() for own in desk.earned) == sum(one[name].sum() for one in cells)


def test_what_cannot_be_foreseen_is_put_right_when_tasks_end():
    """Loss, sharing and full queues spend energy that nobody expected: slots differ a little, sums do not."""
    options = {"scenario": "shared-radio", "settings": [f"slots={SLOTS}", "density=0.4"]}
    desk, _, cells, _ = both(**options)
    own, theirs = (np.array([one["cost"].sum() for one in result]) for result in (desk.earned, cells))
    assert own.sum() == pytest.approx(theirs.sum())
    assert own.sum() == pytest.approx(sum(one["overhead"].sum() for one in desk.earned))
    assert 0.0 < abs(own - theirs).max() < 0.2 * theirs.max()


def fallen_back(system, task, slot):
    """What became of a task of ``slot`` that nobody answered for: executed locally, and late."""
    return Outcome(
        ue=system.ues[task.ue].name,
        task=task,
        slot=slot,
        choice=0,
        fallback="timeout",
        state="late",
        delay_ns=10**9,
        energy_j=1.0,
        airtime_ns=0,
        tx_start_ns=-1,
        finished_ns=(slot + 1) * 10**9,
    )


def test_tasks_nobody_answered_for_count_as_fallen_back_once():
    config = environment_config.make(settings=[f"slots={SLOTS}"])
    workload = inputs.generate(config.scenario, config.system)
    accounting = Accounting(config.system, workload, "holding")
    asked = [task for task in workload if task.generated_ns == 0]
    for task in asked:
        accounting.ended(fallen_back(config.system, task, 0))
    accounting.missed(0)
    cells, fallback, _ = accounting.settle(1)
    assert cells["decided"].sum() == cells["finished"].sum() == fallback.sum() == len(asked) > 0
    assert cells["offloaded"].sum() == 0
    late = [task for task in workload if task.generated_ns == 10**9]
    accounting.decided(1, np.ones(15, np.int8))
    for task in late:
        accounting.ended(fallen_back(config.system, task, 1))
    cells, fallback, _ = accounting.settle(2)
    assert fallback.sum() == len(late) > 0
    assert cells["offloaded"].sum() == 0


def test_a_slow_answer_is_charged_what_it_took_and_its_lag_is_not_the_hosts():
    """40 ms at speed 20 are 0.8 s of emulated time; 0.04 s are charged, the rest hides or is left out."""
    config = environment_config.make(settings=[f"slots={SLOTS}"])
    workload = inputs.generate(config.scenario, config.system)
    tasks = [task for task in workload if task.generated_ns == 0][:3]
    second = 10**9
    for task, lag, left in zip(tasks, (second // 2, second, 0), (0, 240_000_000, 0), strict=True):
        ue = config.system.ues[task.ue]
        state = "completed" if second + lag <= task.deadline_ns else "late"
        measured = Outcome(
            ue=ue.name,
            task=task,
            slot=0,
            choice=0,
            fallback="",
            state=state,
            delay_ns=second + lag,
            energy_j=1.0,
            airtime_ns=0,
            tx_start_ns=-1,
            finished_ns=second,
        )
        outcome = msgspec.structs.replace(measured, by_ue=True, think_ns=40_000_000)
        accounting = Accounting(config.system, workload, "holding", speed=20.0)
        accounting.decided(0, np.zeros(15, np.int8))
        accounting.ended(outcome)
        cells, _, lag_ns = accounting.settle(4)
        assert lag_ns.sum() == left
        assert cells["delay_ns"].sum() == second + left
        assert cells["energy_j"].sum() == pytest.approx(1.0 - ue.kappa * ue.cpu_hz**3 * (lag - left) * 1e-9)
        assert cells["hits"].sum() == (second + left <= task.deadline_ns)
    fallen = msgspec.structs.replace(outcome, fallback="timeout", delay_ns=2 * second)
    accounting = Accounting(config.system, workload, "holding", speed=20.0)
    accounting.missed(0)
    accounting.ended(fallen)
    assert accounting.settle(4)[2].sum() == second
