"""The learner's process: hears of decisions and outcomes, updates the weights, publishes them, keeps a checkpoint."""

import os
import select
import time
from pathlib import Path

import torch

from controller.online.online_learner import Done, OnlineLearner
from controller.online.start import WEIGHTS, beginning, save
from testbed.model.system import LEARNER, Plan
from testbed.node.clock import Clock
from testbed.node.launcher_session import LAUNCHER
from testbed.node.process import FLUSH_NS, Process, at_speed
from testbed.node.socket import Mailbox
from testbed.policy.published_weights import Weights
from testbed.protocol.codec import Envelope
from testbed.protocol.messages import Start, Stop
from testbed.protocol.rows import UpdateRow
from testbed.protocol.validation import Validator

NICE = 10
CHECKPOINT_NS, ROW_NS = 10_000_000_000, 1_000_000_000
LEARNER_IDLE_MS = 50


class Learner(Process):
    """One learner of a run; `learn` is its life. Nice, and without torch's threads: it shares the host with the run."""

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
        work = LearnerLoop(self.orders.plan, start, self._incarnation)
        try:
            stop = self._follow(work)
            work.save()
            self._rows += work.rows()
            self._flush()
            return stop
        finally:
            work.close()

    def _follow(self, work: "LearnerLoop") -> Stop:
        """Listen, and update the weights whenever there is something to learn, until the launcher says stop."""
        poll = select.poll()
        poll.register(self.mailbox.fd, select.POLLIN)
        flushed = saved = 0
        while True:
            for received in self.mailbox.take():
                if isinstance(received.body, Stop) and received.source == LAUNCHER:
                    return received.body
                work.hear(received, self.mailbox)
            if work.online_learner.busy:
                work.update()
            elif self.mailbox.drained:
                poll.poll(LEARNER_IDLE_MS)
            now = time.monotonic_ns()
            if now - flushed >= FLUSH_NS:
                flushed = now
                self._rows += work.rows(ROW_NS)
                self._report()
            if work.done is not None and now - saved >= CHECKPOINT_NS:
                saved = now
                work.save()


class LearnerLoop:
    """What a learner does in one life: ``done`` is its last update, ``updates`` counts those of earlier lives too."""

    def __init__(self, plan: Plan, start: Start, incarnation: int) -> None:
        begun = beginning(plan)
        self._validator = Validator(at_speed(plan, start.speed))
        self._clock, self._about = Clock(start.epoch_monotonic_ns, start.speed), begun.about
        self.done: Done | None = None
        self.updates = self._told = begun.updates
        self._told_ns = time.monotonic_ns()
        self._weights = Weights.create(WEIGHTS, begun.params)
        self._version = self._weights.publish(begun.params)
        self.online_learner = OnlineLearner(plan.system, begun.params, begun.square_avg, seed=incarnation + 1)
        for down in start.downs:
            self.online_learner.take(down)

    def hear(self, received: Envelope, mailbox: Mailbox) -> None:
        """Learn from a message, if it can be true."""
        why = self._validator.refusal(received, self._clock.now_ns())
        if why:
            return mailbox.drop(f"{type(received.body).__name__} of {received.source[:40]}: {why}")
        self.online_learner.take(received.body)

    def update(self) -> None:
        """One update, published at once."""
        self.done = self.online_learner.update(self._version)
        self._version = self._weights.publish(self.online_learner.params)
        self.updates += 1

    def rows(self, every_ns: int = 0) -> list[UpdateRow]:
        """A row on what was done since the last one, if that is ``every_ns`` ago."""
        passed, made = time.monotonic_ns() - self._told_ns, self.updates - self._told
        if self.done is None or made == 0 or passed < every_ns:
            return []
        self._told_ns, self._told = self._told_ns + passed, self.updates
        done, at = self.done, self._clock.now_ns()
        rate = made / (passed * 1e-9)
        return [
            UpdateRow(
                at_ns=at,
                learner=LEARNER,
                version=self._version,
                loss=done.loss,
                entropy=done.entropy,
                reward=done.reward,
                updates=self.updates,
                lag=done.lag,
                rate=rate,
            )
        ]

    def save(self) -> None:
        """Write the run's checkpoint, if anything was learned."""
        if self.updates:
            run = Path.cwd().name
            save(
                self.online_learner.params,
                self.online_learner.square_avg,
                self.updates,
                self._version,
                self._about,
                run,
            )

    def close(self) -> None:
        """Let go of the published weights."""
        self._weights.close()
