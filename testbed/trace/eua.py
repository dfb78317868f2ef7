"""Topologies: sites and users in degrees, as in EUA (Lai et al., ICSOC 2018), or in metres, into cells and distances.

Every user joins its nearest site. A site without users makes no cell.
"""

import math
from bisect import bisect_left
from collections.abc import Sequence
from pathlib import Path

import msgspec

from testbed.model.errors import ScenarioError, UsageError
from testbed.scenario.reading import read_text
from testbed.scenario.tables import Table, TableRow
from testbed.trace.notes import Say, count, quiet

POSITION_COLUMNS = ("latitude", "longitude")
NAMED_ALIKE = (POSITION_COLUMNS, ("lat", "lon"), ("lat", "lng"), ("lat", "long"), ("latitude", "lon"))
FLAT_COLUMNS = ("y", "x")
EARTH_M = 6_371_008.8
METRES_A_DEGREE = math.radians(EARTH_M) * (1 - 1e-9)
NEAREST_M, FARTHEST_M = 1.0, 1e7
ID_COLUMNS = ("site_id", "id")


class Position(msgspec.Struct, frozen=True):
    """A place in degrees, or, if it is ``flat``, in metres to the north and east; ``name`` is the site's id or ""."""

    latitude: float
    longitude: float
    name: str = ""
    flat: bool = False


def parse(text: str, file: str, say: Say = quiet) -> tuple[bool, tuple[Position, ...]]:
    """Whether ``text`` lists sites by SITE_ID (else users, or sites by ID), and their positions.

    Columns are called latitude and longitude, lat and lon, or x and y for metres. A position of 0, 0 in degrees is what
    a receiver without a fix writes: it is skipped. Raises `ScenarioError` with its place.
    """
    north, east = _columns(file, text)
    flat = (north, east) == FLAT_COLUMNS
    table = Table(file, text, (north, east), fold=True)
    name = next((column for column in ID_COLUMNS if column in table.columns), "")
    positions, nowhere = [], 0
    for row in table.rows():
        most_north, most_east = (FARTHEST_M, FARTHEST_M) if flat else (90.0, 180.0)
        latitude, longitude = _within(row, north, most_north), _within(row, east, most_east)
        if latitude == longitude == 0.0 and not flat:
            nowhere += 1
        else:
            positions.append(Position(latitude, longitude, row.get(name, ""), flat))
    if nowhere:
        say(f"{count(nowhere, 'position')} at 0, 0 skipped: that is a receiver without a fix")
    if not positions:
        raise ScenarioError("no position below the header", file, 1, 1, remedy="give one position a line")
    return name == ID_COLUMNS[0], tuple(positions)


def read(names: Sequence[str], say: Say = quiet) -> tuple[tuple[Position, ...], tuple[Position, ...]]:
    """Sites and users of these files, in any order. Raises `ScenarioError`, and `UsageError` if one kind is missing."""
    by_kind: dict[bool, tuple[Position, ...]] = {True: (), False: ()}
    parsed = [parse(read_text(name), name, _of(name, names, say)) for name in names]
    by_site_id = any(sites for sites, _ in parsed)
    for sites, positions in parsed:
        by_kind[sites or (not by_site_id and bool(positions[0].name))] += positions
    if not by_kind[True] or not by_kind[False]:
        missing = "sites (with SITE_ID)" if not by_kind[True] else "users"
        raise UsageError(f"no file of {missing} was given", "give both: sites.csv users.csv")
    if len({place.flat for places in by_kind.values() for place in places}) > 1:
        raise UsageError("some files are in degrees and some in metres (x, y)", "give sites and users in one of them")
    return by_kind[True], by_kind[False]


def _of(name: str, names: Sequence[str], say: Say) -> Say:
    """As ``say``, naming the file where there are several."""
    return say if len(names) == 1 else lambda text: say(f"{Path(name).name}: {text}")


def _columns(file: str, text: str) -> tuple[str, str]:
    """The names of the columns to the north and to the east, those of EUA where it has none that are known."""
    if not text.strip():
        return POSITION_COLUMNS
    columns = Table(file, text, (), fold=True).columns
    return next((pair for pair in (*NAMED_ALIKE, FLAT_COLUMNS) if columns.keys() >= set(pair)), POSITION_COLUMNS)


def _within(row: TableRow, name: str, limit: float) -> float:
    value = row.real(name, -limit)
    if value > limit:
        unit = "m" if limit == FARTHEST_M else "degrees"
        raise row.error(name, f'{name} "{row[name]}" is out of range', f"must be at most {limit:g} {unit}")
    return value


