"""A scenario's cells from the places of sites and users."""

import msgspec

from testbed.model.errors import ScenarioError, UsageError
from testbed.scenario.fields import Draw
from testbed.scenario.schema import Cell, Scenario, Topology
from testbed.trace import eua
from testbed.trace.notes import Say, count

KEY_OF_OPTION = {
    "--radius": "topology.radius",
    "--cells": "topology.most_cells",
    "--ues-per-cell": "topology.ues_per_cell",
}


def placed(scenario: Scenario, topology: Topology, say: Say) -> Scenario:
    """``scenario`` with a cell for each site that has users, as its ``cells`` say in turn; see `eua.topology`.

    ``say`` hears how many there are, and who was left out. Raises `ScenarioError`.
    """

    def say_with_keys(text: str) -> None:
        for option, key in KEY_OF_OPTION.items():
            text = text.replace(f"({option})", f"({key})")
        say(text)

    try:
        sites, users = eua.read(topology.files, say_with_keys)
        regions = eua.topology(
            sites, users, topology.most_cells, topology.ues_per_cell, topology.radius_m, say_with_keys
        )
    except UsageError as error:
        raise ScenarioError(f"topology: {error.message}", remedy=error.remedy) from None
    there = sum(len(distances) for _, distances in regions)
    say(f"{count(len(regions), 'cell')} at {len(sites):,} sites, with {there:,} of {len(users):,} users")
    cells = tuple(_cell(scenario.cells[n % len(scenario.cells)], distances) for n, (_, distances) in enumerate(regions))
    return msgspec.structs.replace(scenario, topology=None, cells=cells)


def _cell(like: Cell, distances_m: list[float]) -> Cell:
    """A cell with UEs so far away; millimetres are as much as an imported file has."""
    away = Draw("each", tuple(round(distance, 3) for distance in distances_m))
    return msgspec.structs.replace(like, ues=len(distances_m), ue=msgspec.structs.replace(like.ue, distance_m=away))
