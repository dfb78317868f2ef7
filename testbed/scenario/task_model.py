"""The task model of a scenario: what its workloads are drawn from."""

from testbed.model.random import FIELD_BITS, FIELD_CYCLES, FIELD_DEADLINE
from testbed.model.task_model import Law, TaskModel
from testbed.scenario.profile import slot_factors
from testbed.scenario.schema import Scenario
from testbed.scenario.task_classes import classes_of, sections_of, shares_of


def task_model(scenario: Scenario) -> TaskModel | None:
    """What tasks of ``scenario`` are drawn from, overloads aside; None where a trace, or a file not read yet, says."""
    profile = scenario.workload.profile
    if scenario.workload.trace or (profile is not None and not profile.factors):
        return None
    laws: list[Law] = []
    shares: list[float] = []
    sections = sections_of(scenario)
    first = dict.fromkeys(sections, 0)
    for section in first:
        first[section] = len(shares)
        shares.extend(shares_of(section))
        for task in classes_of(section):
            by_field = {FIELD_BITS: task.input_bits, FIELD_CYCLES: task.cycles, FIELD_DEADLINE: task.deadline_ns}
            draws = (by_field[field] for field in range(len(by_field)))
            laws.extend(Law(draw.kind, tuple(map(float, draw.values))) for draw in draws)
    return TaskModel(
        arrivals=scenario.workload.arrivals,
        rates=tuple(scenario.density * cell.density_factor for cell in scenario.cells for _ in range(cell.ues)),
        factors=slot_factors(scenario),
        laws=tuple(laws),
        shares=tuple(shares),
        first_classes=tuple(first[section] for section in sections),
    )
