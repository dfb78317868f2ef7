"""Results on disk: a small file for each unit, whole or not there, so that an interrupted reproduction goes on."""

import json
from pathlib import Path

from testbed.record.files import keep
from testbed.reproduce.effort import Effort
from testbed.reproduce.units import Unit, about

UNITS_FOLDER = "units"


def path_of(folder: Path, unit: Unit) -> Path:
    """The file of a unit's result."""
    return folder / UNITS_FOLDER / f"{unit.stem}.json"


def write(folder: Path, unit: Unit, effort: Effort, result: dict[str, object]) -> None:
    """Keep a result. Raises `StartError`."""
    document = {"about": about(unit, effort), "result": result}
    keep(path_of(folder, unit), f"{json.dumps(document)}\n".encode())


def read(folder: Path, unit: Unit, effort: Effort) -> dict[str, object] | None:
    """The result of a unit; None if there is none, or one that was made by another effort or is no document."""
    try:
        document = json.loads(path_of(folder, unit).read_bytes())
    except (OSError, ValueError):
        return None
    if not isinstance(document, dict) or document.get("about") != about(unit, effort):
        return None
    result = document.get("result")
    return result if isinstance(result, dict) else None
