"""Whoever copies a line from the documentation gets what it promises: snippets are run, or read as a shell would."""

import argparse
import importlib
import json
import re
import runpy
import sqlite3
import sys
import tomllib
from contextlib import closing
from pathlib import Path

import pytest
import yaml

from testbed.cli import main
from testbed.cli.commands import common
from testbed.cli.main import HELP
from testbed.cli.parser import parser_for
from testbed.cli.verbs import VERBS
from testbed.policy import checkpoint, network
from testbed.scenario.load import load_scenario
from tests.snippets import ROOT, blocks, inline, shell

LANGUAGES = {"sh", "python", "yaml", "text", "mermaid"}
CLIENTS = {"cleanrl", "ray", "sb3_contrib", "skrl", "supersuit", "tianshou", "torchrl"}  # beyond requirements.lock
SHORT = {
    "run": ("--slots", "3"),
    "compare": ("--slots", "3", "--seeds", "2"),
    "replay": (),
    "bound": ("--evaluations", "2000", "--seeds", "1"),
    "check": (),
    "report": (),
}
PLACEHOLDERS = {"RUN": "RUN", "SCENARIO": "region", "VERB": "run"}
TRACE = "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:01:51.1,374,44\n2023-11-16 18:01:52.2,396,109\n"


class ParsedError(Exception):
    """A program has understood its arguments."""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder in which the commands find what their pages made before: a scenario, a run, checkpoints."""
    place = tmp_path_factory.mktemp("reader")
    (scenario,) = (block.text for block in blocks("yaml") if block.page == "README.md")
    (place / "campus.yaml").write_text(scenario)
    (policy,) = (block.text for block in blocks("python") if block.page == "docs/how-to/bring-your-own-policy.md")
    (place / "near.py").write_text(policy)
    for name in ("RUN", "runs/demo-greedy-do"):
        record(place / name)
    (place / "AzureLLMInferenceTrace_conv.csv").write_text(TRACE)
    remaining = place / "checkpoints" / "region"
    remaining.mkdir(parents=True)
    (remaining / "priced-do.json").write_text(json.dumps({"policy": "priced", "beta": 0.3, "beta0": 0.1}))
    priced_any = {"policy": "priced-any", "beta": 0.3, "beta0": 0.1, "away": 0.05}
    (remaining / "priced-any.json").write_text(json.dumps(priced_any))
    about = {"algorithm": "a3c", "head": "sequential", "second_offload": True}
    checkpoint.save(remaining / "a3c-do.npz", {"parameters": network.initial(1)}, about)
    regional = network.initial(1, network.layout(head=network.REGIONAL))
    checkpoint.save(remaining / "a3c-region-do.npz", {"parameters": regional}, {**about, "head": network.REGIONAL})
    for name, head in (("a3c-any", network.CELL_ANY), ("a3c-region-any", network.REGIONAL_ANY)):
        checkpoint.save(remaining / f"{name}.npz", {"parameters": network.initial(1)}, {**about, "head": head})
    return place


def record(path):
    """A short run in ``path``."""
    args = ["run", "region", "--policy", "greedy-do", "--slots", "3", "--backend", "sim", "--out", str(path)]
    assert main.main(args) == 0


@pytest.fixture
def here(place, monkeypatch):
    """The reader's folder as the working directory."""
    monkeypatch.chdir(place)
    return place


def verb_parser(verb):
    """The parser of ``testbed VERB``."""
    assert verb in VERBS, f"there is no verb {verb}"
    return parser_for(verb)[1]


def of(program, result):
    """The commands of ``program`` as test parameters."""
    return [pytest.param(words, id=f"{page}: {' '.join(words)[:80]}") for page, words in result if words[0] == program]


def test_every_block_says_what_it_is():
    assert [block.id for block in blocks() if block.language not in LANGUAGES] == []


def test_every_command_is_one_of_those_that_are_checked():
    programs = {words[0] for _, words in shell()}
    assert (
        programs <= {"testbed", "python", "make", "pip", "sqlite3", "docker", "dask", ".", "eval", "autoload", "echo"}
        and len(shell()) > 25
    )


@pytest.mark.parametrize("words", of("dask", shell()))
def test_dask_is_called_as_it_can_be(words):
    module = importlib.import_module(f"distributed.cli.dask_{words[1]}")
    assert module.main.make_context(words[1], words[2:]).params  # an option that is not there raises


@pytest.mark.live
@pytest.mark.parametrize("page", dict.fromkeys(block.page for block in blocks("python")))
def test_python_runs_block_after_block(page, here):
    scope = {"__name__": page}
    for block in (block for block in blocks("python") if block.page == page):
        try:
            exec(compile(block.text, block.id, "exec"), scope)
        except ModuleNotFoundError as missing:
            if missing.name not in CLIENTS:
                raise
            pytest.skip(f"{block.id}: {missing.name} is not installed")


@pytest.mark.parametrize("words", of("testbed", shell()))
def test_verbs_are_called_as_they_can_be(words, here, capsys):
    """Parsed as they stand; carried out in short, and on a virtual clock, if they run something."""
    args = verb_parser(words[1]).parse_args(words[2:])
    for run in (Path(word) for word in words[2:] if word.startswith("runs/")):
        if not run.exists() and str(run) != getattr(args, "out", None):
            record(run)
    if words[1] in SHORT:
        assert main.main(shortened(words[1:])) == 0, capsys.readouterr().err
    elif getattr(args, "scenario", None):
        load_scenario(args.scenario, common.overrides(args, ("slots", "speed")))


