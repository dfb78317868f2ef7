"""The screen in a container's terminal: seen while the run goes on, and left without ending it."""

import pytest

from tests.containers.support import FILE, OWNER, finished, running, wait_until, written
from tests.watch.terminal import Terminal, needs_tmux

pytestmark = [pytest.mark.containers, pytest.mark.slow, needs_tmux]


def test_the_screen_in_a_container_shows_the_run_and_is_left_by_a_key(compose):
    written(compose.clone, "--slots", "4000")
    compose("up", "--no-build", "--detach")
    wait_until(lambda: any(finished(run) >= 3 for run in compose.clone.glob("runs/*")))
    members = running()
    with Terminal([*compose.command, "--file", FILE, "run", "--rm", "watch"], compose.clone) as terminal:
        first = terminal.wait_for("smoke", "random-do", "running", "es-1", "ue-1-1", "fidelity so far")
        wait_until(lambda: terminal.text != first)
        terminal.press("q")
        terminal.wait_for("close the view, let the run go on", "end the run: ")
        terminal.press("Enter")
        assert terminal.ended() == 0
    assert running() == members == {"recorder", "controller", "es-1", "ue-1-1", "ue-1-2"}, "the run goes on"
    assert {path.stat().st_uid for path in (compose.clone / "runs").rglob("*")} == {OWNER}
