"""What a run needs of its host: estimates from costs, kept costs, and their measurement by real processes."""

import json
import math
import re
import time

import msgspec
import pytest

from testbed.live import calibration, host_costs, preflight
from testbed.live.host_costs import HostCosts
from testbed.live.needs import LEARNER_BYTES, needs_of
from testbed.model.fidelity import BUSY_LIMIT
from testbed.model.learning import ON_POLICY, REPLAY
from testbed.node import limits
from testbed.scenario.load import load_scenario, parse_scenario
from testbed.trace import inputs
from tests.command import call

TEXT = """
name: two
slots: 10
density: 0.99
task: {{input: 400 kB, cycles: 1 G, deadline: 2 s}}
ue: {{cpu: 1 GHz, distance: 100 m}}
cells: [{{es: {{cpu: 4 GHz}}, ues: {ues}}}]
emulation: {{speed: {speed}, payload: {payload}, burn: auto}}
"""
CHEAP = HostCosts(message_s=1e-5, byte_s=1e-9, late_s=1e-3, measured=True)


def plan(ues=2, speed=10, payload="declared"):
    resolved = inputs.resolve(parse_scenario(TEXT.format(ues=ues, speed=speed, payload=payload), "two"))
    return resolved.plan(
        inputs.generate(resolved.scenario, resolved.system), "offload", second_offload=False, live=True
    )


