"""What an ES has under way and would have to say anew if the plan changed meanwhile (sans-IO)."""

import msgspec

from edge_server.job import Job
from edge_server.transfers import Onward
from testbed.model.system import System
from testbed.protocol.messages import Forward


class Answer(msgspec.Struct, frozen=True):
    """The result of a job is at its UE at ``at_ns``, as it was ``told`` with any other instant that was said before;
    ``rejected`` where there was no place for it."""

    job: Job
    at_ns: int
    rejected: bool
    told: frozenset[int]


class Transit(msgspec.Struct, frozen=True):
    """A task on its way to another ES, where it arrives at ``at_ns``; ``told`` as of an `Answer`."""

    onward: Onward
    at_ns: int
    told: frozenset[int]


class UnderWay:
    """Tasks on the backhaul, and results on their way back, emptied at every slot boundary of what has come."""

    def __init__(self) -> None:
        self._changes = False
        self._on_backhaul: list[Transit] = []
        self._answers: list[Answer] = []
        self._taken_over: set[tuple[int, int]] = set()

    def begin(self) -> None:
        """The plan changes, now for the first time or again."""
        self._changes = True

    def sent_on(self, onward: Onward, arrival_ns: int) -> None:
        """A task goes to another ES."""
        self._on_backhaul.append(Transit(onward, arrival_ns, frozenset({arrival_ns})))

    def moved_on(self, system: System, now_ns: int) -> list[Onward]:
        """The tasks on the backhaul that arrive at instants which were not said yet."""
        self.prune(now_ns)
        before, self._on_backhaul = self._on_backhaul, []
        for one in before:
            at_ns = one.onward.arrival_ns(system)
            self._on_backhaul.append(Transit(one.onward, at_ns, one.told | {at_ns}))
        return [new.onward for old, new in zip(before, self._on_backhaul, strict=True) if new.told != old.told]

    def answered(self, answer: Answer) -> None:
        """A result goes back to its UE."""
        self._answers.append(answer)

    def held_answers(self, now_ns: int) -> list[Answer]:
        """The results that are not at their UEs at ``now_ns``; they are to be `answered` anew."""
        self.prune(now_ns)
        held, self._answers = self._answers, []
        return held

    def prune(self, now_ns: int) -> None:
        """Forget what has come where it was to go."""
        self._on_backhaul = [one for one in self._on_backhaul if one.at_ns > now_ns]
        self._answers = [answer for answer in self._answers if answer.at_ns > now_ns]

    def is_due(self, system: System, job: Job, forward: Forward, es: int) -> bool:
        """Whether a task that another ES sent on to ES ``es`` is there: it comes once, and at the instant that follows
        from the plan as it is now, whatever was said before."""
        if not self._changes:
            return True
        key = job.ue.index, job.task.number
        if key in self._taken_over or Onward(job, es, job.trip.arrival_ns).arrival_ns(system) != forward.arrival_ns:
            return False
        self._taken_over.add(key)
        return True
