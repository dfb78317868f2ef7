"""The tables of docs/reproduction.md, made of what a reproduction found."""

import json
import math
from functools import cache
from pathlib import Path
from typing import Any

from testbed.reproduce.judgement import REFUTED, SHOWN

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "reproduction"
VERDICTS = FOLDER / "verdicts.json"


@cache
def _found() -> Any:
    return json.loads(VERDICTS.read_text(encoding="utf-8"))


def form() -> str:
    """Which form it is, how to make it, and how it was made."""
    reproduction = _found()
    lines = [
        f"This page is of the form **{reproduction['form']}**, made by",
        "",
        "```sh",
        reproduction["command"],
        "```",
        "",
    ]
    return "\n".join([*lines, *(f"- {line}" for line in reproduction["how"])])


def verdicts() -> str:
    """A row for each claim."""
    rows = [
        "| claim | what the paper says, in our words | our measure | verdict | depends on |",
        "|---|---|---|---|---|",
    ]
    for claim in _found()["claims"]:
        parts = [part for case in claim["cases"] for part in case["parts"]]
        shown, refuted = (sum(part["finding"] == finding for part in parts) for finding in (SHOWN, REFUTED))
        count = len(claim["cases"])
        cases = f"{count} cases" if count > 1 else "one case"
        measure = f"{shown} of {len(parts)} statements shown, {refuted} refuted, in {cases}"
        cells = (
            f"[{claim['number']} {claim['title']}](#{anchor(claim)})",
            claim["said"],
            measure,
            f"**{claim['verdict']}**",
            "<br>".join(f"{line}." for line in claim["depends_on"]) or "nothing that was varied",
        )
        rows.append(f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |")
    return "\n".join(rows)


def anchor(claim: Any) -> str:
    """Where the details of a claim are."""
    words = f"claim {claim['number']}: {claim['title']}".lower()
    return "".join(c for c in words if c.isalnum() or c in " -_").replace(" ", "-")


def details() -> str:
    """The statements of each claim, case by case, and its figures' data."""
    return "\n\n".join(_detail(claim) for claim in _found()["claims"])


def _detail(claim: Any) -> str:
    lines = [
        f"### Claim {claim['number']}: {claim['title']}",
        "",
        f"{claim['said']} **{claim['verdict'].capitalize()}.**",
    ]
    lines += ["", "| case | statement | measure | value [95 % interval] | finding |", "|---|---|---|---|---|"]
    for case in claim["cases"]:
        for part in case["parts"]:
            cells = (case["name"], part["what"], part["measure"], _interval(part), part["finding"])
            lines.append(f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |")
    lines += ["", *(f"- {note}" for note in claim["notes"])]
    data = sorted(path.name for path in (FOLDER / "figures").glob(f"{claim['number']}-*.csv"))
    listed = ", ".join(f"[{name.removesuffix('.csv')}](reproduction/figures/{name})" for name in data)
    drawn = sorted((FOLDER / "figures").glob(f"{claim['number']}-*.svg"))
    lines += [
        "",
        f"Data of its figures: {listed}.",
        *(f"\n![{path.stem}](reproduction/figures/{path.name})" for path in drawn),
    ]
    return "\n".join(lines)


def _interval(part: Any) -> str:
    value, low, high = (_number(part[name]) for name in ("value", "low", "high"))
    return value if part["low"] is None else f"{value} [{low}, {high}]"


def _number(value: float | None) -> str:
    return "–" if value is None or not math.isfinite(value) else f"{value:.4g}"


def live() -> str:
    """The runs on processes beside the twin's, if there were any."""
    points = _found()["live"]
    if not points:
        return "This form has none: `testbed reproduce --on testbed` adds them."
    rows = [
        "| density | strategy | seed | grade | delay, s | on the twin | energy, J | on the twin |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for one in points:
        numbers = [_number(value) for pair in (one["delay_s"], one["energy_j"]) for value in pair]
        cells = (f"{one['density']:g}", one["strategy"], str(one["seed"]), one["grade"], *numbers)
        rows.append(f"| {' | '.join(cells)} |")
    drawn = sorted((FOLDER / "figures").glob("live-*.svg"))
    return "\n".join([*rows, *(f"\n![{path.stem}](reproduction/figures/{path.name})" for path in drawn)])
