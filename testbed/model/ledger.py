"""The ledger: every generated task ends exactly once, or somebody hears of it.

``generated = completed + late + failed``, and by decision ``local + offloaded + undecided = generated``, where a task
can only be undecided when it failed first. The audit trusts neither the rows' number nor their states: it goes through
the workload.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

import msgspec

from testbed.model.targets import word_for
from testbed.model.task import COMPLETED, FAILED, LATE, UE_DIED, Task

Absence = tuple[int, int]
FINAL = frozenset({COMPLETED, LATE, FAILED})
MARKS_OF_A_TASK = ("forwarded", "rejected", "recovered", "fallback")


class Row(Protocol):
    """What the ledger reads of a task's record (`testbed.protocol.messages.TaskRow` has it)."""

    @property
    def ue(self) -> str:
        """The UE's name."""

    @property
    def number(self) -> int:
        """The task's number among those of its UE."""

    @property
    def state(self) -> str:
        """``decided`` or a final state."""

    @property
    def reason(self) -> str:
        """Why it failed."""

    @property
    def choice(self) -> int:
        """0 local, 1 or more offload, -1 undecided."""

    @property
    def fallback(self) -> str:
        """Why the fallback policy decided, or ""."""

    @property
    def forwarded(self) -> bool:
        """Whether another ES took it over."""

    @property
    def rejected(self) -> bool:
        """Whether a full queue refused it."""

    @property
    def recovered(self) -> bool:
        """Whether its ES died under it."""


class Ledger(msgspec.Struct, frozen=True, kw_only=True):
    """Counts of tasks; ``reasons`` counts failures by reason, ``problems`` describes what does not add up."""

    generated: int = 0
    local: int = 0
    offloaded: int = 0
    undecided: int = 0
    forwarded: int = 0
    completed: int = 0
    late: int = 0
    rejected: int = 0
    recovered: int = 0
    fallback: int = 0
    failed: int = 0
    unaccounted: int = 0
    reasons: dict[str, int] = {}
    problems: tuple[str, ...] = ()

    def counts(self) -> dict[str, int]:
        """The counts of a summary, by name, in its order."""
        return {name: getattr(self, name) for name in COUNTS}


COUNTS = (
    "generated",
    "local",
    "offloaded",
    "forwarded",
    "completed",
    "late",
    "rejected",
    "recovered",
    "fallback",
    "failed",
    "unaccounted",
    "undecided",
)


def absent(instant_ns: int, absences: Iterable[Absence]) -> bool:
    """Whether an instant falls into one of the intervals [death, restart) of a process (restart -1: never)."""
    return any(died <= instant_ns and (back < 0 or instant_ns < back) for died, back in absences)


def generated(
    workload: Iterable[Task],
    names: Sequence[str],
    absences: Mapping[str, Sequence[Absence]],
    until_ns: int | None = None,
) -> dict[tuple[str, int], Task]:
    """The tasks that came to be, by (UE name, number): their UE lived, and the run lasted (``until_ns``, inclusive)."""
    return {
        (names[task.ue], task.number): task
        for task in workload
        if (until_ns is None or task.generated_ns <= until_ns)
        and not absent(task.generated_ns, absences.get(names[task.ue], ()))
    }


def reconcile(
    rows: Iterable[Row],
    workload: Iterable[Task],
    names: Sequence[str],
    absences: Mapping[str, Sequence[Absence]] | None = None,
    until_ns: int | None = None,
) -> Ledger:
    """Audit the record ``rows`` against the ``workload``; ``names`` are the UEs' by index.

    ``absences`` holds each dead UE's intervals [death, restart) in ns. A task without a last row failed with its UE if
    that died after the task's generation; otherwise it is unaccounted for, as is every row that no generated task has.
    """
    gone = absences or {}
    expected = generated(workload, names, gone, until_ns)
    last: dict[tuple[str, int], Row] = {}
    problems: list[str] = []
    for row in rows:
        key = (row.ue, row.number)
        if key not in expected:
            problems.append(f"{row.ue} task {row.number}: recorded, but never generated")
        elif key in last and last[key].state in FINAL:
            if row.state in FINAL:
                problems.append(f"{row.ue} task {row.number}: ended twice")
        else:
            last[key] = row
    states: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    tags: Counter[tuple[int, bool, bool, bool, bool]] = Counter()
    for key, task in expected.items():
        last_row, deaths = last.get(key), gone.get(key[0])
        died = bool(deaths) and any(death > task.generated_ns for death, _ in deaths or ())
        state, reason = _ending(last_row, died=died)
        states[state or "unaccounted"] += 1
        if state == FAILED:
            reasons[reason] += 1
        if not state:
            problems.append(f"{key[0]} task {key[1]}: {last_row.state if last_row else 'no record'}, without an end")
        tags[_tags(last_row)] += 1
    for (choice, *flags), count in tags.items():
        states[word_for(choice) or "undecided"] += count
        for name, flag in zip(MARKS_OF_A_TASK, flags, strict=True):
            states[name] += count if flag else 0
    unaccounted = len(problems)
    states.pop("unaccounted", None)
    return Ledger(
        generated=len(expected), unaccounted=unaccounted, reasons=dict(reasons), problems=tuple(problems), **states
    )


def _ending(row: Row | None, *, died: bool) -> tuple[str, str]:
    """The last state and its reason; "" when nobody knows."""
    if row is not None and row.state in FINAL:
        return row.state, row.reason
    return (FAILED, UE_DIED) if died else ("", "")


def _tags(row: Row | None) -> tuple[int, bool, bool, bool, bool]:
    """How the task was decided, and which of `MARKS_OF_A_TASK` it has."""
    if row is None:
        return -1, False, False, False, False
    return row.choice, bool(row.forwarded), bool(row.rejected), bool(row.recovered), bool(row.fallback)
