"""Completion as a shell asks for it: the line so far in the environment, the answer in a file, or in bash itself."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from testbed.cli.completion import COMPLETERS, completer
from testbed.cli.parser import parser_for
from testbed.cli.verbs import VERBS
from tests.command import ROOT, call, environment
from tests.dependency_rules import HEAVY
from tests.snippets import blocks

WORDBREAKS = " \t\n\"'><=;|&(:"
SCRIPTS = Path(sys.executable).parent
PAGE = "docs/how-to/complete-commands.md"
BASH = """
COMP_LINE=$1 COMP_POINT=${#1} COMP_TYPE=9
_python_argcomplete testbed
printf '%s\\n' "${COMPREPLY[@]}"
"""
ACTIVATION = next(block.text for block in blocks("sh") if block.page == PAGE)


def completions(line, cwd):
    """What completes ``line``, as `register-python-argcomplete` makes a shell ask for it."""
    answer = cwd / "answer"
    asked = {
        "_ARGCOMPLETE": "1",
        "_ARGCOMPLETE_SHELL": "bash",
        "_ARGCOMPLETE_IFS": "\v",
        "_ARGCOMPLETE_COMP_WORDBREAKS": WORDBREAKS,
        "_ARGCOMPLETE_STDOUT_FILENAME": str(answer),
        "COMP_LINE": line,
        "COMP_POINT": str(len(line.encode())),
        "COMP_TYPE": "9",
    }
    command = [sys.executable, "-m", "testbed"]
    done = subprocess.run(command, cwd=cwd, env=environment() | asked, capture_output=True, text=True)
    assert (done.stdout, done.stderr, done.returncode) == ("", "", 0)
    return [word.strip() for word in answer.read_text().split("\v")]


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    """A folder with a run, a checkpoint and a scenario."""
    here = tmp_path_factory.mktemp("completing")
    call("run", "smoke", "--backend", "sim", "--out", "runs/first", cwd=here)
    (here / "checkpoints" / "town").mkdir(parents=True)
    (here / "checkpoints" / "town" / "priced.json").write_text('{"policy": "priced", "beta": 0, "beta0": 0}')
    (here / "campus.yaml").write_text("slots: 5\n")
    return here


@pytest.mark.parametrize(
    ("line", "result"),
    [
        ("testbed re", {"replay", "report", "reproduce"}),
        ("testbed help ex", {"export"}),
        ("testbed --v", {"--version"}),
        ("testbed run --s", {"--slots", "--seed", "--set", "--speed", "--strict", "--stream", "--synchronous"}),
        ("testbed run ca", {"campus.yaml"}),
        ("testbed run reg", {"region", "region-matched"}),
        ("testbed run region --policy g", {"greedy", "greedy-do", "greedy-any"}),
        ("testbed compare region --policies lc,greedy,g", {"lc,greedy,greedy-do", "lc,greedy,greedy-any"}),
        ("testbed replay --on ", {"testbed", "sim", "twin"}),
        ("testbed report f", {"first"}),
        ("testbed bound fi", {"first"}),
        ("testbed run --set radio.ac", {"radio.access="}),
        ("testbed compare region --sweep dens", {"density="}),
        ("testbed tune --policy priced", {"priced", "priced-do", "priced-any"}),
        ("testbed train --algorithm d", {"dqn", "dqn-do"}),
        ("testbed train region --head fac", {"factored"}),
        ("testbed import csv camp", {"campus.yaml"}),
    ],
)
def test_a_line_is_completed(here, line, result):
    assert set(completions(line, here)) == result


def test_a_checkpoint_is_completed_after_the_colon_where_bash_begins_a_new_word(here):
    assert completions("testbed run smoke --policy priced:", here) == ["checkpoints/town/priced.json"]


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash here")
@pytest.mark.skipif(not (SCRIPTS / "testbed").exists(), reason="the command testbed is not installed here")
@pytest.mark.parametrize(
    ("line", "result"),
    [("testbed ru", ["run"]), ("testbed run --set radio.ac", ["radio.access="]), ("testbed x", [""])],
)
def test_bash_itself_completes(here, line, result):
    paths = {"PATH": f"{SCRIPTS}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    command = ["bash", "--norc", "-c", ACTIVATION + BASH, "bash", line]
    done = subprocess.run(command, cwd=here, env=os.environ | paths, capture_output=True, text=True)
    assert [word.strip() for word in done.stdout.split("\n")[:-1]] == result, done.stderr


def test_completing_imports_nothing_heavy(here):
    """numpy is not, it takes a twentieth of a second: every verb that sums up a run has it."""
    code = f"""
import sys
from testbed.cli import completion
for verb in {list(VERBS)}:
    completion.parser_of(f"testbed {{verb}} ")
for one in (*completion.COMPLETERS.values(), *completion.OF_VERB.values()):
    one("")
print(sorted(set(sys.modules) & {HEAVY - {"numpy"}!r}))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=here, env=environment(), capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


def test_every_value_that_has_names_is_completed(here, monkeypatch):
    """Words that stand for numbers, quantities and new names are left to their writer."""
    monkeypatch.chdir(here)
    free = {"N", "X", "TIME", "LENGTH", "KEY=VALUE", "H", "C", "U", "W", "name", "[ADDRESS:]PORT"}
    free |= {"SPEED", "KEY=COLUMN:UNIT"}
    for verb in VERBS:
        for action in parser_for(verb)[1]._actions:
            word = action.metavar or action.dest
            if action.nargs != 0 and not action.choices and word not in free:
                assert completer(verb, action)("", action=action), (verb, word)


def test_a_file_is_not_proposed_for_a_number(here, monkeypatch):
    monkeypatch.chdir(here)
    [slots] = [action for action in parser_for("run")[1]._actions if action.dest == "slots"]
    assert completer("run", slots)("") == [] and "campus.yaml" in COMPLETERS["SCENARIO"]("cam")
