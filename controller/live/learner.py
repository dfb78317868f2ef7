"""The learner's process: hears of decisions and outcomes, updates the weights, publishes them, keeps a checkpoint."""

import os
import select
import time
from pathlib import Path

import torch

from controller.live.beginning import WEIGHTS, beginning, save
from controller.live.teacher import Done, Teacher
from controller.live.weights import Weights
from testbed.node.clock import Clock
from testbed.node.process import FLUSH_NS, Process
from testbed.protocol.messages import Stop
from testbed.protocol.rows import UpdateRow

NICE = 10
CHECKPOINT_NS, ROW_NS = 10_000_000_000, 1_000_000_000
IDLE_MS = 50


class Learner(Process):
    """One learner of a run; `learn` is its life. Without torch's threads: it shares the host with the testbed."""

    def learn(self) -> None:
        """Report to the launcher, learn from the epoch on, leave a checkpoint."""
        os.nice(NICE)
        torch.set_num_threads(1)
        self._line.open()
        start = self._await_start()
        if start is None:
            return
        plan = self.orders.plan
        begun = beginning(plan)
        self._clock = Clock(start.epoch_monotonic_ns, start.speed)
        self._about, self._updates, self._since = begun.about, begun.updates, begun.updates
        self._done: Done | None = None
        self._weights = Weights.create(WEIGHTS, begun.flat)
        self._version = self._weights.publish(begun.flat)
        self.teacher = Teacher(plan.system, begun.flat, begun.square, seed=self._incarnation + 1)
        for down in start.downs:
            self.teacher.take(down)
        try:
            stop = self._work()
            self._note()
            self._save()
            self._flush()
            self._line.close(stop.reason)
        finally:
            self._weights.close()
            self.mailbox.close(linger_ms=2000)

    def _work(self) -> Stop:
        poll = select.poll()
        poll.register(self.mailbox.fd, select.POLLIN)
        flushed = self._noted = time.monotonic_ns()
        saved = 0
        while True:
            while (received := self.mailbox.receive()) is not None:
                if isinstance(received.body, Stop):
                    return received.body
                self.teacher.take(received.body)
            now = time.monotonic_ns()
            if now - flushed >= FLUSH_NS:
                flushed = now
                self._report()
            if self._done is not None and now - saved >= CHECKPOINT_NS:
                saved = now
                self._save()
            if self.teacher.busy:
                self._update()
            else:
                poll.poll(IDLE_MS)

    def _update(self) -> None:
        self._done = self.teacher.update(self._version)
        self._version = self._weights.publish(self.teacher.flat)
        self._updates += 1
        if time.monotonic_ns() - self._noted >= ROW_NS:
            self._note()

    def _note(self) -> None:
        """A row on the last update, and on how many there were since the last row."""
        done, now = self._done, time.monotonic_ns()
        if done is None or self._updates == self._since:
            return
        rate = (self._updates - self._since) / ((now - self._noted) * 1e-9)
        self._noted, self._since = now, self._updates
        self._emit(
            UpdateRow(
                self._clock.now_ns(), self.name, self._version, done.loss, done.entropy, done.reward, self._updates,
                done.lag, rate,
            )
        )  # fmt: skip

    def _save(self) -> None:
        if self._updates > 0:
            save(self.teacher.flat, self.teacher.square, self._updates, self._version, self._about, Path.cwd().name)
