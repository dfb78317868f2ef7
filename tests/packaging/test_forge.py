"""What a forge and pre-commit run is what `make` offers."""

import re
import subprocess
import tomllib

import yaml

from tests.command import ROOT

MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
TARGETS = {name for names in re.findall(r"^\.PHONY: (.*)$", MAKEFILE, re.M) for name in names.split()}


def test_the_workflow_calls_targets_that_there_are():
    jobs = yaml.safe_load((ROOT / ".github/workflows/test.yml").read_text(encoding="utf-8"))["jobs"]
    calls = [step["run"].split() for job in jobs.values() for step in job["steps"] if "run" in step]
    assert [words[1] for words in calls if words[0] == "make"] == ["demo", "test"]
    assert {words[1] for words in calls} <= TARGETS


def test_the_workflow_tests_each_python_from_the_oldest_on():
    job = yaml.safe_load((ROOT / ".github/workflows/test.yml").read_text(encoding="utf-8"))["jobs"]["test"]
    assert f'requires-python = ">={job["strategy"]["matrix"]["python"][0]}"' in (ROOT / "pyproject.toml").read_text()


def test_pre_commit_runs_the_checks_of_make_lint_and_types():
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"][0]["hooks"]
    commands = [hook["entry"].replace(" --force-exclude", "").replace(".venv/bin/", "") for hook in hooks]
    assert commands == ["ruff check", "ruff format", "mypy"]
    for command in commands:
        assert f"$(BIN)/{command}" in MAKEFILE


def test_types_are_checked_wherever_there_is_python():
    tools = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
    linted = [pattern.partition("/")[0] for pattern in tools["ruff"]["include"]]
    assert set(tools["mypy"]["files"]) == {name for name in linted if any((ROOT / name).rglob("*.py"))}


def test_help_tells_every_target_that_is_meant_for_people():
    output = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    messages = {word for line in output.splitlines() for word in line.split()}
    assert TARGETS - {"help", "compiled"} <= messages
