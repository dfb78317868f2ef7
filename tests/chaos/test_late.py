"""A launcher or an ES that stands still while others die: what happens late is recorded late, and no task is lost."""

import os
import select
import signal

import pytest

from tests.chaos.support import SPEED, begin, begun, end, events, pids, stop
from tests.command import document

DUE_S = 15.0
pytestmark = [pytest.mark.live, pytest.mark.chaos]


def stand_still(pid, seconds):
    """Stop process ``pid`` for so long."""
    os.kill(pid, signal.SIGSTOP)
    try:
        select.poll().poll(int(1000 * seconds))
    finally:
        os.kill(pid, signal.SIGCONT)


@pytest.mark.parametrize("victim", ["ue-1-1", "es-1"])
def test_a_planned_death_that_comes_late_is_recorded_when_it_came(tmp_path, victim):
    """The launcher stands still until a second after the death was due."""
    process, now_s = begun(tmp_path, "--slots", "80", "--set", f"faults=[{{at: {DUE_S} s, kill: {victim}}}]")
    try:
        assert now_s < DUE_S - 3.0, "the run was told of too late"
        stand_still(process.pid, (DUE_S - now_s) / SPEED + 1.0)
        end(process, 0)
    finally:
        stop(process)
    content = document("report", "r", cwd=tmp_path)
    assert content["tasks"]["unaccounted"] == 0 and content["ended"] == "drained"
    ((name, detail, late_s),) = events(tmp_path / "r", "planned")
    assert (name, detail) == (victim, "kill") and late_s > 0.2
    assert any(line.startswith(f"{victim} was killed at") and "as planned" in line for line in content["warnings"])
    again = document("replay", "r", "--as-recorded", cwd=tmp_path)
    assert again["tasks"]["unaccounted"] == 0
    assert again["tasks"]["generated"] == content["tasks"]["generated"]


def test_an_es_that_stands_still_while_its_target_dies_loses_no_task(tmp_path):
    scenario = tmp_path / "two.yaml"
    scenario.write_text(
        "name: two\nslots: 30\nslot: 0.5 s\ndensity: 0.9\ntask: {input: 0.1 MB, cycles: 0.3 G}\nue: {cpu: 0.5 GHz}\n"
        "cells: [{es: {cpu: 1 GHz}, ues: 4}, {es: {cpu: 4 GHz}, ues: 1}]\nsecond_offload: {threshold: 0.1 s}\n"
        "emulation: {drain_limit: 300 s}\n"
    )
    process = begin(tmp_path, "--policy", "offload-do", scenario="two.yaml")
    try:
        others = pids(tmp_path / "r")
        os.kill(others["es-1"], signal.SIGSTOP)
        try:
            os.kill(others["es-2"], signal.SIGKILL)
            select.poll().poll(300)
        finally:
            os.kill(others["es-1"], signal.SIGCONT)
        end(process, 0)
    finally:
        stop(process)
    content = document("report", "r", cwd=tmp_path)
    assert content["ended"] == "drained" and content["tasks"]["unaccounted"] == content["tasks"]["failed"] == 0
    assert any("es-2 was killed at" in line and "not planned" in line for line in content["warnings"])
