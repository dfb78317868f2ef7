"""What cannot be asked of UEs that crowds play."""

from collections.abc import Iterator

from testbed.model.system import EPOCH_SLOT, REAL
from testbed.scenario.mistake import Mistake
from testbed.scenario.names import ue_name
from testbed.scenario.resilience_schema import ResilienceKeys
from testbed.scenario.schema import Cell, Scenario, UeSection

FAILURE_KEYS = ResilienceKeys.__struct_fields__
SINGLE = "or leave out crowd"


def crowd_mistakes(scenario: Scenario) -> Iterator[Mistake]:
    """The mistakes of a scenario with crowds."""
    crowded = [(i, cell) for i, cell in enumerate(scenario.cells) if cell.crowd]
    for i, cell in crowded:
        if scenario.topology is not None:
            message = '"crowd" counts the UEs of a cell, and the topology says which there are'
            yield Mistake(("cells", i, "crowd"), message, "drop crowd or topology")
        elif cell.crowd > cell.ues:
            message = f"a crowd of {cell.crowd} in a cell of {cell.ues} UEs"
            yield Mistake(("cells", i, "crowd"), message, f"write at most {cell.ues}, or more ues")
    if crowded:
        yield from _emulation(scenario, ("cells", crowded[0][0], "crowd"))
        yield from _options(scenario)
        yield from _killed(scenario, crowded)


def _emulation(scenario: Scenario, place: tuple[str | int, ...]) -> Iterator[Mistake]:
    emulation = scenario.emulation
    if emulation.payload == REAL:
        message = "a crowd sends no real payload, that of hundreds of UEs"
        yield Mistake(place, message, f"write emulation: {{payload: declared}}, {SINGLE}")
    if emulation.burn != 0.0:
        message = "a crowd burns no cycles, those of hundreds of UEs"
        yield Mistake(place, message, f"write emulation: {{burn: 0}}, {SINGLE}")


def _options(scenario: Scenario) -> Iterator[Mistake]:
    if scenario.agent.epoch != EPOCH_SLOT:
        message = "a crowd asks for all its UEs at slot boundaries"
        yield Mistake(("agent", "epoch"), message, f"write epoch: slot, {SINGLE}")
    if scenario.ue.resilience.is_used:
        word = next(word for word in FAILURE_KEYS if getattr(scenario.ue, word) != getattr(UeSection(), word))
        message = f"UEs of a crowd have no options for failures, such as {word}"
        yield Mistake(("ue", word), message, f"drop it, {SINGLE}")


def _killed(scenario: Scenario, crowded: list[tuple[int, Cell]]) -> Iterator[Mistake]:
    members = {ue_name(i, n) for i, cell in crowded for n in range(cell.ues - cell.crowd, cell.ues)}
    for place, fault in enumerate(scenario.faults):
        if fault.kill in members:
            message = f"{fault.kill} is one of a crowd, and would not die alone"
            remedy = "kill a UE with a process of its own, or make the crowd smaller"
            yield Mistake(("faults", place, "kill"), message, remedy)
