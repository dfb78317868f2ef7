"""The tasks of a UE as they come to be (pure)."""

from collections.abc import Iterable, Sequence
from itertools import pairwise

from testbed.model.task import DECIDE, Task
from testbed.protocol.actions import Wake
from ue_agent.events import Arises


def own(tasks: Sequence[Task], from_ns: int) -> Sequence[Task]:
    """The tasks of a life that began at ``from_ns``, of ``tasks`` by number."""
    return tasks if from_ns == 0 else [task for task in tasks if task.generated_ns >= from_ns]


def think_ns(tasks: Sequence[Task]) -> list[int]:
    """How long after each task the next one is generated."""
    return [after.generated_ns - before.generated_ns for before, after in pairwise(tasks)]


def arises(task: Task) -> Wake:
    """With ``epoch: arrival`` a UE wakes up for each task."""
    return Wake(task.generated_ns, DECIDE, Arises(task.number, task.generated_ns), task.ue, task.number)


def arises_anew(before: Iterable[Task], after: Iterable[Task]) -> list[Wake]:
    """For which tasks it has to wake up in addition, if they are those ``after`` and no more those ``before``."""
    known = {task.number: task.generated_ns for task in before}
    return [arises(task) for task in after if known.get(task.number) != task.generated_ns]
