"""Deaths, pauses and returns that somebody asks for: told when they are believed, refused when they are so already."""

import pytest

from testbed.live.faults import FAULT_IDLE_MS
from testbed.model.delay import NS_PER_S
from testbed.model.system import LAUNCHER
from testbed.node.socket import envelope
from testbed.protocol.messages import Down, Up
from testbed.protocol.rows import KILL, PAUSE, REQUEST_REFUSED, RESTART, RESTARTED, RESUME
from testbed.protocol.validation import Validator
from testbed.record.fault_requests import FaultRequest, ask
from tests.live.test_deaths import Launcher


@pytest.mark.parametrize("victim", ["es-1", "ue-1-1", "controller"])
def test_everybody_believes_in_a_return_that_nobody_planned(victim, tmp_path, monkeypatch):
    """Whoever is told of an instant too far ahead drops the notice, and the process is dead to it for ever."""
    launcher = Launcher(run_dir=tmp_path)
    validators = {name: Validator(launcher.plan) for name in launcher.processes}
    refused = []

    def tell(name, body, at_ns=0):
        if isinstance(body, Down | Up):
            told = envelope(LAUNCHER, 0, name, body, at_ns)
            refused.append(validators[name].refusal(told, launcher.now_ns))

    monkeypatch.setattr(launcher, "tell", tell)
    ask(tmp_path, FaultRequest(KILL, victim, 30.0))
    launcher.at(2)
    for tenth in range(21, 330):
        launcher.at(tenth / 10)
    assert len(launcher.events(RESTARTED)) == 1
    assert refused == [""] * 6


def test_the_launcher_wakes_to_tell_of_a_return(tmp_path):
    launcher = Launcher(run_dir=tmp_path)
    ask(tmp_path, FaultRequest(KILL, "es-1", 3.0))
    launcher.at(2)
    launcher.now_ns = int(4.95 * NS_PER_S)
    assert launcher.faults.milliseconds() == 30
    launcher.now_ns = 5 * NS_PER_S
    assert launcher.faults.milliseconds() == FAULT_IDLE_MS


UP, STILL, DOWN, BACK_SOON = "up", "still", "down", "back soon"


@pytest.mark.parametrize("name", ["es-1", "ue-1-1", "controller"])
@pytest.mark.parametrize(
    ("state", "do", "why"),
    [
        (UP, RESUME, "it does not stand still"),
        (UP, RESTART, "it is up"),
        (STILL, PAUSE, "it stands still already"),
        (STILL, RESTART, "it is up"),
        (DOWN, KILL, "it is down"),
        (DOWN, PAUSE, "it is down"),
        (DOWN, RESUME, "it is down"),
        (BACK_SOON, KILL, "it is down"),
        (BACK_SOON, PAUSE, "it is down"),
        (BACK_SOON, RESUME, "it is down"),
    ],
)
def test_what_is_so_already_is_refused_at_once(name, state, do, why, tmp_path):
    launcher = Launcher(run_dir=tmp_path)
    before = {STILL: (PAUSE, 0.0), DOWN: (KILL, 0.0), BACK_SOON: (KILL, 60.0)}.get(state)
    if before:
        ask(tmp_path, FaultRequest(before[0], name, before[1]))
    launcher.at(2)
    ask(tmp_path, FaultRequest(do, name, 1.0 if do in (PAUSE, KILL) else 0.0))
    launcher.at(3)
    assert [detail for _, _, detail, _ in launcher.events(REQUEST_REFUSED)] == [f"{do} {name}: {why}"]


def test_a_restart_comes_before_the_time_that_was_asked_for(tmp_path):
    launcher = Launcher(run_dir=tmp_path)
    ask(tmp_path, FaultRequest(KILL, "es-1", 60.0))
    launcher.at(2)
    ask(tmp_path, FaultRequest(RESTART, "es-1"))
    launcher.at(3)
    ((at, *_),) = launcher.events(RESTARTED)
    assert at == pytest.approx(3.0, abs=0.01) and launcher.events(REQUEST_REFUSED) == []


def test_a_kill_and_a_restart_in_one_breath(tmp_path):
    launcher = Launcher(run_dir=tmp_path)
    ask(tmp_path, FaultRequest(KILL, "es-1"))
    ask(tmp_path, FaultRequest(RESTART, "es-1"))
    launcher.at(2)
    launcher.at(2.1)
    assert len(launcher.events(RESTARTED)) == 1 and launcher.events(REQUEST_REFUSED) == []
