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
    found: dict[str, Any] = {}
    exec(snippet("reference/environments.md"), found)
    assert found["seen"].shape == (354,)
    assert found["info"]["slot"] == 1


def test_the_snippet_on_heuristics_prints_what_it_says(capsys):
    found: dict[str, Any] = {}
    code = snippet("how-to/train-with-other-libraries.md")
    exec(code, found)
    assert found["action"].shape == (15,)
    said = re.search(r"# (\d\.\d+): the mean", code)
    assert said is not None and float(capsys.readouterr().out) == pytest.approx(float(said[1]), abs=5e-5)
