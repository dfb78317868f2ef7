"""Every view as text, compared letter by letter with the ones that were looked at: ``UPDATE_SCREENS=1`` writes them."""

import os
from pathlib import Path

import pytest

from tests.watch.runs import recorded
from tests.watch.test_app import screen_of

FOLDER = Path(__file__).parent / "screens"
VIEWS = {"overview": "1", "servers": "2", "ues": "3", "learning": "4", "tasks": "5", "events": "6"}
DEATH = "faults=[{at: 5.3 s, kill: es-2, restart_after: 1 s}]"


def text_of(lines: list[str]) -> str:
    return "\n".join(line.rstrip() for line in lines) + "\n"


def compared(name: str, size, keys=(), *, run, until: int) -> None:
    """Wait for the screen that the file ``name`` shows."""
    file = FOLDER / f"{name}.txt"
    if os.environ.get("UPDATE_SCREENS"):
        FOLDER.mkdir(exist_ok=True)
        file.write_text(text_of(screen_of(size, keys, run, until)[0]), encoding="utf-8")
    expected = file.read_text(encoding="utf-8")
    lines, _ = screen_of(size, keys, run, until, shows=lambda lines: text_of(lines) == expected)
    assert text_of(lines) == expected


@pytest.mark.parametrize("view", VIEWS)
def test_a_view_looks_as_it_did(view):
    compared(view, (120, 40), [VIEWS[view]], run=recorded("region", "slots=20", DEATH), until=6)


@pytest.mark.parametrize("size", [(80, 24), (200, 60), (10, 3)])
def test_the_overview_looks_as_it_did_at_every_size(size):
    run = recorded("region", "slots=20", DEATH)
    compared(f"overview-{size[0]}x{size[1]}", size, run=run, until=6)


def test_hundreds_of_ues_look_as_they_did():
    run = recorded("region", "slots=5", "cells.0.ues=100", "cells.1.ues=100", "cells.2.ues=100")
    compared("overview-300", (120, 40), run=run, until=3)
