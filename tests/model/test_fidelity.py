"""Grades: every published limit from both sides, the worst offender, and a remedy that names a flag."""

from typing import Any

import pytest

from testbed.model.fidelity import Cpu, DelayError, Measured, Throttled, delay_error, grade, no_worse

GOOD: dict[str, Any] = {"tasks": 1000, "burn": 0.1, "cpu": Cpu(10.0, 10.0)}


@pytest.mark.parametrize(
    ("median", "p99", "letter"),
    [
        (0.01, 0.05, "A"),
        (0.0101, 0.05, "B"),
        (0.01, 0.0501, "B"),
        (0.03, 0.15, "B"),
        (0.0301, 0.1, "C"),
        (0.1, 0.5, "C"),
        (0.1001, 0.2, "F"),
        (0.0, 0.501, "F"),
    ],
)
def test_limits_of_errors(median, p99, letter):
    assert grade(Measured(error=DelayError(median, p99), **GOOD)).grade == letter


@pytest.mark.parametrize(("slipped", "letter"), [(0, "A"), (1, "A"), (2, "B"), (10, "B"), (11, "C"), (101, "F")])
def test_limits_of_slips(slipped, letter):
    verdict = grade(Measured(slipped=slipped, **GOOD))
    assert verdict.grade == letter
    assert ("guard" in verdict.remedy) == (letter != "A")


@pytest.mark.parametrize(("achieved", "letter"), [(9.5, "A"), (9.4, "B"), (8.4, "C"), (4.9, "F")])
def test_limits_of_cpu(achieved, letter):
    verdict = grade(Measured(tasks=10, burn=0.1, asked_burn=0.1, cpu=Cpu(10.0, achieved)))
    assert verdict.grade == letter
    assert ("emulation.burn=" in verdict.remedy) == (letter != "A")


@pytest.mark.parametrize(("achieved", "letter"), [(9.5, "A"), (9.4, "B"), (4.9, "B"), (0.0, "B")])
def test_a_share_that_the_host_chose_itself_costs_the_a_only(achieved, letter):
    assert grade(Measured(tasks=10, burn=0.1, cpu=Cpu(10.0, achieved))).grade == letter


def test_a_run_that_burns_nothing_is_graded_by_its_delays():
    assert grade(Measured(error=DelayError(0.001, 0.006), tasks=10, burn=0.0)).grade == "A"
    assert grade(Measured(error=DelayError(0.001, 0.06), tasks=10, burn=0.0)).grade == "B"


def test_no_remedy_burns_less_than_nothing():
    burn, cpu = 0.2, Cpu(10.0, 9.0)
    while "emulation.burn=" in (remedy := grade(Measured(tasks=10, burn=burn, asked_burn=burn, cpu=cpu)).remedy):
        less = float(remedy.partition("emulation.burn=")[2].partition(",")[0])
        assert 0.0 <= less < burn
        burn = less
    assert burn == 0.0


def test_cpu_seconds_are_written_as_people_write_them():
    assert "got 1234 of 5678 CPU seconds" in grade(Measured(tasks=1, burn=0.1, cpu=Cpu(5678.0, 1234.0))).worst


def test_less_than_asked_is_no_better_than_b():
    assert grade(Measured(tasks=1, burn=0.02, asked_burn=0.5)).grade == "B"
    assert grade(Measured(tasks=1, burn=0.02, asked_burn=-1.0)).grade == "A"
    assert grade(Measured(tasks=1, payload="declared")).grade == "B"
    assert grade(Measured(tasks=1, payload="declared", asked_payload="declared")).grade == "A"


def test_a_run_without_a_task_has_nothing_to_be_wrong_about():
    assert grade(Measured(error=DelayError(None, None), tasks=0, slipped=3)).grade == "A"
    verdict = grade(Measured(error=DelayError(None, None), tasks=1))
    assert verdict.grade == "F" and "no task finished" in verdict.worst


@pytest.mark.parametrize(("p99", "output"), [(1.0, "100 %"), (12.345, "1234 %"), (0.0512, "5.1 %"), (0.995, "100 %")])
def test_an_error_is_written_as_people_write_percents(p99, output):
    assert f"is {output}" in grade(Measured(error=DelayError(0.0, p99), **GOOD)).worst


