"""What a worker's process does: shares what it learns in a file, publishes its copy, reports, and takes up where an
earlier life was cut off."""

import multiprocessing

import msgspec
import numpy as np
import pytest

from controller.online import learner as module
from controller.online.learner import LearnerLoop
from controller.online.shared_file import SharedFile
from controller.online.start import CHECKPOINT, SHARED_FILE, behaviour, sole_saver, weights_path
from testbed.model.learning import LEARNER, ON_POLICY
from testbed.model.mdp import CellView
from testbed.node.socket import envelope
from testbed.policy import checkpoint, network
from testbed.policy.published_weights import Weights
from testbed.protocol.messages import Outcome, Seen, Start
from testbed.record.files import make_once
from tests.online.test_online_learner import SYSTEM, TASKS, listen
from tests.online.workers import learning
from tests.support import plan

SOURCE = "controller"
PLAN = learning(plan(SYSTEM, TASKS, "a3c-do"), mode=ON_POLICY, workers=2)


class Mailbox:
    """Counts what is dropped."""

    def __init__(self):
        self.dropped = []

    def drop(self, why):
        self.dropped.append(why)


@pytest.fixture(autouse=True)
def _run_directory(tmp_path, monkeypatch):
    (tmp_path / "node").mkdir()
    monkeypatch.chdir(tmp_path)


def loop(number=1, incarnation=0):
    """A worker whose run began long ago."""
    return LearnerLoop(PLAN, f"learner-{number}", Start(0, 1e3, 0, ()), incarnation)


def tell(work, heard):
    """Let a worker hear ``heard``, as from their senders, and learn from it."""
    mailbox = Mailbox()
    for body in heard:
        outcome = isinstance(body, Outcome)
        source, at_ns = (body.ue, body.finished_ns) if outcome else (SOURCE, body.slot * SYSTEM.slot_ns)
        work.hear(envelope(source, 0, LEARNER, body, at_ns), mailbox)
        while work.online_learner.busy:
            work.update()
    assert mailbox.dropped == []


def heard():
    ear, _ = listen()
    return ear.heard


def test_workers_change_the_same_parameters_and_each_reports_its_own_updates():
    first, second, messages = loop(1), loop(2), heard()
    for work in (first, second):
        tell(work, messages)
    shared, other = first._shared, second._shared
    assert np.array_equal(shared.params, other.params) and shared.updates == other.updates
    assert not np.array_equal(shared.params, network.initial(1))
    (one,), (two,) = first.rows(), second.rows()
    assert (one.learner, two.learner) == ("learner-1", "learner-2")
    assert one.updates + two.updates == shared.updates == one.version == two.version
    assert first.rows() == [] and one.updates >= 2 and two.lag > one.lag
    for work in (first, second):
        work.close()


def test_a_worker_that_comes_back_takes_the_shared_parameters_and_goes_on_counting():
    killed, other, messages = loop(1), loop(2), heard()
    tell(killed, messages)
    tell(other, messages)
    before, learned = killed.updates, other._shared.params.copy()
    work = loop(1, incarnation=1)
    assert work.updates == before > 0 and work.rows() == []
    published = Weights(weights_path("learner-1"), network.SIZE)
    assert published.refresh() and np.array_equal(published.params, learned)
    assert published.version == other._shared.updates
    tell(work, messages)
    assert work.updates > before and work.rows()[0].updates == work.updates


def test_nothing_is_kept_before_anything_was_learned_and_then_what_all_have_learned(monkeypatch):
    first, second = loop(1), loop(2)
    first.save(wait=True)
    assert not CHECKPOINT.exists()
    tell(first, heard())
    second.save(wait=True)
    arrays, about = checkpoint.read(CHECKPOINT)
    assert np.array_equal(arrays["parameters"], first._shared.params)
    assert about["learned"]["updates"] == int(arrays["progress"][0]) == first.updates
    saved = []
    monkeypatch.setattr(module, "save", lambda *args: saved.append(args))
    with sole_saver(wait=True) as sole:
        assert sole
        first.save(wait=False)
    assert saved == []
    first.save(wait=False)
    assert len(saved) == 1


def test_each_cell_is_decided_by_what_its_own_worker_publishes(monkeypatch):
    policy = behaviour(PLAN)
    for number in (1, 2):
        Weights(weights_path(f"learner-{number}"), network.SIZE).publish(network.initial(1), 10 * number)
    views = {message.cell: message for message in heard() if isinstance(message, Seen)}
    versions = {}
    for cell in views:
        view = CellView(
            slot=0,
            now_ns=0,
            cell=cell,
            seed=1,
            ues=(),
            edge_servers=(),
            shared=False,
            latency_ns=0,
            return_latency_ns=0,
            threshold_ns=0,
        )
        monkeypatch.setattr(policy._learned, "choose", lambda cell: {})
        policy.decide(view, None)
        versions[cell] = policy._version
    assert versions == {0: 10, 1: 20, 2: 10}


def test_a_message_that_cannot_be_true_is_dropped():
    work, mailbox = loop(), Mailbox()
    lie = next(message for message in heard() if isinstance(message, Seen))
    work.hear(envelope("es-1", 0, LEARNER, lie, 0), mailbox)
    assert mailbox.dropped and not work.online_learner.busy


def test_of_those_who_make_a_file_at_the_same_time_one_prevails(tmp_path):
    def late():
        (tmp_path / "file").write_bytes(b"first")
        return b"second"

    make_once(tmp_path / "file", late)
    assert (tmp_path / "file").read_bytes() == b"first"
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["file"]


def _add(start, ones):
    shared = SharedFile(SHARED_FILE, np.zeros(4, np.float32), ones, 2)
    start.wait()
    shared.params += 1.0
    shared.counts[1] += 5
    shared.close()


def test_shared_parameters_outlive_whoever_made_them():
    ones = np.ones(4, np.float32)
    context = multiprocessing.get_context("fork")
    start = context.Event()
    process = context.Process(target=_add, args=(start, ones))
    process.start()
    start.set()
    process.join()
    shared = SharedFile(SHARED_FILE, np.full(4, 9.0, np.float32), ones, 2)
    assert np.array_equal(shared.params, ones) and np.array_equal(shared.square_avg, ones)
    assert shared.counts.tolist() == [[0, 0, 0], [5, 5, 5]]
    shared.close()


def test_the_plan_of_a_run_that_does_not_learn_has_no_workers():
    assert msgspec.structs.replace(PLAN, learn=False).learners == ()
    assert PLAN.learners == ("learner-1", "learner-2")