def shortened(words):
    """The command, made short and put on a virtual clock."""
    words = [word for word in words if word not in ("--learn", "--dry-run")]
    if "compose" in words[1:]:
        words[words.index("compose", 1)] = "sim"
    for word in [word for word in words if word.startswith("thresholds.")]:
        del words[words.index(word) - 1 : words.index(word) + 1]
    for live_or_long in ("--speed", "--for", "--metrics", "--cluster", "--hosts"):
        while live_or_long in words:
            del words[words.index(live_or_long) : words.index(live_or_long) + 2]
    clock = {"run": "--backend", "replay": "--on"}.get(words[0])
    if clock and clock not in words:
        words += [clock, "sim"]
    short, of_run = SHORT[words[0]], "".join(words[1:2]).startswith(("runs/", "RUN"))
    if words[0] == "compare" and of_run:
        short = ()
    if words[0] == "bound" and not of_run:
        short = (*short, "--slots", "3")
    return [*words, *short]


@pytest.mark.parametrize("words", of("testbed", inline()))
def test_verbs_in_the_text_have_the_options_that_are_named(words):
    words = [word for word in words if word != HELP]
    parser = verb_parser(PLACEHOLDERS.get(words[1], words[1]))
    known = {option for action in parser._actions for option in action.option_strings}
    assert {word for word in words[2:] if word.startswith("--")} <= known


@pytest.mark.parametrize("words", of("python", [*shell(), *inline()]))
def test_programs_understand_their_arguments(words, monkeypatch):
    """Each is started, up to where it knows what it is to do."""
    if words[1:3] == ["-m", "pytest"]:
        options = (ROOT / "tests" / "conftest.py").read_text()
        assert (ROOT / words[3]).is_file() and all(f'"{word}"' in options for word in words[4:] if word[:2] == "--")
        return
    if words[1] == "-m":
        assert importlib.util.find_spec(words[2]), f"there is no module {words[2]}"
        return
    script = ROOT / words[1]
    assert script.is_file()
    real = argparse.ArgumentParser.parse_args

    def parse(self, *arguments):
        raise ParsedError(real(self, *arguments))

    if "parse_args" not in script.read_text():
        return
    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", parse)
    monkeypatch.setattr(sys, "argv", words[1:])
    monkeypatch.setattr(sys, "path", [str(script.parent), *sys.path])
    with pytest.raises(ParsedError):
        runpy.run_path(str(script), run_name="__main__")


@pytest.mark.parametrize("words", of("docker", [*shell(), *inline()]))
def test_engines_are_asked_for_files_and_containers_that_there_are(words):
    services = yaml.safe_load((ROOT / "compose" / "compose.yaml").read_text())["services"]
    if words[1] == "compose":
        assert words[2] != "-f" or words[3] == "compose/compose.yaml"
        assert words[4:5] != ["run"] or words[-1] in services
    else:
        assert words[1] in {"inspect", "kill", "network", "pause", "start", "system", "unpause"}
        assert words[1] == "system" or words[-1] in services


@pytest.mark.parametrize("words", of("make", [*shell(), *inline()]))
def test_targets_of_make_exist(words):
    assert re.search(rf"^(?:[\w ]+ )?{words[1]}(?: [\w ]+)?:(?!=)", (ROOT / "Makefile").read_text(), re.MULTILINE)


INSTALLED = [words for _, words in [*shell(), *inline()] if words[:2] == ["pip", "install"]]


@pytest.mark.parametrize("words", [words for words in INSTALLED if "[" in words[-1]])
def test_what_is_installed_is_the_clone_with_an_extra_that_it_has(words):
    ((where, named),) = re.findall(r"\A(.*)\[([\w,]+)\]\Z", words[-1])
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert where == "." and set(named.split(",")) <= set(extras)


@pytest.mark.parametrize("words", of("sqlite3", shell()))
def test_queries_find_rows(words, here):
    with closing(sqlite3.connect(Path(words[1]))) as db:
        assert db.execute(words[2]).fetchall()


def test_benchmarks_show_what_the_documentation_rests_on_and_never_an_empty_table(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(sys, "path", [str(ROOT / "benchmarks"), *sys.path])
    for name, row in (("fidelity", "| greedy-do | 1 | real, 1 |"), ("throughput", "| 2974 |")):
        monkeypatch.setattr(sys, "argv", [name, "--show"])
        runpy.run_path(str(ROOT / "benchmarks" / f"{name}.py"), run_name="__main__")
        assert row in capsys.readouterr().out
        monkeypatch.setattr(sys, "argv", [name, "--show", "--out", str(tmp_path / "none.jsonl")])
        with pytest.raises(SystemExit, match="nothing is recorded there"):
            runpy.run_path(str(ROOT / "benchmarks" / f"{name}.py"), run_name="__main__")
    monkeypatch.setattr(sys, "argv", ["learning", "--show", "--file", str(tmp_path / "none.jsonl")])
    with pytest.raises(SystemExit):
        runpy.run_path(str(ROOT / "benchmarks" / "learning.py"), run_name="__main__")
    assert "nothing is recorded" in capsys.readouterr().err
