"""The recurrent core: the same memory in compiled code, torch and numpy, on every clock, and its gradient."""

import msgspec
import numpy as np
import pytest
import torch

from controller.learn import a3c, recurrent
from controller.learn.collect import Actor, Collector, Sampling
from controller.learn.evaluate import evaluate
from controller.learn.learner import TrainConfig
from testbed.experiments.virtual import by_twin
from testbed.model.errors import UsageError
from testbed.policy import checkpoint, network
from testbed.policy.recurrent_memory import Memory
from testbed.scenario.load import load_scenario
from testbed.sim.simulation import simulate
from testbed.trace import inputs
from testbed.twin import build
from testbed.twin.views import cell_view
from tests.support import plan

SCENARIO = load_scenario("region", ["density=0.3", "slots=40"])
SYSTEM = inputs.resolve(SCENARIO).system
ENDLESS = build.generator(SCENARIO, SYSTEM, endless=True)
ACTOR = Actor(gru_units=7)
SHAPE = ACTOR.layout(SYSTEM)


def parameters(shape=SHAPE, noise=0.2):
    """A network whose memory matters."""
    params = network.initial(4, shape)
    params += (np.random.default_rng(2).normal(size=params.shape) * noise).astype(np.float32)
    inputs_of = params[shape.actor[0].start : shape.actor[0].bias].reshape(shape.inputs, -1)
    inputs_of[shape.inputs - shape.gru_units :] *= 5.0
    return params


def undecided():
    """A network that decides by little else than its memory."""
    params = parameters()
    params[network.GAIN_AT] = 0.0
    rollout, _ = collector(slots=40).rollout(params)
    params[SHAPE.actor[-1].bias] -= np.median(network.actor(params, SHAPE, rollout.features))
    return params


def collector(actor=ACTOR, worlds=3, slots=6, episode=500, **options):
    return Collector(
        SYSTEM,
        ENDLESS,
        Sampling(num_envs=worlds, rollout_length=slots, seed=1, episode=episode),
        double=True,
        actor=actor,
        **options,
    )


def unrolled(params, rollout, shape=SHAPE):
    return recurrent.unroll(torch.from_numpy(params), shape, rollout.remembered)


@pytest.mark.parametrize("team", [1.0, 0.5])
@pytest.mark.parametrize(
    "actor", [ACTOR, Actor(head="joint", gru_units=3), Actor(observation="paper", gru_units=32)], ids=str
)
def test_torch_runs_the_core_through_the_memories_that_compiled_code_acted_with(actor, team):
    shape = actor.layout(SYSTEM)
    params, played = parameters(shape), collector(actor, team=team)
    for _ in range(3):
        rollout, ues = played.rollout(params)
        memory = unrolled(params, rollout, shape)
        features = torch.from_numpy(rollout.features.copy())
        first = shape.inputs - shape.gru_units
        features[:, first:] = np.nan
        slot = torch.from_numpy(rollout.slot)
        inputs_of_actor = recurrent.beside(features, shape, memory, slot, rollout.remembered)
        assert len(ues) > 20 and np.allclose(inputs_of_actor.numpy(), rollout.features, atol=1e-5)
        assert np.ptp(rollout.features[:, first:], axis=0).max() > 0.05


def test_a_rollout_begins_with_the_memory_that_the_one_before_ended_with():
    params, played = parameters(), collector(episode=2**40)
    before = played.rollout(params)[0]
    memory = unrolled(params, before)[-2].numpy()
    after = played.rollout(params)[0]
    assert np.allclose(after.remembered.memory, memory, atol=1e-5) and memory.any()


def test_a_world_that_is_renewed_has_forgotten():
    params, played = parameters(), collector(episode=1)
    for _ in range(2):
        assert not played.rollout(params)[0].remembered.memory.any()


def test_numpy_and_torch_remember_alike():
    params, rollout = parameters(), collector(worlds=1).rollout(parameters())[0]
    memory, memories = rollout.remembered.memory[0, 2], unrolled(params, rollout)
    for slot, seen in enumerate(rollout.remembered.seen[:, 0, 2]):
        memory = network.remember(params, SHAPE, seen, memory)
        assert np.allclose(memory, memories[slot, 0, 2].numpy(), atol=1e-5)


