"""A worker's process: hears of decisions and outcomes, updates the shared parameters, publishes its copy of them, keeps
a checkpoint."""

import os
import select
import time
from pathlib import Path

import torch

from controller.learn.shared import LAG, SLOT_COUNT, UPDATES
from controller.online.on_policy import OnPolicyLearner
from controller.online.online_learner import Done, OnlineLearner, ReplayLearner
from controller.online.safety import SafetyStop
from controller.online.shared_file import SharedFile
from controller.online.start import SHARED_FILE, beginning, save, sole_saver, weights_path
from controller.online.trajectory import SEGMENT_SLOTS, Assembler
from testbed.model.learning import REPLAY
from testbed.model.system import Plan
from testbed.node.clock import Clock
from testbed.node.lateness import lost_messages
from testbed.node.launcher_session import LAUNCHER
from testbed.node.process import FLUSH_NS, Process, at_speed
from testbed.node.socket import Mailbox
from testbed.policy.published_weights import Weights
from testbed.protocol.codec import Envelope
from testbed.protocol.messages import Start, Stop
from testbed.protocol.rows import FELL_BACK, LEARNING_PAUSED, LEARNING_RESUMED, EventRow, UpdateRow
from testbed.protocol.validation import Validator
from testbed.record.learning_requests import is_paused

NICE = 10
CHECKPOINT_NS, ROW_NS = 10_000_000_000, 1_000_000_000
LEARNER_IDLE_MS = 50


class Learner(Process):
    """One worker of a run; `learn` is its life. Nice, and without torch's threads: it shares the host with the run."""

    def learn(self) -> None:
        """Report to the launcher, learn from the epoch on, leave a checkpoint."""
        os.nice(NICE)
        torch.set_num_threads(1)
        self._session.open()
        try:
            start = self._await_start()
            if start is not None:
                self._session.close(self._serve(start).reason)
        finally:
            self.mailbox.close(2000, LAUNCHER)

    def _settle(self) -> None:
        """Nothing: it is told more than it tells, in no haste, and what it keeps may be garbage soon."""

    def _serve(self, start: Start) -> Stop:
        work = LearnerLoop(self.orders.plan, self.name, start, self._incarnation)
        try:
            stop = self._follow(work)
            self._rows += [*work.rows(), *lost_messages(self.name, work.now_ns, self.mailbox)]
            self._flush()
            work.save(wait=True)
            return stop
        finally:
            work.close()

    def _follow(self, work: "LearnerLoop") -> Stop:
        """Listen, and update the parameters whenever there is something to learn, until the launcher says stop."""
        poll = select.poll()
        poll.register(self.mailbox.fd, select.POLLIN)
        flushed = saved = 0
        while True:
            for received in self.mailbox.take():
                if isinstance(received.body, Stop) and received.source == LAUNCHER:
                    return received.body
                self._rows += work.hear(received, self.mailbox)
            if work.online_learner.busy and not work.paused:
                work.update()
            elif self.mailbox.drained:
                poll.poll(LEARNER_IDLE_MS)
            now = time.monotonic_ns()
            if now - flushed >= FLUSH_NS:
                flushed = now
                self._rows += work.asked()
                self._rows += work.rows(ROW_NS)
                self._report()
            if work.done is not None and now - saved >= CHECKPOINT_NS:
                saved = now
                work.save(wait=False)


