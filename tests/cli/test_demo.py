"""The demo: commands that really exist, in an order that works, and the whole of it with little training."""

import argparse
import re
import shlex

import pytest

from testbed.cli.commands import demo
from testbed.cli.verbs import command
from tests.chaos.support import events, left
from tests.command import call, document


def test_every_step_is_a_command_that_its_verb_takes():
    args = argparse.Namespace(wall="30s", slots=300, plain=False)
    for step in demo.story("demo", args):
        parser = argparse.ArgumentParser(exit_on_error=False)
        verb, *words = step.command
        command(verb).add(parser)
        parser.parse_args(words)
        assert step.why.endswith((".", "?"))


@pytest.mark.live
def test_the_demo_trains_runs_recovers_replays_and_compares(tmp_path):
    result = call("demo", "--wall", "2s", "--slots", "60", cwd=tmp_path).stdout
    assert [int(n) for n in re.findall(r"^(\d)\. ", result, re.MULTILINE)] == list(range(1, 9))
    runs = tmp_path / "runs"
    assert [source for source, _, _ in events(runs / "demo-a3c-do", "died") if source == "es-2"] == ["es-2"]
    assert [source for source, _, _ in events(runs / "demo-a3c-do", "restarted") if source == "es-2"] == ["es-2"]
    assert left(runs / "demo-a3c-do") == []
    generated = {
        document("report", str(runs / f"demo-{policy}"), cwd=tmp_path)["tasks"]["generated"]
        for policy in demo.EVERYBODY
    }
    assert len(generated) == 1
    after = result.partition("Three things to type next:")[2].strip().splitlines()[-3:]
    for line in after:
        assert shlex.split(line)[1] in ("watch", "report", "init")


def test_an_earlier_demo_is_kept(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs" / "demo-lc").mkdir(parents=True)
    assert demo._free_name() == "demo2"
    call("demo", "--slots", "5", cwd=tmp_path, code=2)
