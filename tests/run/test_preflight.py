"""What a run needs of its host: estimates from costs, kept costs, and their measurement by real processes."""

import json

import msgspec
import pytest

from testbed.model.load import parse_scenario
from testbed.run import costs, preflight
from testbed.run.costs import Costs
from testbed.trace import inputs
from tests.cli import call

TEXT = """
name: two
slots: 10
density: 0.99
task: {{input: 400 kB, cycles: 1 G, deadline: 2 s}}
ue: {{cpu: 1 GHz, distance: 100 m}}
cells: [{{es: {{cpu: 4 GHz}}, ues: {ues}}}]
emulation: {{speed: {speed}, payload: {payload}, burn: auto}}
"""
CHEAP = Costs(message_s=1e-5, byte_s=1e-9, late_s=1e-3, measured=True)


def plan(ues=2, speed=10, payload="declared"):
    resolved = inputs.resolve(parse_scenario(TEXT.format(ues=ues, speed=speed, payload=payload), "two"))
    return resolved.plan(inputs.generate(resolved.scenario, resolved.system), "offload", False, live=True)


def test_speed_is_bounded_by_the_shortest_transmission():
    made = plan()
    shortest = min(task.input_bits / made.system.ues[task.ue].rate_bps for task in made.workload)
    assert preflight.advised_speed(made, CHEAP) == shortest // (2e-3 + 2 * CHEAP.late_s)


def test_really_sent_bytes_lower_the_speed():
    dear = msgspec.structs.replace(CHEAP, byte_s=1e-7)
    assert preflight.advised_speed(plan(payload="real"), dear) < preflight.advised_speed(plan(), dear)


def test_messages_bound_the_speed_of_many_ues(monkeypatch):
    monkeypatch.setattr(preflight.os, "cpu_count", lambda: 2)
    made = plan(ues=100)
    dear = msgspec.structs.replace(CHEAP, message_s=1e-3)
    expected = preflight.SHARE_FOR_MESSAGES * 2 / (1e-3 * costs.message_rate(made))
    assert preflight.advised_speed(made, dear) == pytest.approx(expected, abs=0.01)


def test_too_high_a_speed_is_said_with_one_that_fits():
    found = preflight.fit(preflight.fitted(plan(speed=900), CHEAP), CHEAP)
    assert f"--speed {found.advised_speed:g}" in found.warnings[0]
    fitting = preflight.fitted(plan(speed=900), CHEAP, auto_speed=True)
    assert fitting.emulation.speed == found.advised_speed
    assert preflight.fit(fitting, CHEAP).warnings == ()


def test_costs_are_kept_for_this_host_only(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert costs.kept() is None
    costs._keep(CHEAP)
    assert costs.kept() == CHEAP
    monkeypatch.setattr(costs, "host_key", lambda: "another host")
    assert costs.kept() is None


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"host": 1, "at": "x"}', "\x00"])
def test_a_broken_file_of_costs_counts_as_none(tmp_path, monkeypatch, text):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    costs.cache_path().parent.mkdir()
    costs.cache_path().write_text(text)
    assert costs.kept() is None


@pytest.mark.live
def test_check_measures_once_and_keeps_it(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    first = call("check", "smoke", "--json", cwd=tmp_path)
    assert "measuring" in first.stderr
    assert json.loads(first.stdout)["fit"]["measured"]
    found = costs.kept()
    assert 1e-6 < found.message_s < 1e-2
    assert found.byte_s < 1e-6
    assert "measuring" not in call("check", "smoke", "--json", cwd=tmp_path).stderr
