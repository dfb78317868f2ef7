"""A UE of a crowd (sans-IO): as a single one, but that its crowd wakes it, asks for it and hears the answers."""

from testbed.model.delay import FOREVER_NS
from testbed.model.system import CONTROLLER
from testbed.model.task import Task
from testbed.protocol.actions import Action
from testbed.protocol.crowd_messages import Decisions
from testbed.protocol.messages import Ask, Decision
from ue_agent.agent import Agent


class CrowdMember(Agent):
    """See `Agent`."""

    def standing(self) -> tuple[int, int, int, int, int]:
        """What its crowd keeps in columns: when its local queue is empty, and when all that it sends has left, as far
        as it knows; how many of its tasks are asked about or on their way; what was decided last; when its next task is
        generated."""
        present = len(self._flights)
        for ask, _ in self._pending.values():
            present += len(ask.tasks)
        tasks, following = self._tasks, self._next
        next_ns = tasks[following].generated_ns if following < len(tasks) else FOREVER_NS
        return self._cpu.free_ns, self._uplink.free_ns, present, self._last_choice, next_ns

    def take_up(self, slot: int, now_ns: int) -> tuple[Task, ...]:
        """The tasks that were generated since it was asked last, which its crowd asks about at ``now_ns``."""
        tasks = self._arisen(now_ns)
        queue = max(0, self._cpu.free_ns - now_ns)
        ask = Ask(ue=self.name, slot=slot, at_ns=now_ns, queue_ns=queue, tasks=tasks, last_choice=self._last_choice)
        self._pending[slot] = ask, self._lives.incarnation(CONTROLLER)
        return tasks

    def decided(self, decisions: Decisions, place: int, think_ns: int) -> list[Action]:
        """Its crowd was answered ``think_ns`` after it had asked; its own answer stands at ``place``."""
        decision = Decision(
            ue=self.name,
            slot=decisions.slot,
            choice=decisions.choices[place],
            version=decisions.version,
            log_probability=decisions.log_probabilities[place],
            fallback=decisions.fallback,
            asked_ns=decisions.asked_ns,
        )
        return self._decided(decision, think_ns)

    def fall_back(self, slot: int, think_ns: int, why: str) -> list[Action]:
        """Nobody answers in time what was asked in ``slot``, if anything was."""
        return self._fall_back(slot, think_ns, why)

    def is_asking(self, slot: int) -> bool:
        """Whether it still waits for the answer to what was asked in ``slot``."""
        return slot in self._pending
