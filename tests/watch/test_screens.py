"""Every view as text, compared letter by letter with the ones that were looked at: ``UPDATE_SCREENS=1`` writes them."""

import os
from pathlib import Path

import pytest

from tests.watch.runs import recorded
from tests.watch.test_app import screen_of

FOLDER = Path(__file__).parent / "screens"
VIEWS = {"overview": "1", "servers": "2", "ues": "3", "learning": "4", "tasks": "5", "events": "6"}
DEATH = "faults=[{at: 5.3 s, kill: es-2, restart_after: 1 s}]"


def compared(name: str, lines: list[str]) -> None:
    text = "\n".join(line.rstrip() for line in lines) + "\n"
    file = FOLDER / f"{name}.txt"
    if os.environ.get("UPDATE_SCREENS"):
        FOLDER.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8")


@pytest.mark.parametrize("view", VIEWS)
def test_a_view_looks_as_it_did(view):
    lines, _ = screen_of((120, 40), [VIEWS[view]], run=recorded("region", "slots=20", DEATH), until=6)
    compared(view, lines)


@pytest.mark.parametrize("size", [(80, 24), (200, 60), (10, 3)])
def test_the_overview_looks_as_it_did_at_every_size(size):
    lines, _ = screen_of(size, run=recorded("region", "slots=20", DEATH), until=6)
    compared(f"overview-{size[0]}x{size[1]}", lines)


def test_hundreds_of_ues_look_as_they_did():
    run = recorded("region", "slots=5", "cells.0.ues=100", "cells.1.ues=100", "cells.2.ues=100")
    compared("overview-300", screen_of((120, 40), run=run, until=3)[0])