def distance_m(a: Position, b: Position) -> float:
    """Great-circle distance in metres (haversine); between flat places the straight line."""
    if a.flat:
        return math.hypot(b.latitude - a.latitude, b.longitude - a.longitude)
    north, east = math.radians(b.latitude - a.latitude), math.radians(b.longitude - a.longitude)
    across = math.cos(math.radians(a.latitude)) * math.cos(math.radians(b.latitude)) * math.sin(east / 2) ** 2
    return 2 * EARTH_M * math.asin(min(1.0, math.sqrt(math.sin(north / 2) ** 2 + across)))


def topology(
    sites: tuple[Position, ...],
    users: tuple[Position, ...],
    cells: int = 0,
    ues_per_cell: int = 0,
    radius_m: float = math.inf,
    say: Say = quiet,
) -> list[tuple[Position, list[float]]]:
    """Sites with the distances in metres of the users nearest to them, at least 1 m each, nearest first.

    ``cells`` keeps the sites with the most users, ``ues_per_cell`` the nearest users of each (0: all). Users farther
    than ``radius_m`` from every site are left out. Raises `UsageError` if all are.
    """
    index = _Index(sites)
    around: list[list[float]] = [[] for _ in sites]
    far = near = 0
    for user in users:
        distance, nearest = index.nearest(user, radius_m)
        if nearest < 0:
            far += 1
            continue
        near += distance < NEAREST_M
        around[nearest].append(max(NEAREST_M, distance))
    if far:
        say(f"{count(far, 'user')} of {len(users):,} farther than {radius_m:g} m from every site left out (--radius)")
    if near:
        say(f"{count(near, 'user')} nearer than {NEAREST_M:g} m to a site put at {NEAREST_M:g} m")
    used = [i for i, distances in enumerate(around) if distances]
    if not used:
        raise UsageError(f"no user is within {radius_m:g} m of a site", "give a larger radius, or other sites")
    if len(used) < len(sites):
        say(f"{count(len(sites) - len(used), 'site')} without users left out")
    if cells and cells < len(used):
        most_used = sorted(sorted(used, key=lambda i: (-len(around[i]), i))[:cells])
        gone = sum(len(around[i]) for i in used) - sum(len(around[i]) for i in most_used)
        say(f"{count(len(used) - len(most_used), 'cell')} with {count(gone, 'user')} left out (--cells)")
        used = most_used
    cut = sum(max(0, len(around[i]) - ues_per_cell) for i in used) if ues_per_cell else 0
    if cut:
        say(f"{count(cut, 'user')} left out, others of their cell being nearer (--ues-per-cell)")
    return [(sites[i], sorted(around[i])[: ues_per_cell or None]) for i in used]


class _Index:
    """Sites by latitude: two places are never nearer to each other than their latitudes are."""

    def __init__(self, sites: tuple[Position, ...]) -> None:
        self._sites = sites
        self._order = sorted(range(len(sites)), key=lambda i: sites[i].latitude)
        self._latitudes = [sites[i].latitude for i in self._order]

    def nearest(self, user: Position, radius_m: float) -> tuple[float, int]:
        """Distance in metres and number of the nearest site, the first of equals; (``radius_m``, -1) if all are
        farther than that."""
        best = (radius_m, len(self._sites))
        metres = 1.0 if user.flat else METRES_A_DEGREE
        middle = bisect_left(self._latitudes, user.latitude)
        for ranks in (range(middle, len(self._order)), range(middle - 1, -1, -1)):
            for rank in ranks:
                if abs(self._latitudes[rank] - user.latitude) * metres > best[0]:
                    break
                i = self._order[rank]
                best = min(best, (distance_m(self._sites[i], user), i))
        return best if best[1] < len(self._sites) else (radius_m, -1)


def format_yaml(cells: list[tuple[Position, list[float]]], title: str) -> str:
    """A scenario of these cells; all that it does not say is as in `region`."""
    lines = [f"# {title}", f"# {len(cells)} cells, {sum(len(ues) for _, ues in cells)} UEs", "cells:"]
    for site, distances in cells:
        each = ", ".join(f"{distance:.3f} m" for distance in distances)
        lines.append(f"  # site {site.name}: {site.latitude:.6f}, {site.longitude:.6f}")
        lines.append(f"  - {{es: {{cpu: 3 GHz}}, ues: {len(distances)}, ue: {{distance: {{each: [{each}]}}}}}}")
    return "\n".join(lines) + "\n"
