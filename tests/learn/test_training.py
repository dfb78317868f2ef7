"""Learning on the twin: what acts there acts the same from a view; training repeats, resumes, improves."""

from random import Random

import msgspec
import numpy as np
import pytest

from controller.learn.collect import Actor, Collector, Sampling
from controller.learn.evaluate import evaluate
from controller.learn.learner import TrainConfig
from controller.learn.train import Budget, Evaluator, Trainer
from testbed.model.errors import UsageError
from testbed.policy import checkpoint, network, q_network
from testbed.policy.heuristics import watching
from testbed.policy.learned import Learned
from testbed.scenario.load import load_scenario
from testbed.trace import inputs
from testbed.twin import build
from testbed.twin.views import cell_view

SCENARIO = load_scenario("region", ["density=0.8", "slots=60"])
SYSTEM = inputs.resolve(SCENARIO).system
ENDLESS, FINITE = (build.generator(SCENARIO, SYSTEM, endless=endless) for endless in (True, False))
ABOUT = {"algorithm": "a3c", "head": "sequential", "second_offload": True}


def noisy(params, actor):
    """Parameters by which both choices occur."""
    rng, blind = np.random.default_rng(6), actor.observation == "paper"
    params = (params + rng.normal(size=params.shape) * (0.3 if blind else 0.05)).astype(np.float32)
    shape = actor.layout(SYSTEM)
    if blind:
        params[shape.actor[-1].bias : shape.actor[-1].end] += rng.normal(1.5, 1.0, shape.actor[-1].outputs)
    return params


PLACEMENTS = [
    Actor(),
    Actor(head="factored"),
    Actor(head="joint"),
    Actor(head="continuous"),
    Actor(observation="paper"),
    Actor(head="joint", observation="paper"),
    Actor(algorithm="dqn"),
    Actor(algorithm="dqn", dueling=False),
    Actor(algorithm="dqn", head="factored"),
    Actor(gru_units=8),
    Actor(head="continuous", observation="paper", gru_units=5),
]


def written(tmp_path, actor, params):
    """A checkpoint of ``params``, read as a policy."""
    options = {name: getattr(actor, name) for name in ("algorithm", "head", "observation", "gru_units")}
    config_of = config(**options)
    values = msgspec.structs.replace(config_of.values, dueling=actor.dueling)
    about = msgspec.structs.replace(config_of, values=values).about
    checkpoint.save(tmp_path / "policy.npz", {"parameters": params}, about)
    return checkpoint.load_policy(tmp_path / "policy.npz", actor.algorithm)


@pytest.mark.parametrize("actor", PLACEMENTS, ids=lambda actor: f"{actor.algorithm}-{actor.head}-{actor.observation}")
def test_the_twin_and_a_view_give_the_same_decisions(actor, tmp_path):
    first = network.initial(1, actor.layout(SYSTEM)) if actor.algorithm == "a3c" else q_network.initial(1)
    params = noisy(first, actor)
    collector = Collector(
        SYSTEM, ENDLESS, Sampling(num_envs=2, rollout_length=1, seed=5, episode=2**40), double=True, actor=actor
    )
    policy = written(tmp_path, actor, params)
    offloaded = tasks = 0
    for _ in range(25):
        views = [[cell_view(collector.twin, w, c) for c in range(3)] for w in range(2)]
        if watcher := watching(policy):
            for view in (*views[0], *views[1]):
                watcher.see(view)
        rollout, ues = collector.rollout(params, explore=0.0)
        taken = collector.twin.state.ues["last_choice"]
        for world, ue in zip(rollout.slot, ues, strict=True):
            cell = SYSTEM.ues[ue].cell
            chosen = policy.decide(views[world][cell], Random(0))
            deciding = [each for each in SYSTEM.cell_ues(cell) if each.name in chosen]
            assert [chosen[each.name] for each in deciding] == [taken[world, each.index] for each in deciding]
            offloaded, tasks = offloaded + sum(chosen.values()), tasks + len(chosen)
    assert 50 < offloaded < tasks - 50


def config(**changes):
    return TrainConfig(system=SYSTEM, source=ENDLESS, double=True, num_envs=4, rollout_length=10, updates=40, **changes)


def trained(tmp_path, name, updates, algorithm="a3c", *, resume=False, workers=1, **changes):
    job = config(algorithm=algorithm, **changes)
    about = {**ABOUT, "algorithm": algorithm}
    budget = Budget(seconds=0, updates=updates, every_s=0 if workers == 1 else 0.5, every_updates=10, workers=workers)
    evaluator = Evaluator(job, FINITE, [101, 102])
    Trainer(job, budget, evaluator, tmp_path / name, about, resume=resume).run(lambda report: None)
    return checkpoint.read(tmp_path / name)[0]


@pytest.mark.parametrize(
    ("algorithm", "changes"), [("a3c", {}), ("dqn", {}), ("a3c", {"gru_units": 6}), ("a3c", {"average": 0.9})]
)
def test_training_resumes_bit_for_bit(tmp_path, algorithm, changes):
    whole = trained(tmp_path, "whole.npz", 20, algorithm, **changes)
    trained(tmp_path, "halves.npz", 10, algorithm, **changes)
    halves = trained(tmp_path, "halves.npz", 20, algorithm, resume=True, **changes)
    assert whole["progress"].tolist() == halves["progress"].tolist() == [20, 20 * 40, 0]
    assert all(np.array_equal(whole[key], halves[key]) for key in ("current", "square", "parameters", "best"))


