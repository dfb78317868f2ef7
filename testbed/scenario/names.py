"""What the processes of a scenario are called."""

from testbed.model.system import CONTROLLER
from testbed.scenario.schema import Scenario


def ue_name(cell: int, number: int) -> str:
    """Name of UE ``number`` (0-based) of ``cell`` (0-based)."""
    return f"ue-{cell + 1}-{number + 1}"


def es_name(cell: int) -> str:
    """Name of the ES of ``cell`` (0-based)."""
    return f"es-{cell + 1}"


def es_names(scenario: Scenario) -> list[str]:
    """The names of all ESs, by cell."""
    return [es_name(i) for i in range(len(scenario.cells))]


def ue_names(scenario: Scenario) -> list[str]:
    """The names of all UEs, cell by cell."""
    return [ue_name(i, n) for i, cell in enumerate(scenario.cells) for n in range(cell.ues)]


def process_names(scenario: Scenario) -> list[str]:
    """Every process that a fault may kill."""
    return [CONTROLLER, *es_names(scenario), *ue_names(scenario)]
