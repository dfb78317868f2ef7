"""Every remedy that is a command can be pasted: what a message tells to type is typed here."""

import argparse
import ast
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from testbed.cli.verbs import VERBS, command
from testbed.experiments import sweep
from testbed.live import preflight
from testbed.live.host_costs import HostCosts
from testbed.model.fidelity import Cpu, DelayError, Measured, grade
from testbed.scenario.load import load_scenario
from testbed.trace import inputs
from tests.command import ROOT, call, document

COMMAND = re.compile(r"`(testbed [^`]+)`|^ *(testbed [a-z]+ .*)$", re.MULTILINE)
OPTION = re.compile(
    r"(--(?:set|speed|slots|for|wall|on|backend|sweep|yes|policy)(?:[ =](?:'[^']*'|\"[^\"]*\"|[^\s,;]+))?)"
)
SOURCES = [path for package in ("testbed", "controller") for path in (ROOT / package).rglob("*.py")]
SHORT = ("--backend", "sim", "--slots", "5")


def commands(text):
    """The commands in back quotes or on a line of their own, each as its words without ``testbed``."""
    return [shlex.split(quoted or alone)[1:] for quoted, alone in COMMAND.findall(text)]


def options(text):
    """The options with their values, each as words."""
    return [shlex.split(result) for result in OPTION.findall(text)]


def run(tmp_path, words, code=0):
    return call(*words, cwd=tmp_path, code=code)


# ---- in the source: every command has a verb, its arguments, and no option that does not exist


def parser_of(verb):
    module = command(verb)
    parser = argparse.ArgumentParser(exit_on_error=False)
    module.add(parser)
    for action in parser._actions:
        action.choices = None
    return parser


