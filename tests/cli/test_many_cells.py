"""Scenarios of many cells: the work grows with their number, not with its square."""

import sys

import pytest

from testbed.cli.commands.check import describe
from testbed.scenario.load import parse_scenario
from testbed.trace import inputs


def lines_run(cells):
    """Python lines that are run to describe a scenario of so many cells, a measure that no load of the host changes."""
    text = "name: many\nslots: 2\ndensity: 0.9\ncells:\n" + "  - {es: {cpu: 4 GHz}, ues: 1}\n" * cells
    resolved = inputs.resolve(parse_scenario(text, "many"))
    plan = resolved.plan(inputs.generate(resolved.scenario, resolved.system), "lc", second_offload=False, live=True)
    count = 0

    def trace(frame, event, argument):
        nonlocal count
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        result = describe(plan)
    finally:
        sys.settrace(before)
    assert len(result) == cells
    return count


@pytest.mark.parametrize("cells", [50])
def test_describing_four_times_the_cells_is_at_most_five_times_the_work(cells):
    assert lines_run(4 * cells) < 5 * lines_run(cells)
