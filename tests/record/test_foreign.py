"""What others prepared: links where a run writes, escape sequences where it prints."""

import json
import os
import subprocess
import sys

import pytest

from testbed.analysis.document import to_json
from testbed.cli.console import warn
from testbed.model.errors import ScenarioError, UsageError
from testbed.model.printable import printable
from testbed.record.files import replacing
from tests.command import PATIENCE_S, call, environment

RUN = ("run", "smoke", "--backend", "sim", "--slots", "5", "--out", "r")


@pytest.fixture
def run(tmp_path):
    call(*RUN, cwd=tmp_path)
    return tmp_path / "r"


def test_an_export_replaces_links_instead_of_following_them(run, tmp_path):
    own, export = tmp_path / "mine", run / "export"
    own.write_text("precious")
    export.mkdir()
    (export / "tasks.csv").symlink_to(own)
    (export / "slots.csv").symlink_to(tmp_path / "gone")
    os.mkfifo(export / "links.csv")
    call("export", "r", cwd=tmp_path)
    assert own.read_text() == "precious" and not (tmp_path / "gone").exists()
    assert {path.name for path in export.iterdir() if path.is_file() and not path.is_symlink()} >= {
        "tasks.csv",
        "slots.csv",
        "links.csv",
    }


def test_an_export_into_a_link_that_came_with_the_run_is_refused(run, tmp_path):
    (tmp_path / "home").mkdir()
    (run / "export").symlink_to(tmp_path / "home")
    assert "is a link" in call("export", "r", cwd=tmp_path, code=2).stderr
    assert list((tmp_path / "home").iterdir()) == []
    (tmp_path / "mine").symlink_to(tmp_path / "home")
    call("export", "r", "--out", "mine", cwd=tmp_path)
    assert (tmp_path / "home" / "tasks.csv").is_file()


def test_a_file_is_written_beside_by_a_name_that_nobody_can_prepare(tmp_path, monkeypatch):
    names = iter(["aa", "bb"])
    monkeypatch.setattr("testbed.record.files.secrets.token_hex", lambda count: next(names))
    (tmp_path / ".out.aa").symlink_to(tmp_path / "victim")
    with replacing(tmp_path / "out") as beside:
        assert beside.name == ".out.bb"
        beside.write_text("x")
    assert not (tmp_path / "victim").exists() and (tmp_path / "out").read_text() == "x"


def test_a_link_that_the_user_names_stays_a_link(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "file")
    with replacing(tmp_path / "link") as beside:
        beside.write_text("x")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "file").read_text() == "x"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x1b[2Jb", "a\\x1b[2Jb"),
        ("\x9b31m", "\\x9b31m"),
        ("a\r\x07\x00", "a\\x0d\\x07\\x00"),
        ("\udcff", "\\xff"),
        ("\u202egnp", "\\u202egnp"),
        ("é 漢 ½\n\tx", "é 漢 ½\n\tx"),
    ],
)
def test_control_characters_are_shown(text, shown):
    assert printable(text) == shown and printable(shown) == shown


def test_carets_stay_below_what_they_mark_when_escapes_grow(capsys):
    error = ScenarioError("bad\x1b", "f\x1b", 3, 3, "\x1bab\x1bc", 2, "fix\x1b")
    head, source, carets = str(error).splitlines()
    assert head == "f\\x1b:3:3: bad\\x1b" and source == "   3 | \\x1bab\\x1bc"
    assert carets == " " * 7 + " " * 5 + "^^^^^ fix\\x1b"
    assert str(UsageError("a\x1b", "b\x1b")) == "a\\x1b\n  b\\x1b"
    warn("a\x1b")
    assert capsys.readouterr().err == "a\\x1b\n"


def test_json_has_no_control_characters_and_says_the_same():
    document = {"a\x9b": "b\x7f\x1b\u2028"}
    text = to_json(document)
    assert json.loads(text) == document and text.isascii()


@pytest.mark.parametrize(
    "args",
    [
        ("run", "\x1b]0;x\x07.yaml"),
        ("report", "\x1b[2J"),
        ("run", "--policy", "\x1b[2J"),
        ("run", "--\x1b[2J"),
        ("import", "csv", "\x1b[2J", "-o", "x"),
        ("clean", "\x1b[2J"),
        ("check", "s.yaml"),
        ("run", "smoke", "--set", "\x1b=1"),
    ],
)
def test_no_verb_echoes_an_escape(tmp_path, args):
    (tmp_path / "s.yaml").write_text('slots: 3\ncells: [{es: {cpu: "\\e[2J"}, ues: 1}]\n"\\e[31m": 1\n')
    result = call(*args, cwd=tmp_path, code=2)
    assert "\x1b" not in result.stdout + result.stderr and "internal error" not in result.stderr


def test_a_name_that_is_no_text_is_no_bug(tmp_path):
    name = os.fsdecode(b"s\xff")
    (tmp_path / f"{name}.yaml").write_text("slots: 3\n")
    command = [sys.executable, "-m", "testbed", *RUN[:1], f"{name}.yaml", *RUN[2:4], "--out", name]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment(), capture_output=True, timeout=PATIENCE_S, check=False
    )
    assert done.returncode == 0 and b"s\\xff: " in done.stdout, done.stderr
