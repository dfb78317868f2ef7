"""Output where a terminal, a locale or a file name knows other characters than the product does."""

import io
import json
import os
import shutil
import sys

import pytest

from testbed.cli.encoding import ascii_json, tolerate
from testbed.model.printable import readable
from tests.command import ROOT, call

POOR = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
SCENARIO = "name: Café 実験\nslots: 3\ncells: [{es: {cpu: 2 GHz}, ues: 2}]\n"


def written(text, encoding):
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding, newline="")
    tolerate(stream)
    stream.write(text)
    stream.flush()
    return raw.getvalue().decode(encoding)


@pytest.mark.parametrize(
    ("encoding", "expected"),
    [
        ("ascii", "2 +- 1... Caf\\xe9"),
        ("latin-1", "2 ± 1... Café"),
        ("cp1252", "2 ± 1… Café"),
        ("utf-8", "2 ± 1… Café"),
    ],
)
def test_a_stream_writes_what_it_can_and_a_replacement_of_the_rest(encoding, expected):
    assert written("2 ± 1… Café", encoding) == expected


def test_bytes_that_are_no_text_are_shown_as_bytes():
    name = os.fsdecode(b"a\xff")
    assert written(name, "utf-8") == "a\\xff"
    assert readable(name) == "a\ufffd"
    assert readable("Café") == "Café"


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_a_json_document_is_the_same_in_every_encoding(encoding):
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    document = {"name": "Café 実験 🛰"}
    text = ascii_json(json.dumps(document, ensure_ascii=False), stream)
    assert json.loads(text) == document
    assert text.isascii() == (encoding != "utf-8")


@pytest.mark.parametrize(
    "words", [("compare", "--help"), ("compare", "smoke", "--policies", "lc,greedy", "--seeds", "2")]
)
@pytest.mark.parametrize("variables", [POOR, {"PYTHONIOENCODING": "ascii"}, {"PYTHONIOENCODING": "latin-1"}])
def test_verbs_print_in_poor_encodings(tmp_path, monkeypatch, words, variables):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    shown = call(*words, cwd=tmp_path, encoding="latin-1").stdout
    assert "±" not in shown or variables.get("PYTHONIOENCODING") == "latin-1"


def test_names_of_other_alphabets_are_kept_in_a_poor_locale(tmp_path, monkeypatch):
    (tmp_path / "naïve.yaml").write_text(SCENARIO, encoding="utf-8")
    with monkeypatch.context() as poor:
        for name, value in POOR.items():
            poor.setenv(name, value)
        call("run", "naïve.yaml", "--backend", "sim", "--out", "rün", cwd=tmp_path)
        data = json.loads(call("report", "rün", "--json", cwd=tmp_path).stdout)
    assert (data["run"], data["scenario"]) == ("rün", "Café 実験")
    assert json.loads(call("report", "rün", "--json", cwd=tmp_path).stdout) == data


def test_a_run_may_have_a_name_that_is_no_text(tmp_path):
    arguments = os.fsdecode(b"s\xff.yaml"), os.fsdecode(b"r\xff"), os.fsdecode(b"again\xff")
    shutil.copy(ROOT / "testbed" / "scenarios" / "smoke.yaml", tmp_path / arguments[0])
    call("run", arguments[0], "--backend", "sim", "--out", arguments[1], cwd=tmp_path)
    call("replay", arguments[1], "--on", "sim", "--out", arguments[2], cwd=tmp_path)
    assert json.loads(call("report", arguments[1], "--json", cwd=tmp_path).stdout)["run"] == "r\ufffd"


@pytest.mark.skipif(sys.platform != "linux", reason="long paths as Linux has them")
def test_a_path_too_long_for_a_record_is_refused_before_the_run(tmp_path):
    deep = "/".join(["a" * 200] * 3)
    output = call("run", "smoke", "--backend", "sim", "--out", deep, cwd=tmp_path, code=3).stderr
    assert "500" in output and "shorter" in output and not (tmp_path / ("a" * 200)).exists()