def test_speed_is_bounded_by_short_transmissions():
    made = plan()
    shortest = min(task.input_bits / made.system.ues[task.ue].rate_bps for task in made.workload)
    assert len(made.workload) >= 10
    airtimes = sorted(task.input_bits / made.system.ues[task.ue].rate_bps for task in made.workload)
    a_tenth_may_be_short = airtimes[len(airtimes) // 10]
    assert preflight.advised_speed(made, CHEAP) == a_tenth_may_be_short // (2e-3 + 2 * CHEAP.late_s)
    assert shortest <= a_tenth_may_be_short


def test_really_sent_bytes_lower_the_speed():
    dear = msgspec.structs.replace(CHEAP, byte_s=1e-7)
    assert preflight.advised_speed(plan(payload="real"), dear) < preflight.advised_speed(plan(), dear)


def test_messages_bound_the_speed_of_many_ues(monkeypatch):
    monkeypatch.setattr(limits, "cores", lambda: 2)
    made = plan(ues=100)
    dear = msgspec.structs.replace(CHEAP, message_s=1e-3)
    expected = BUSY_LIMIT * 2 / (1e-3 * host_costs.message_rate(made))
    assert preflight.advised_speed(made, dear) == math.floor(expected)


@pytest.fixture(name="two_cores")
def _two_cores(monkeypatch):
    monkeypatch.setattr(limits, "cores", lambda: 2)


def applied(plan, warning):
    """``plan`` with what the remedy at the end of ``warning`` says."""
    speed, burn = re.search(r"--speed ([0-9.]+)", warning), re.search(r"emulation\.burn=([0-9.]+)", warning)
    pack = re.search(r"emulation\.ues_per_process=(\d+)", warning)
    emulation = msgspec.structs.replace(
        plan.emulation,
        speed=float(speed[1]) if speed else plan.emulation.speed,
        burn=float(burn[1]) if burn else plan.emulation.burn,
        ues_per_process=int(pack[1]) if pack else plan.emulation.ues_per_process,
    )
    assert emulation != plan.emulation, f"the remedy is in force already: {warning}"
    return msgspec.structs.replace(plan, emulation=emulation)


@pytest.mark.parametrize("speed", [5, 30, 900])
@pytest.mark.parametrize("burn", [-1.0, 0.01, 0.2, 1.0])
@pytest.mark.parametrize(("ues", "message_s"), [(2, 1e-5), (40, 1e-3), (200, 4e-4)])
def test_a_run_fits_once_the_remedies_of_its_warnings_are_applied(two_cores, speed, burn, ues, message_s):
    known = msgspec.structs.replace(CHEAP, message_s=message_s)
    made = plan(ues, speed)
    made = msgspec.structs.replace(made, emulation=msgspec.structs.replace(made.emulation, burn=burn))
    made = preflight.fitted(made, known)
    for _ in range(4):
        found = preflight.fit(made, known)
        if not found.warnings:
            break
        made = applied(made, found.warnings[0])
    assert found.warnings == ()


def test_the_limit_of_a_warning_is_that_of_the_advice(two_cores):
    made = preflight.fitted(plan(ues=40, speed=1), CHEAP)
    best = preflight.advised_speed(made, CHEAP)
    for speed, fits in ((best, True), (best + 1, False)):
        again = msgspec.structs.replace(made.emulation, speed=speed)
        assert (not preflight.fit(msgspec.structs.replace(made, emulation=again), CHEAP).warnings) == fits


def test_a_warning_names_the_resource_and_how_much_of_what(two_cores):
    dear = msgspec.structs.replace(CHEAP, message_s=0.2)
    said = preflight.fit(preflight.fitted(plan(ues=40, speed=10), dear), dear).warnings[0]
    assert said.startswith("CPU: ") and "1.7 of 2 can be used" in said and "e+" not in said
    slow = preflight.fit(preflight.fitted(plan(speed=900), CHEAP), CHEAP).warnings
    assert any(one.startswith("time: at speed 900") and "(4.0 ms)" in one for one in slow)


@pytest.mark.parametrize(("ues", "burn"), [(2, 0.2), (10, 0.05), (40, 0.01), (200, 0.0), (1200, 0.0)])
def test_an_automatic_burn_is_as_low_as_the_host_needs(two_cores, ues, burn):
    fitting = preflight.fitted(plan(ues=ues, speed=1), CHEAP)
    assert fitting.emulation.burn == burn
    assert preflight.fit(fitting, CHEAP).burn_cores <= 0.25 * 2


def test_messages_go_before_an_automatic_burn(two_cores):
    dear = msgspec.structs.replace(CHEAP, message_s=1.6 / host_costs.message_rate(plan()))
    assert preflight.fitted(plan(), dear).emulation.burn == 0.0
    assert 0.0 < preflight.fitted(plan(speed=0.97), dear).emulation.burn < 0.2


def test_too_high_a_speed_is_said_with_one_that_fits():
    found = preflight.fit(preflight.fitted(plan(speed=900), CHEAP), CHEAP)
    assert f"--speed {found.advised_speed:g}" in found.warnings[0]
    fitting = preflight.fitted(plan(speed=900), CHEAP, auto_speed=True)
    assert fitting.emulation.speed == found.advised_speed
    assert preflight.fit(fitting, CHEAP).warnings == ()


def test_costs_are_kept_for_this_host_only(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert host_costs.kept() is None
    host_costs.keep(CHEAP)
    assert host_costs.kept() == CHEAP and [path.name for path in host_costs.cache_path().parent.iterdir()] == [
        "host.json"
    ]
    monkeypatch.setattr(host_costs, "host_key", lambda: "another host")
    assert host_costs.kept() is None


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"host": 1, "at": "x"}', "\x00"])
def test_a_broken_file_of_costs_counts_as_none(tmp_path, monkeypatch, text):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    host_costs.cache_path().parent.mkdir()
    host_costs.cache_path().write_text(text)
    assert host_costs.kept() is None


def test_costs_of_a_busy_host_are_kept_for_a_while_only(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    busy = msgspec.structs.replace(CHEAP, others=1.5)
    host_costs.keep(busy)
    assert host_costs.kept() == busy
    later = time.time() + 3600.0
    monkeypatch.setattr(time, "time", lambda: later)
    assert host_costs.kept() is None


@pytest.mark.parametrize(("others", "late_s"), [(0.0, 9e-3), (1.5, HostCosts().late_s)])
def test_lateness_is_not_measured_while_others_work(monkeypatch, others, late_s):
    def run(payload):
        return calibration.CalibrationRun(plan(), 2.0 if payload == "real" else 1.0, 9e-3, others)

    monkeypatch.setattr(calibration, "run", run)
    found = calibration.measure()
    assert (found.late_s, found.others) == (late_s, others)


@pytest.mark.live
def test_check_measures_once_and_keeps_it(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    first = call("check", "smoke", "--json", cwd=tmp_path)
    assert "measuring" in first.stderr
    assert json.loads(first.stdout)["fit"]["measured"]
    found = host_costs.kept()
    assert found is not None and 1e-6 < found.message_s < 1e-2
    assert found.byte_s < 1e-6
    assert "measuring" not in call("check", "smoke", "--json", cwd=tmp_path).stderr


def test_workers_have_cells_and_cores_of_their_own(monkeypatch):
    monkeypatch.setattr(limits, "cores", lambda: 3.5)
    resolved = inputs.resolve(load_scenario("region", ["slots=20"]))
    workload = inputs.generate(resolved.scenario, resolved.system)
    made = resolved.plan(workload, "a3c", second_offload=False, live=True)
    monkeypatch.setattr(limits, "free_memory", lambda: 64e9)
    idle = msgspec.structs.replace(made, learn=True, emulation=msgspec.structs.replace(made.emulation, burn=0.0))
    costs = HostCosts(message_s=0.4 / (host_costs.message_rate(made) * made.emulation.speed), byte_s=0.0, late_s=1e-3)
    assert preflight.advised_workers(idle, costs, ON_POLICY) == 3
    assert preflight.advised_workers(idle, costs, REPLAY) == 1
    burning = msgspec.structs.replace(idle, emulation=msgspec.structs.replace(idle.emulation, burn=0.2))
    left = 3.5 - 0.4 - 0.2 * preflight.busy_executors(burning)
    assert preflight.advised_workers(burning, costs, ON_POLICY) == max(1, math.floor(left)) < 3
    monkeypatch.setattr(limits, "cores", lambda: 64)
    assert preflight.advised_workers(burning, costs, ON_POLICY) == len(made.system.edge_servers)
    needed = needs_of(burning, 1).memory_bytes
    monkeypatch.setattr(limits, "free_memory", lambda: needed + 1.5 * LEARNER_BYTES)
    assert preflight.advised_workers(burning, costs, ON_POLICY) == 2
    monkeypatch.setattr(limits, "free_memory", lambda: 1e6)
    assert preflight.advised_workers(burning, costs, ON_POLICY) == 1
    monkeypatch.setattr(limits, "free_memory", lambda: 64e9)
    monkeypatch.setattr(limits, "cores", lambda: 0.5)
    assert preflight.advised_workers(burning, costs, ON_POLICY) == 1
