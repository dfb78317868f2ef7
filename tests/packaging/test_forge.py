"""What a forge and pre-commit run is what `make` offers."""

import re
import subprocess

import yaml

from tests.command import ROOT

MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
TARGETS = set(re.search(r"^\.PHONY: (.*)$", MAKEFILE, re.M)[1].split())


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


def test_help_tells_every_target_that_is_meant_for_people():
    said = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    told = {word for line in said.splitlines() for word in line.split()}
    assert TARGETS - {"help", "compiled"} <= told
