"""Classes of tasks: what is drawn for a task depends on its class, so that input, work and deadline go together."""

from itertools import accumulate

import msgspec

from testbed.scenario.schema import Scenario
from testbed.scenario.task_schema import OwnTasks, TaskSection


def classes_of(section: TaskSection) -> tuple[TaskSection, ...]:
    """What the tasks of each class are like; one class where none is named."""
    if not section.classes:
        return (section,)
    return tuple(
        TaskSection(
            input_bits=section.input_bits if one.input_bits is None else one.input_bits,
            cycles=section.cycles if one.cycles is None else one.cycles,
            deadline_ns=section.deadline_ns if one.deadline_ns is None else one.deadline_ns,
        )
        for one in section.classes
    )


def shares_of(section: TaskSection) -> tuple[float, ...]:
    """The share of tasks that are of a class or an earlier one: a draw below it, and not below the one before, is of
    that class."""
    weights = [one.weight for one in section.classes] or [1.0]
    total = sum(weights)
    return (*(part / total for part in accumulate(weights[:-1])), 1.0)


def sections_of(scenario: Scenario) -> tuple[TaskSection, ...]:
    """What the tasks of each UE are like, by its index: as its own section says, else its cell's, else that of all."""
    sections: list[TaskSection] = []
    for cell in scenario.cells:
        common = _narrowed(scenario.task, cell.task)
        sections.extend(_narrowed(common, own) for own in cell.ue_tasks or (None,) * cell.ues)
    return tuple(sections)


def _narrowed(section: TaskSection, own: OwnTasks | None) -> TaskSection:
    if own is None:
        return section
    values = {name: getattr(own, name) for name in OwnTasks.__struct_fields__}
    return msgspec.structs.replace(section, **{name: value for name, value in values.items() if value is not None})
