"""The processes behind an environment: ESs and UEs that play one episode after another.

The controller is played here, and so is the learner, whom UEs tell how their tasks end.

Between episodes they stay: told to stop and begin again, they flush, answer, and await an epoch with new orders. What
cores of an earlier episode still say is dropped, on either side.
"""

import contextlib
import os
import shutil
import time
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from controller.notices import notices_of
from testbed.gym.sweeper import swept
from testbed.live.local_supervisor import last_lines
from testbed.live.process_group import EPISODE_LOOK_MS, ProcessGroup, prepared
from testbed.model.errors import StartError
from testbed.model.learning import LEARNER
from testbed.model.system import CONTROLLER, Plan
from testbed.model.task import Phase
from testbed.node.launcher_session import WORDS
from testbed.node.socket import sent
from testbed.protocol.actions import Send
from testbed.protocol.codec import Envelope
from testbed.protocol.messages import Announce, Ask, Decision, Outcome, Rows
from testbed.protocol.placement import hosts_of
from testbed.protocol.validation import Validator
from testbed.record.files import temporary_folder

LAST_LINES = 5
_FOREIGN: list[contextlib.ExitStack] = []
PLAYED = (CONTROLLER, LEARNER)
TOLD = (Ask, Announce, Outcome)
Told = Ask | Announce | Outcome


class Players(ProcessGroup):
    """The processes of ``plan`` in ``run_dir`` (``here`` is a short path to it); `ProcessGroup.shutdown` ends them.

    Whoever decides here hears each UE for itself: there are no crowds.
    """

    def __init__(self, plan: Plan, run_dir: Path, here: str) -> None:
        plan = msgspec.structs.replace(plan, emulation=msgspec.structs.replace(plan.emulation, crowds=()))
        super().__init__(plan, run_dir, here, hosts_of(plan), PLAYED)
        self.begun = False
        self._notices, self._validator = notices_of(plan.system), Validator(plan)
        self._heard: list[Told] = []

    @property
    def pids(self) -> dict[str, int]:
        """Process ids by name."""
        return {child.name: child.pid for child in self.supervisor.table().values()}

    def log_tail(self, name: str) -> str:
        """The last lines of a process's log, in full: its folder does not outlast the error that they go into."""
        return self._shown(self.supervisor.log_tail(name, LAST_LINES))

    @staticmethod
    def _shown(lines: list[str]) -> str:
        return "the end of its log: " + "\n  ".join(lines) if lines else "its log is empty"

    def log_tails(self) -> str:
        """The end of the longest log of all processes."""
        logs = sorted((self.run_dir / "logs").glob("*.log"), key=lambda log: -log.stat().st_size)
        if not logs:
            return "no process has a log"
        return f"{logs[0].stem}: {self._shown(last_lines(logs[0], LAST_LINES))}"

    def enlist(self) -> None:
        """Start every process; raises `StartError`."""
        self.start_all(list(self.processes), lambda: False, lambda _: None)

    def go(self) -> None:
        """Give all an epoch, shortly ahead."""
        self.begun = True
        self.begin(list(self.processes))

    def turn_to(self, plan: Plan) -> None:
        """End the present episode and prepare that of ``plan``, of the same system but for its seed.

        Raises `LostError` if a process has died, or does not answer in ten seconds.
        """
        if self.begun:
            self.call_off(list(self.processes), "the episode is over")
        self.plan, self.begun = plan, False
        self._validator = Validator(plan)
        self._heard.clear()
        self.set_orders()

    def hear(self, until_ns: int) -> list[Told]:
        """What was told since the last call; waits for something until monotonic instant ``until_ns``.

        Raises `LostError` if a process has died.
        """
        self.look(0)
        left = until_ns - time.monotonic_ns()
        if not self._heard and left > 0:
            self.look(min(-(-left // 1_000_000), EPISODE_LOOK_MS))
        messages, self._heard = self._heard, []
        return messages

    def take(self, received: Envelope) -> None:
        """Keep what controller and learner are told in this episode; see `ProcessGroup.take`."""
        body = received.body
        if isinstance(body, TOLD) and received.to in PLAYED:
            if received.incarnation != self.episode:
                return
            why = self._validator.refusal(received, self.now_ns())
            if why:
                return self.mailbox.drop(f"{type(body).__name__} of {received.source[:40]}: {why}")
            self._heard.append(body)
        elif not isinstance(body, (Rows, *WORDS)):
            super().take(received)

    def answer(self, ask: Ask, choices: NDArray[np.int8]) -> None:
        """Answer one UE's ask with its part of ``choices`` (N,)."""
        for ue in self.plan.system.ues:
            if ue.name == ask.ue:
                decision = Decision(ue=ue.name, slot=ask.slot, choice=int(choices[ue.index]), asked_ns=ask.at_ns)
                answer = Send(to=ue.name, body=decision, at_ns=self.now_ns(), phase=Phase.DECIDE)
                for send in (answer, *self._notices([answer])):
                    enveloped = sent(CONTROLLER, self.episode, send.to, send)
                    self.mailbox.send(enveloped)


def started(plan: Plan, stack: contextlib.ExitStack) -> Players:
    """The processes of ``plan``, ready; ``stack`` ends them and removes their folders."""
    folder = temporary_folder()
    stack.callback(shutil.rmtree, folder, ignore_errors=True)
    here = stack.enter_context(prepared(folder))
    link = Path(here).absolute()
    stack.enter_context(swept(folder, *([link.parent] if link.is_symlink() else [])))
    players = Players(plan, folder, here)
    stack.callback(players.shutdown)
    try:
        players.enlist()
    except StartError as error:
        raise StartError(error.message, players.log_tails()) from None
    return players


def release(stack: contextlib.ExitStack, owner: int) -> None:
    """End all that ``owner`` started; a process forked from it has no part in that."""
    if os.getpid() == owner:
        stack.close()
    else:
        _FOREIGN.append(stack)  # were it collected, its folders would be removed