def test_the_worst_is_named():
    verdict = grade(Measured(error=DelayError(0.02, 0.6), slipped=2, **GOOD))
    assert verdict.grade == "F" and "99th percentile" in verdict.worst and "60 %" in verdict.worst
    assert "--speed" in verdict.remedy
    stolen = grade(Measured(error=DelayError(0.0, 0.6), steal=0.1, **GOOD))
    assert "hypervisor" in stolen.remedy
    busy = grade(Measured(error=DelayError(0.0, 0.6), host_cpu=0.97, **GOOD))
    assert "97 % busy" in busy.remedy


def test_a_remedy_names_what_can_still_be_changed():
    late: dict[str, Any] = {"error": DelayError(0.0, 0.6), "burn": 0.02, "speed": 20.0}
    assert grade(Measured(**late, payload="declared", ues=15)).remedy.endswith("--set emulation.ues_per_process=5")
    assert grade(Measured(**late, payload="declared", ues=15, ues_per_process=5)).remedy == "use --speed 10"
    assert "use --speed 14" in grade(Measured(**late, advised_speed=14.0)).remedy
    assert "use --speed 10" in grade(Measured(**late, advised_speed=20.0)).remedy
    assert "emulation.payload=declared" in grade(Measured(**late)).remedy
    assert "emulation.burn=0.01" in grade(Measured(**late, host_cpu=0.99)).remedy
    assert "emulation.burn=0," in grade(Measured(burn=0.02, cpu=Cpu(10.0, 1.0))).remedy
    assert "emulation.burn" not in grade(Measured(**late | {"burn": 0.0}, host_cpu=0.99)).remedy
    assert "emulation.guard=6ms" in grade(Measured(tasks=10, slipped=1, guard_ms=3.0)).remedy


@pytest.mark.parametrize(("held", "named"), [(0, False), (10, False), (11, True)])
@pytest.mark.parametrize("error", [DelayError(0.0, 0.6), DelayError(0.2, 0.2)])
def test_a_guard_that_is_longer_than_executions_is_named(held, named, error):
    remedy = grade(Measured(error=error, held=held, guard_ms=2.0, host_cpu=0.99, **GOOD)).remedy
    assert ("--set emulation.guard=0.5ms" in remedy) is named
    assert "guard" not in grade(Measured(held=held, **{**GOOD, "cpu": Cpu(10.0, 1.0)})).remedy


def test_nothing_to_compare_is_f():
    assert delay_error([]) == DelayError(None, None)
    assert grade(Measured(error=delay_error([]), tasks=1)).grade == "F"


def test_delay_error():
    result = delay_error([(110, 100), (90, 100), (5, 0)])
    assert result.median == pytest.approx(0.1) and result.p99 == pytest.approx(0.1)


def test_order_of_grades():
    assert no_worse("A", "B") and no_worse("B", "B") and not no_worse("C", "B")


def test_a_limit_that_held_a_process_back_is_what_the_remedy_names():
    held = Throttled("es-1", 0.1, 0.6)
    bad: dict[str, Any] = {"burn": 1.0, "asked_burn": 1.0, "cpu": Cpu(10.0, 1.0), "tasks": 10}
    remedy = grade(Measured(**bad, throttled=held, steal=0.3, host_cpu=0.99)).remedy
    assert remedy.startswith("es-1 used up its limit of 0.1 CPU in 60 % of periods: raise emulation.limits")
    assert "--set emulation.burn=0.1" in remedy and "--speed 0.5" in remedy
    assert "limit" not in grade(Measured(**bad, throttled=Throttled("es-1", 0.1, 0.05))).remedy


def test_what_clocks_may_be_wrong_by_is_an_error_like_any_other():
    pairs = [(1_000_000_000, 1_000_000_000)] * 100
    assert delay_error(pairs) == DelayError(0.0, 0.0)
    doubted = delay_error(pairs, 20_000.0)
    assert doubted.median == doubted.p99 == pytest.approx(2e-5)
    doubt = delay_error(pairs, 40_000_000.0)
    result = grade(Measured(error=doubt, doubt=doubt, **GOOD))
    assert result.grade == "C" and "clocks are not known any better" in result.remedy
    assert "clocks" not in grade(Measured(error=DelayError(0.04, 0.04), doubt=DelayError(0.001, 0.001), **GOOD)).remedy
