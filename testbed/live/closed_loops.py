"""Which task each UE of a closed loop has next, worked out from the ends that were told: nobody has to be waited for in
the hope that he would have said something by now."""

from collections.abc import Mapping, Sequence

import msgspec

from testbed.model.delay import FOREVER_NS
from testbed.model.ledger import Absence
from testbed.model.system import Plan


class Expected(msgspec.Struct):
    """The task of one UE that has not ended: its number, when it comes, and since when that is known."""

    number: int
    due_ns: int
    since_ns: int = -1


class ClosedLoops:
    """The loops of all UEs of ``plan``, whose workload says think times as `System` has it."""

    def __init__(self, plan: Plan) -> None:
        self._end_ns = plan.system.end_ns
        by_ue = zip(plan.system.ues, plan.tasks_by_ue(), strict=True)
        self._tasks = {ue.name: sorted(tasks, key=lambda task: task.number) for ue, tasks in by_ue}
        self._expected = {name: Expected(0, tasks[0].generated_ns) for name, tasks in self._tasks.items() if tasks}

    def ended(self, ue: str, number: int, finished_ns: int) -> None:
        """Task ``number`` of ``ue`` ended at ``finished_ns``, of whichever the same may have been told before."""
        tasks, expected = self._tasks[ue], self._expected[ue]
        if number < expected.number:
            return
        following = number + 1
        think_ns = FOREVER_NS
        if following < len(tasks):
            think_ns = tasks[following].generated_ns - tasks[number].generated_ns
        expected.number, expected.due_ns, expected.since_ns = following, finished_ns + think_ns, finished_ns

    def awaited(self, absences: Mapping[str, Sequence[Absence]]) -> list[tuple[str, int]]:
        """UE and number of the tasks that came, or will come, and have not ended; ``absences`` are those of the UEs."""
        workloads = ((name, self._awaited(name, absences.get(name, ()))) for name in self._expected)
        return [(name, number) for name, number in workloads if number >= 0]

    def _awaited(self, ue: str, gaps: Sequence[Absence]) -> int:
        """The number of the task of ``ue`` that is awaited, or -1; a UE that came back begins anew with its plan."""
        expected = self._expected[ue]
        lost = [back for died, back in gaps if died >= expected.since_ns]
        if not lost:
            return expected.number if expected.due_ns < self._end_ns else -1
        if lost[-1] < 0:
            return -1
        later = [task for task in self._tasks[ue] if task.generated_ns >= lost[-1]]
        return later[0].number if later and later[0].generated_ns < self._end_ns else -1

    def came(self, until_ns: int) -> dict[tuple[str, int], int]:
        """UE and number of the tasks that came by ``until_ns`` and have not ended, and when each came."""
        limit_ns = min(self._end_ns, until_ns + 1)
        return {
            (name, expected.number): expected.due_ns
            for name, expected in self._expected.items()
            if expected.due_ns < limit_ns
        }
