"""The snippets of docs/gym.md do what the page says."""

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parents[2] / "docs" / "gym.md"
SNIPPETS = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)


@pytest.mark.live
def test_the_first_snippet_plays_on_both_backends():
    found = {}
    exec(SNIPPETS[0], found)
    assert found["seen"].shape == (354,)
    assert found["info"]["slot"] == 1


def test_the_snippet_on_heuristics_prints_what_it_says(capsys):
    found = {}
    exec(SNIPPETS[1], found)
    assert found["action"].shape == (15,)
    said = re.search(r"# (\d\.\d+): the mean", SNIPPETS[1])
    assert said is not None and float(capsys.readouterr().out) == pytest.approx(float(said[1]), abs=5e-5)
    assert len(SNIPPETS) == 2