def texts(path: Path):
    """Every string of a module but docstrings and help; what is filled in later reads ``x``."""
    tree = ast.parse(path.read_text())
    inside = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    inside |= {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "x" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inside:
            yield node.value


def written_commands():
    for path in SOURCES:
        for text in texts(path):
            for words in commands(text) if path.name not in ("main.py", "parser.py") else ():
                yield pytest.param(words, id=f"{path.name}: {' '.join(words)}")


@pytest.mark.parametrize("words", list(written_commands()))
def test_a_command_in_a_message_is_whole(words):
    assert words[0] in VERBS
    parser_of(words[0]).parse_args(words[1:])
    assert not [word for word in words if re.fullmatch(r"[A-Z]{2,}", word)], "a place holder cannot be pasted"


def test_the_source_was_searched():
    assert len(list(written_commands())) >= 8


# ---- in real life: the message comes, what it tells is typed, and then it works


@pytest.fixture
def town(tmp_path):
    (tmp_path / "my town.yaml").write_text("slots: 6\ncells:\n  - {es: {cpu: 2 GHz}, ues: 2}\n")
    return tmp_path


@pytest.mark.parametrize("policy", ["priced-do", "coin"])
@pytest.mark.parametrize("verb", [("run", *SHORT[:2], "--policy"), ("compare", "--policies"), ("bound", "--policies")])
def test_a_policy_that_has_to_be_trained(town, verb, policy):
    asked = (verb[0], "my town.yaml", *verb[1:])
    [training] = commands(run(town, (*asked, policy), 2).stderr)
    named = options(run(town, training).stdout)[-1]
    assert named[0] == "--policy" and named[1].startswith(f"{policy}:")
    summary = run(town, (*asked, named[1]))
    assert policy in summary.stdout


def test_a_network_that_has_to_be_trained_keeps_its_second_offload(town):
    for name in ("a3c", "dqn-do"):
        [training] = commands(run(town, ("run", "my town.yaml", "--policy", name), 2).stderr)
        assert training == ["train", "my town.yaml", "--algorithm", name]
        [training] = commands(run(town, ("run", "my town.yaml", "--policy", f"{name}:none.npz"), 2).stderr)
        assert training[-1] == name


def test_a_checkpoint_of_another_policy(town):
    (town / "a b.json").write_text('{"policy": "coin", "q": 0.5}')
    output = run(town, ("run", "smoke", *SHORT, "--policy", "priced:a b.json"), 2).stderr
    named = shlex.split(output.splitlines()[-1])[-1]
    run(town, ("run", "smoke", *SHORT, "--policy", named))


def test_a_new_scenario(tmp_path):
    check, start = commands(run(tmp_path, ("init", "my town")).stdout)
    run(tmp_path, check)
    run(tmp_path, (*start, *SHORT))


def test_runs_without_a_common_workload(tmp_path):
    for name, seed in (("a b", "1"), ("c", "2")):
        run(
            tmp_path,
            ("run", "smoke", *SHORT, "--seed", seed, "--policy", "lc" if seed == "1" else "greedy", "--out", name),
        )
    [replay] = commands(run(tmp_path, ("compare", "a b", "c"), 2).stderr)
    result = document(*replay, cwd=tmp_path)["run"]
    assert "lowest overhead" in run(tmp_path, ("compare", "a b", result)).stdout


@pytest.mark.parametrize("words", [("report",), ("report", "nothing"), ("list", "runs")])
def test_no_run_yet(tmp_path, words):
    done = run(tmp_path, words, None)
    [start] = commands(done.stdout + done.stderr)
    run(tmp_path, (*start, *SHORT))
    run(tmp_path, words[:1])


@pytest.mark.parametrize(
    "words",
    [
        ("run", "smoke", "--backend", "twin", "--set", "faults=[{at: 1 s, kill: es-1}]"),
        ("run", "smoke", "--backend", "twin", "--set", "agent.epoch=arrival"),
        ("compare", "smoke", "--on", "twin", "--policies", "lc,greedy", "--set", "agent.epoch=arrival"),
        ("bound", "smoke", "--evaluations", "500", "--set", "faults=[{at: 1 s, kill: es-1}]"),
    ],
)
def test_what_the_twin_does_not_support(tmp_path, words):
    [change, *_] = options(run(tmp_path, words, 2).stderr)
    run(tmp_path, (*words, *change))


@pytest.mark.parametrize(
    "change", [("--backend", "sim"), ("--set", "agent.epoch=arrival"), ("--set", "agent.reward=paper")]
)
def test_what_cannot_be_learned_from(tmp_path, change):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    words = ("run", "smoke", "--policy", "a3c", "--learn", "--out", "full", *change)
    output = run(tmp_path, words, 2).stderr
    assert "not empty" not in output
    assert "not empty" in run(tmp_path, (*words, *options(output)[-1]), 2).stderr


def test_recorded_decisions_are_repeated_in_the_simulation(tmp_path):
    dies = ("--set", "faults=[{at: 1 s, kill: es-1}]")  # which the twin cannot repeat
    run(tmp_path, ("run", "smoke", *SHORT, *dies, "--out", "runs/r"))
    words = ("replay", "runs/r", "--as-recorded", "--on", "twin")
    run(tmp_path, (*words, *options(run(tmp_path, words, 2).stderr)[-1]))
    assert options(run(tmp_path, ("clean", "r"), 2).stderr)[-1] == ["--yes"]
    run(tmp_path, ("clean", "r", "--yes"))


@pytest.mark.parametrize(("arguments", "slots"), [(("--slots", "1"), "--slots"), (("--wall", "0.1s"), "--wall")])
def test_training_on_the_testbed_that_is_too_short(tmp_path, arguments, slots):
    words = ("train", "smoke", "--on", "testbed", *arguments)
    output = run(tmp_path, words, 2).stderr
    [longer] = options(output.splitlines()[-1])
    assert longer[0] == slots
    parser_of("train").parse_args([*words[1:], *longer])


def test_a_key_of_another_section(tmp_path):
    for wrong in ("emulation.decision_timeout=1 s", "threshold=1 s", "speed=2", "cells.0.cpu=2 GHz"):
        output = run(tmp_path, ("check", "smoke", "--set", wrong), 2).stderr
        meant = re.findall(r'"([\w.]+)"', output.partition("did you mean")[2])
        assert meant
        for key in meant:
            run(tmp_path, ("check", "smoke", "--set", f"{key}={wrong.partition('=')[2]}"))
    assert "agent.decision_timeout" in run(tmp_path, ("run", "--set", "emulation.decision_timeout=1 s"), 2).stderr


def test_examples_in_messages_are_right():
    result = options(sweep._REMEDY)
    assert len(result) == 2
    for _, text in result:
        sweep.parse(text)
    with pytest.raises(argparse.ArgumentError):
        parser_of("compare").parse_args(["region", "--sweep"])


def grades():
    """Verdicts with every remedy that a grade may give."""
    bad = DelayError(0.3, 0.9)
    changed: tuple[dict[str, Any], ...] = (
        {},
        {"burn": 0.1},
        {"slipped": 9},
        {"steal": 0.5},
        {"host_cpu": 0.95},
        {"host_cpu": 0.95, "burn": 0.2},
        {"cpu": Cpu(10.0, 1.0)},
        {"cpu": Cpu(10.0, 1.0), "burn": 0.5},
        {"speed": 20.0},
        {"ues": 40},
        {"speed": 20.0, "advised_speed": 7.0},
        {"payload": "declared", "error": DelayError()},
        {"burn": 0.05, "asked_burn": 0.5, "error": DelayError()},
    )
    for changes in changed:
        yield grade(Measured(**{"error": bad, "tasks": 10, **changes}))


@pytest.mark.parametrize("verdict", list(grades()), ids=lambda verdict: verdict.remedy)
def test_remedies_of_a_grade(verdict):
    result = options(verdict.remedy)
    assert result
    changes = [words[1] for words in result if words[0] == "--set"]
    changes += [f"emulation.speed={words[1]}" for words in result if words[0] == "--speed"]
    load_scenario("region", changes)


def test_warnings_before_a_run():
    resolved = inputs.resolve(load_scenario("region", ["slots=20", "emulation.speed=500", "emulation.burn=1"]))
    plan = resolved.plan(inputs.generate(resolved.scenario, resolved.system), "lc", second_offload=False, live=True)
    warned = preflight.fit(plan, HostCosts()).warnings
    changes = [words[1] for text in warned for words in options(text) if words[0] == "--set"]
    assert changes and all("--" in text for text in warned)
    load_scenario("region", changes)