def test_the_cores_gradient_agrees_with_finite_differences():
    params, rollout = parameters(noise=0.05), collector(worlds=2, slots=4).rollout(parameters(noise=0.05))[0]
    config = a3c.A3cConfig(clip_norm=1e9, gae_lambda=1.0, entropy=0.02)
    grad, _ = a3c.gradient(params, rollout, config, SHAPE)
    slot, cells = torch.from_numpy(rollout.slot), torch.from_numpy(rollout.cells)

    def parts(vector):
        params = torch.from_numpy(vector)
        memory = recurrent.unroll(params, SHAPE, rollout.remembered)
        x = recurrent.beside(torch.from_numpy(rollout.features), SHAPE, memory, slot, rollout.remembered)
        log_probability, entropy = a3c.policy(params, SHAPE, x, torch.from_numpy(rollout.actions))
        return log_probability, entropy, a3c.values(params, cells, SHAPE, memory=memory)

    value = parts(params)[2].numpy()
    gained, target = a3c.advantages(rollout.rewards * np.float32(0.1), value, config)
    gain = torch.from_numpy(gained).reshape(-1)[slot]

    def loss(vector):
        log_probability, entropy, value = parts(vector)
        policy = -(log_probability * gain).sum() / rollout.rewards.size - 0.02 * entropy.sum() / rollout.rewards.size
        return float(policy.double() + 0.5 * (value[:-1] - torch.from_numpy(target)).pow(2).mean().double())

    for layer in SHAPE.core:
        at = layer.start + int(np.abs(grad[layer.start : layer.end]).argmax())
        moved = [params.copy(), params.copy()]
        moved[0][at] -= 1e-2
        moved[1][at] += 1e-2
        assert grad[at] == pytest.approx((loss(moved[1]) - loss(moved[0])) / 2e-2, rel=0.05)


def policy_of(tmp_path, params):
    about = TrainConfig(system=SYSTEM, source=ENDLESS, double=True, gru_units=SHAPE.gru_units).about
    checkpoint.save(tmp_path / "core.npz", {"parameters": params}, about)
    return checkpoint.load_policy(tmp_path / "core.npz", "a3c")


def test_simulation_twin_and_compiled_evaluation_decide_alike_through_empty_slots(tmp_path):
    params = undecided()
    workload = inputs.generate(SCENARIO, SYSTEM)
    empty = {(cell, slot) for cell in range(3) for slot in range(40)}
    empty -= {(SYSTEM.ues[task.ue].cell, task.generated_ns // SYSTEM.slot_ns) for task in workload}
    assert len(empty) > 20
    run_plan = msgspec.structs.replace(plan(SYSTEM, workload), second_offload=True)
    policy = policy_of(tmp_path, params)
    simulated, again, on_twin = simulate(run_plan, policy), simulate(run_plan, policy), by_twin(run_plan, policy)
    decided = [{(row.ue, row.number): row.choice for row in ran.tasks} for ran in (simulated, again, on_twin)]
    assert decided[0] == decided[1] == decided[2] and 0 < sum(decided[0].values()) < len(workload)
    score = evaluate(
        SYSTEM, build.table(SYSTEM, workload), double=True, params=params, actor=ACTOR, seeds=[SYSTEM.seed]
    )
    assert score.overhead[0] == pytest.approx(np.mean([row.overhead for row in simulated.tasks]))


class Watcher:
    """Decides everything locally, sees everything, and fails once."""

    remembers = True

    def __init__(self):
        self.decided, self.seen = set(), set()

    def decide(self, cell, rng):
        self.decided.add((cell.cell, cell.slot))
        return {ue.name: 0 for ue in cell.ues}

    def see(self, cell):
        self.seen.add((cell.cell, cell.slot))
        if len(self.seen) == 3:
            raise RuntimeError("nothing to see")


def test_a_policy_that_remembers_sees_every_slot_and_may_fail_without_ending_the_run():
    watcher, workload = Watcher(), inputs.generate(SCENARIO, SYSTEM)
    ran = simulate(plan(SYSTEM, workload), watcher)
    assert not watcher.decided & watcher.seen
    assert watcher.decided | watcher.seen >= {(cell, slot) for cell in range(3) for slot in range(40)}
    failed = [event.detail for event in ran.events if event.kind == "policy_error"]
    assert len(failed) == 1 and "nothing to see" in failed[0]
    assert len(ran.tasks) == len(workload) and all(row.finished_ns > 0 for row in ran.tasks)


def test_a_memory_takes_a_slot_in_once_and_is_empty_in_another_run():
    params, memory, played = parameters(), Memory(SHAPE), collector(worlds=1)
    view, seen = cell_view(played.twin, 0, 1), (0.3,) * 8
    first = memory.look(params, view, seen)
    assert first.any() and memory.look(params, view, (0.9,) * 8) is first
    later = msgspec.structs.replace(view, slot=4)
    second = memory.look(params, later, seen)
    assert not np.array_equal(second, first) and np.array_equal(memory.look(params, view, seen), first)
    other = msgspec.structs.replace(later, cell=2)
    assert np.array_equal(memory.look(params, other, seen), first)


def test_what_cannot_have_a_memory_is_refused(tmp_path):
    from testbed.policy.checkpoint import can_learn_online

    with pytest.raises(UsageError, match="for a3c"):
        _ = TrainConfig(system=SYSTEM, source=ENDLESS, double=True, algorithm="dqn", gru_units=4).start
    with pytest.raises(UsageError, match="a memory of 33"):
        network.layout(gru_units=33)
    policy_of(tmp_path, parameters())
    with pytest.raises(UsageError, match="cannot learn in a run"):
        can_learn_online(tmp_path / "core.npz")
