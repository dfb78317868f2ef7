"""Learners in processes of their own."""

import multiprocessing
import os
import re
import select
import signal
import subprocess
import sys

import msgspec
import numpy as np
import pytest

from controller.learn import synchronous, worker_pool
from controller.learn.learner import A3cLearner, TrainConfig
from controller.learn.optimiser import rmsprop
from controller.learn.shared import LAG, SLOT_COUNT, UPDATES, Shared
from controller.learn.synchronous import SynchronousPool
from controller.learn.worker_pool import DEATHS, WorkerPool, once
from testbed.model.errors import StartError
from testbed.policy import network
from testbed.scenario.load import load_scenario
from testbed.trace import inputs
from testbed.twin import build
from tests.command import PATIENCE_S, environment

SCENARIO = load_scenario("smoke", ["slots=20"])
SYSTEM = inputs.resolve(SCENARIO).system
TENTHS = 10 * PATIENCE_S  # of a second: a learner first imports torch, however busy the host is
DIED = "learner N died with -9: a new one takes its place"
CONFIG = TrainConfig(
    system=SYSTEM, source=build.generator(SCENARIO, SYSTEM, endless=True), double=True, num_envs=2, rollout_length=5
)


@pytest.fixture
def shared():
    block = Shared(network.SIZE, 2)
    block.params[:], block.square_avg[:] = network.initial(1), 1e-4
    yield block
    block.close()


def children():
    """The process ids of the workers that live."""
    return {process.pid for process in multiprocessing.active_children() if process.pid is not None}


def test_a_second_opening_sees_what_the_first_wrote(shared):
    other = Shared(network.SIZE, 2, shared.name)
    try:
        other.counts[1] += (3, 30, 1)
        other.gauges[1] = 0.5, -7.0
        other.params[0] = 9.0
        shared.stop()
        assert (shared.updates, other.stopping, float(shared.params[0])) == (3, True, 9.0)
        assert shared.gauges.tolist() == [[0.0, 0.0], [0.5, -7.0]]
        assert np.array_equal(shared.square_avg, other.square_avg)
    finally:
        other.close()


class Slow(A3cLearner):
    """A learner during whose update others make ``others`` updates."""

    def __init__(self, shared, others):
        super().__init__(CONFIG, 0)
        self.shared, self.others = shared, others

    def step(self, params, square_avg, update):
        self.shared.counts[1, UPDATES] += self.others
        return msgspec.defstruct("Step", ["entropy", "reward"])(0.25, -1.0)


def test_updates_slots_and_lag_are_counted_by_worker(shared):
    once(shared, Slow(shared, 4), 0)
    once(shared, Slow(shared, 2), 0)
    assert shared.counts[0].tolist() == [2, 2 * 2 * 5, 6]
    assert shared.counts[1].tolist() == [6, 0, 0]
    assert shared.gauges[0].tolist() == [0.25, -1.0]


@pytest.mark.live
def test_a_learner_that_is_killed_is_replaced_and_the_others_go_on(shared):
    notes: list[str] = []
    pool = WorkerPool(CONFIG, shared, 2, notes.append)
    try:
        before = children()
        os.kill(min(before), signal.SIGKILL)
        for _ in range(TENTHS):
            pool.watch(0.1)
            if (shared.counts[:, UPDATES] > 0).all():
                break
        assert (shared.counts[:, UPDATES] > 0).all() and (shared.counts[:, SLOT_COUNT] > 0).all()
        assert (shared.counts[:, LAG] >= 0).all() and np.isfinite(shared.params).all()
        assert children() - before
        assert [re.sub("learner .", "learner N", text) for text in notes] == [DIED]
    finally:
        pool.stop()
    assert not children()


@pytest.mark.live
def test_learners_that_cannot_live_end_the_training(shared):
    bad = msgspec.structs.replace(CONFIG, num_envs=0)
    pool = WorkerPool(bad, shared, 1)
    try:
        with pytest.raises(StartError, match=f"learners died {DEATHS + 1} times"):
            pool.watch(PATIENCE_S)
    finally:
        pool.stop()


def by_hand(updates, workers):
    """The parameters after synchronous updates, all gradients computed here."""
    learners = [A3cLearner(CONFIG, number) for number in range(workers)]
    params, square_avg = network.initial(1), np.full(network.SIZE, 1e-4, np.float32)
    for update in range(updates):
        grads = [learner.grad(params.copy(), 0)[0] for learner in learners]
        rmsprop(params, square_avg, np.mean(grads, axis=0), CONFIG.learning_rate_at(update))
    return params


@pytest.mark.live
def test_synchronous_workers_make_one_step_by_the_mean_of_their_gradients(shared):
    shared.limit = 3
    pool = SynchronousPool(CONFIG, shared, 2)
    try:
        for _ in range(TENTHS):
            pool.watch(0.1)
            if shared.updates == 3:
                break
        assert np.allclose(shared.params, by_hand(3, 2), atol=1e-7)
        assert shared.counts.tolist() == [[3, 30, 0], [0, 30, 0]] and (shared.gauges != 0.0).all()
    finally:
        pool.stop()
    assert not children()


@pytest.mark.live
def test_a_synchronous_worker_that_is_killed_is_replaced_and_asked_again(shared):
    pool = SynchronousPool(CONFIG, shared, 2)
    try:
        os.kill(min(children()), signal.SIGKILL)
        for _ in range(TENTHS):
            pool.watch(0.1)
            if shared.updates > 2:
                break
        assert shared.updates > 2 and np.isfinite(shared.params).all()
    finally:
        pool.stop()


TRAINER = """
import os, time
from controller.learn.worker_pool import bound_to

parent, (ready, told) = os.getpid(), os.pipe()
if os.fork() == 0:
    os.write(told, b"!" if bound_to(parent) else b"?")
    while True:
        time.sleep(3600)
assert os.read(ready, 1) == b"!"
print(open(f"/proc/{parent}/task/{parent}/children").read(), flush=True)
time.sleep(3600)
"""


@pytest.mark.live
def test_a_worker_ends_with_its_trainer_whatever_it_does(tmp_path):
    """In the middle of an update that takes long it looks for nobody: the kernel ends it, stopped as it is."""
    (tmp_path / "trainer.py").write_text(TRAINER)
    command = [sys.executable, str(tmp_path / "trainer.py")]
    with subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, text=True) as trainer:
        try:
            assert trainer.stdout is not None
            worker = os.pidfd_open(int(trainer.stdout.readline()))
            signal.pidfd_send_signal(worker, signal.SIGSTOP)
        finally:
            trainer.kill()
    ended, _, _ = select.select([worker], [], [], 60)
    os.close(worker)
    assert ended


@pytest.mark.parametrize(
    ("module", "more"), [(worker_pool, ()), (synchronous, (None,))], ids=["WorkerPool", "SynchronousPool"]
)
def test_every_worker_is_bound_to_its_trainer_before_anything_else(monkeypatch, module, more):
    """One whose trainer has ended already does nothing."""
    asked: list[int] = []
    monkeypatch.setattr(worker_pool, "die_with_parent", asked.append)
    module._work(b"no config", "no memory", 0, 1, 0, -1, *more)
    assert asked == [signal.SIGKILL]