def test_the_mean_of_the_last_parameters_is_what_is_judged(tmp_path):
    job, judged, seen = config(average=0.75), [], []

    class Judge(Evaluator):
        def evaluate(self, params):
            judged.append(params.copy())
            return super().evaluate(params)

    budget = Budget(seconds=0, updates=4, every_s=0, every_updates=1)
    trainer = Trainer(job, budget, Judge(job, FINITE, [101]), tmp_path / "mean.npz", ABOUT)
    trainer.run(lambda report: seen.append(trainer.shared.params.copy()))
    mean = job.start
    for params, one in zip(seen, judged, strict=True):
        mean = mean + np.float32(0.25) * (params - mean)
        assert np.allclose(one, mean, atol=1e-7) and not np.allclose(one, params, atol=1e-5)
    assert len(seen) == 4


def test_two_workers_are_not_averaged(tmp_path):
    with pytest.raises(UsageError, match="2 workers are not averaged"):
        trained(tmp_path, "two.npz", 12, workers=2, average=0.9)


def test_two_workers_share_their_parameters(tmp_path):
    arrays = trained(tmp_path, "two.npz", 12, workers=2)
    assert arrays["progress"][0] >= 12
    assert not np.array_equal(arrays["current"], network.initial(1)) and np.isfinite(arrays["current"]).all()


def test_a_worker_that_did_everything_before_the_other_began_is_enough(tmp_path, monkeypatch):
    class OneAtWork:
        def __init__(self, config, shared, workers, say):
            self.shared = shared

        def watch(self, seconds):
            self.shared.counts[0] = 12, 12 * 40, 0

        def stop(self):
            self.shared.stop()

    monkeypatch.setattr("controller.learn.train.WorkerPool", OneAtWork)
    assert trained(tmp_path, "one.npz", 12, workers=2)["progress"][0] == 12


def test_a_checkpoint_is_a_policy_and_a_wrong_one_says_what_differs(tmp_path):
    trained(tmp_path, "a.npz", 10)
    assert isinstance(checkpoint.load_policy(tmp_path / "a.npz", "a3c"), Learned)
    with pytest.raises(UsageError, match='trained by "a3c", not by "dqn"'):
        checkpoint.load_policy(tmp_path / "a.npz", "dqn")
    with pytest.raises(UsageError, match='made with head "sequential", this training has "factored"'):
        checkpoint.check(tmp_path / "a.npz", {**ABOUT, "head": "factored"})
    whole = (tmp_path / "a.npz").read_bytes()
    (tmp_path / "b.npz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UsageError, match="truncated"):
        checkpoint.read(tmp_path / "b.npz")
    with pytest.raises(UsageError, match="No such file"):
        checkpoint.read(tmp_path / "missing.npz")


def test_a_damaged_checkpoint_is_refused_whatever_byte_it_is(tmp_path):
    about = {"algorithm": "a3c", "head": "sequential", "second_offload": True}
    checkpoint.save(tmp_path / "whole.npz", {"parameters": network.initial(1)}, about)
    whole = (tmp_path / "whole.npz").read_bytes()
    seed, rng = 1, Random(1)
    for _ in range(400):
        damaged = bytearray(whole)
        for _ in range(3):
            damaged[rng.choice([rng.randrange(300), -1 - rng.randrange(300)])] = rng.randrange(256)
        (tmp_path / "damaged.npz").write_bytes(damaged)
        refusal = "damaged.npz: "
        try:
            checkpoint.load_policy(tmp_path / "damaged.npz", "a3c")
        except UsageError as error:
            refusal = str(error)
        assert "damaged.npz: " in refusal, seed


def test_evaluation_of_a_zero_network_with_a_margin_is_greedy():
    from testbed.policy.heuristics import Priced
    from testbed.twin.twin import Twin

    params = np.zeros(network.SIZE, np.float32)
    params[network.GAIN_AT] = 1.0
    learned = evaluate(SYSTEM, FINITE, double=True, params=params, actor=Actor(), seeds=[1, 2, 3])
    twin = Twin(SYSTEM, FINITE, 3, double=True)
    twin.use(Priced())
    twin.reset([1, 2, 3])
    cells = twin.drain()
    finished = cells["finished"].sum(axis=1)
    assert np.allclose(learned.overhead, cells["overhead"].sum(axis=1) / finished, rtol=1e-3)
    assert np.allclose(learned.hits, cells["hits"].sum(axis=1) / finished, atol=0.01) and learned.stable.all()


def test_evaluation_plays_every_workload_to_its_end_even_when_the_backlog_grows():
    from testbed.policy.heuristics import FixedChoice
    from testbed.twin.twin import Twin

    crowded = msgspec.structs.replace(SYSTEM, slots=200)
    params = np.zeros(network.SIZE, np.float32)
    params[network.ACTOR[-1].bias] = 1.0
    source = build.generator(load_scenario("region", ["density=1", "slots=200"]), crowded, endless=False)
    score = evaluate(crowded, source, double=False, params=params, actor=Actor(), seeds=[1, 2])
    twin = Twin(crowded, source, 2, double=False, capacity=4000)
    twin.use(FixedChoice(1))
    twin.reset([1, 2])
    cells = twin.drain()
    assert np.allclose(score.overhead, cells["overhead"].sum(axis=1) / cells["finished"].sum(axis=1))
    assert not score.stable.any()
