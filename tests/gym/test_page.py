"""The snippets on environments do what their pages say."""

import re
from pathlib import Path
from typing import Any

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"
PYTHON = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


def snippet(page):
    """The only Python block of ``page``."""
    (code,) = PYTHON.findall((DOCS / page).read_text())
    return code


@pytest.mark.live
def test_the_first_snippet_plays_on_both_backends():
    items: dict[str, Any] = {}
    exec(snippet("reference/environments.md"), items)
    assert items["seen"].shape == (354,)
    assert items["info"]["slot"] == 1


def test_the_snippet_on_heuristics_prints_what_it_says(capsys):
    items: dict[str, Any] = {}
    code = snippet("how-to/train-with-other-libraries.md")
    exec(code, items)
    assert items["action"].shape == (15,)
    match = re.search(r"# (\d\.\d+): the mean", code)
    assert match is not None and float(capsys.readouterr().out) == pytest.approx(float(match[1]), abs=5e-5)
