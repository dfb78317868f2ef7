"""The notebook's cells run one after another, and print what the notebook shows."""

import contextlib
import io
import json
import re
from typing import Any

import pytest

from tests.command import ROOT

NOTEBOOK = ROOT / "examples" / "data_frames.ipynb"
OPTIONAL = {"pandas", "polars"}  # not in requirements.lock


def numbers(text):
    """The numbers in ``text``, however a package writes them."""
    return [float(word) for word in re.findall(r"-?\d+(?:\.\d+)?", text)]


def test_the_cells_of_the_notebook_print_what_it_shows(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    scope: dict[str, Any] = {}
    missing: set[str] = set()
    for cell in json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]:
        code = "".join(cell["source"])
        if cell["cell_type"] != "code" or any(f"{package}." in code for package in missing):
            continue
        printed = io.StringIO()
        try:
            with contextlib.redirect_stdout(printed):
                exec(compile(code, cell["id"], "exec"), scope)
        except ModuleNotFoundError as error:
            if error.name not in OPTIONAL:
                raise
            missing.add(error.name)
            continue
        except NameError:  # of what a cell would have made
            assert missing
            continue
        shown = "".join(text for output in cell["outputs"] for text in output["text"])
        assert numbers(printed.getvalue()) == numbers(shown), code
    assert scope["run"].summary["tasks"]["generated"] > 0 and (tmp_path / "runs" / "notebook" / "run.db").exists()
    if missing:
        pytest.skip(f"{', '.join(sorted(missing))} not installed: those cells did not run, the others did")