class LearnerLoop:
    """What the worker called ``name`` does in one life: ``done`` is its last update.

    What it counts is shared too, and those of earlier lives go on.
    """

    def __init__(self, plan: Plan, name: str, start: Start, incarnation: int) -> None:
        self._name, self._number = name, plan.learning.names.index(name)
        begun, workers = beginning(plan), plan.learning.workers
        self._validator = Validator(at_speed(plan, start.speed))
        self._clock, self._about = Clock(start.epoch_monotonic_ns, start.speed), begun.about
        self._shared = SharedFile(SHARED_FILE, begun.params, begun.square_avg, workers)
        self._weights = Weights.create(weights_path(name), begun.params)
        self.done: Done | None = None
        self._reported, self._reported_ns = self.updates, time.monotonic_ns()
        self.paused = False
        self._safety = SafetyStop(plan.system) if self._number == 0 else None
        self.online_learner = learner_of(plan, self._number, seed=incarnation * workers + self._number + 1)
        self._copy()
        for down in start.downs:
            self.online_learner.take(down)

    @property
    def updates(self) -> int:
        """Its own updates, those of earlier lives included."""
        return int(self._shared.counts[self._number, UPDATES])

    @property
    def now_ns(self) -> int:
        """The instant of emulated time that it is."""
        return self._clock.now_ns()

    def hear(self, received: Envelope, mailbox: Mailbox) -> list[EventRow]:
        """Learn from a message, if it can be true; an event if it shows that learning made things worse."""
        why = self._validator.refusal(received, self._clock.now_ns())
        if why:
            mailbox.drop(f"{type(received.body).__name__} of {received.source[:40]}: {why}")
            return []
        self.online_learner.take(received.body)
        self._copy_when_due()
        return self._looked_after(received.body)

    def update(self) -> None:
        """One update of the shared parameters; waits for nobody."""
        shared, before = self._shared, self._shared.updates
        self.done = self.online_learner.update(shared.params, shared.square_avg, before)
        shared.counts[self._number, LAG] += shared.updates - before
        shared.counts[self._number, SLOT_COUNT] += SEGMENT_SLOTS
        shared.counts[self._number, UPDATES] += 1
        self._copy_when_due()

    def _looked_after(self, message: object) -> list[EventRow]:
        """The first worker restores the last good parameters when those of now do worse; the others take them over."""
        if self._safety is None:
            return []
        self._safety.take(message)
        worse = self._safety.watch(self._shared.params, self._shared.square_avg)
        if not worse:
            return []
        self._copy()
        return [EventRow(self._clock.now_ns(), self._name, FELL_BACK, "overhead rose", worse)]

    def asked(self) -> list[EventRow]:
        """Pause or go on as is asked for; an event if that has changed. Paused, it goes on listening."""
        before, self.paused = self.paused, is_paused(Path())
        if self.paused == before:
            return []
        if before:
            self._reported_ns = time.monotonic_ns()
        return [EventRow(self._clock.now_ns(), self._name, LEARNING_PAUSED if self.paused else LEARNING_RESUMED)]

    def _copy_when_due(self) -> None:
        if self.online_learner.renews:
            self._copy()

    def _copy(self) -> None:
        """Let its cells be decided by the shared parameters as they are now."""
        version, params = self._shared.updates, self._shared.params.copy()
        self._weights.publish(params, version)
        self.online_learner.decide_by(params, version)

    def rows(self, every_ns: int = 0) -> list[UpdateRow]:
        """A row on what was done since the last one, if that is ``every_ns`` ago."""
        passed, updates = time.monotonic_ns() - self._reported_ns, self.updates - self._reported
        if self.done is None or updates == 0 or passed < every_ns:
            return []
        self._reported_ns, self._reported = self._reported_ns + passed, self.updates
        done, at = self.done, self._clock.now_ns()
        rate = updates / (passed * 1e-9)
        return [
            UpdateRow(
                at_ns=at,
                learner=self._name,
                version=self._shared.updates,
                loss=done.loss,
                entropy=done.entropy,
                reward=done.reward,
                updates=self.updates,
                lag=done.lag,
                rate=rate,
            )
        ]

    def save(self, *, wait: bool) -> None:
        """Write the run's checkpoint, if anything was learned; unless another worker does that now and this one is not
        to ``wait``."""
        with sole_saver(wait=wait) as sole:
            updates = self._shared.updates
            if sole and updates:
                params, square_avg = self._shared.params.copy(), self._shared.square_avg.copy()
                save(params, square_avg, updates, self._about, Path.cwd().name)

    def close(self) -> None:
        """Let go of the published and the shared weights."""
        self._weights.close()
        self._shared.close()


def learner_of(plan: Plan, worker: int, seed: int) -> OnlineLearner:
    """What the worker with that number learns by."""
    learning = plan.learning
    cells = learning.cells_of(worker, len(plan.system.edge_servers))
    assembler = Assembler(plan.system, SEGMENT_SLOTS, cells=cells, team=learning.team)
    return ReplayLearner(assembler, seed=seed) if learning.mode == REPLAY else OnPolicyLearner(assembler)
