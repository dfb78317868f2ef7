"""EUA topologies: base-station sites and user positions in degrees (Lai et al., ICSOC 2018) into cells and distances.

Every user joins its nearest site. A site without users makes no cell.
"""

import math

import msgspec

from testbed.model.errors import ScenarioError
from testbed.model.table import Row, Table

COLUMNS = ("latitude", "longitude")
EARTH_M = 6_371_008.8
NEAREST_M = 1.0


class Position(msgspec.Struct, frozen=True):
    """A place in degrees; ``name`` is the site's id or ""."""

    latitude: float
    longitude: float
    name: str = ""


def parse(text: str, file: str) -> tuple[bool, tuple[Position, ...]]:
    """Whether ``text`` lists sites (else users), and their positions. Raises `ScenarioError` with its place."""
    table = Table(file, text, COLUMNS, fold=True)
    sites = "site_id" in table.columns
    positions = tuple(
        Position(_degrees(row, "latitude", 90.0), _degrees(row, "longitude", 180.0), row["site_id"] if sites else "")
        for row in table.rows()
    )
    if not positions:
        raise ScenarioError("no position below the header", file, 1, 1, remedy="give one position a line")
    return sites, positions


def _degrees(row: Row, name: str, limit: float) -> float:
    value = row.real(name, -limit)
    if value > limit:
        raise row.error(name, f'{name} "{row[name]}" is out of range', f"must be at most {limit:g} degrees")
    return value


def distance_m(a: Position, b: Position) -> float:
    """Great-circle distance in metres (haversine)."""
    north, east = math.radians(b.latitude - a.latitude), math.radians(b.longitude - a.longitude)
    across = math.cos(math.radians(a.latitude)) * math.cos(math.radians(b.latitude)) * math.sin(east / 2) ** 2
    return 2 * EARTH_M * math.asin(min(1.0, math.sqrt(math.sin(north / 2) ** 2 + across)))


def topology(
    sites: tuple[Position, ...], users: tuple[Position, ...], cells: int = 0, ues_per_cell: int = 0
) -> list[tuple[Position, list[float]]]:
    """Sites with the distances in metres of the users nearest to them, at least 1 m each, nearest first.

    ``cells`` keeps the sites with the most users, ``ues_per_cell`` the nearest users of each (0: all).
    """
    around: list[list[float]] = [[] for _ in sites]
    for user in users:
        distance, nearest = min((distance_m(site, user), i) for i, site in enumerate(sites))
        around[nearest].append(max(NEAREST_M, distance))
    used = [i for i, distances in enumerate(around) if distances]
    if cells:
        used = sorted(sorted(used, key=lambda i: (-len(around[i]), i))[:cells])
    return [(sites[i], sorted(around[i])[: ues_per_cell or None]) for i in used]


def format_yaml(cells: list[tuple[Position, list[float]]], title: str) -> str:
    """A scenario of these cells; all that it does not say is as in `region`."""
    lines = [f"# {title}", f"# {len(cells)} cells, {sum(len(ues) for _, ues in cells)} UEs", "cells:"]
    for site, distances in cells:
        each = ", ".join(f"{distance:.3f} m" for distance in distances)
        lines.append(f"  # site {site.name}: {site.latitude:.6f}, {site.longitude:.6f}")
        lines.append(f"  - {{es: {{cpu: 3 GHz}}, ues: {len(distances)}, ue: {{distance: {{each: [{each}]}}}}}}")
    return "\n".join(lines) + "\n"
