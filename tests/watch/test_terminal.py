"""The screen on a real terminal: it opens, obeys keys, and leaves the terminal as it was, however it ends."""

import os
import signal
from pathlib import Path

import psutil
import pytest

from tests.chaos.support import events, left
from tests.command import call, document
from tests.watch.terminal import Terminal, command_line, needs_tmux

pytestmark = [pytest.mark.live, needs_tmux]
LIVE = ("run", "smoke", "--slots", "8000", "--speed", "4", "--set", "emulation.burn=0.02", "--out", "r")


def screen_of(terminal_text_owner, run: Path) -> psutil.Process:
    """The process that draws the screen of ``run``."""
    return next(
        process
        for process in psutil.process_iter(["cmdline"])
        if process.info["cmdline"] and process.info["cmdline"][2:4] == ["-m", "testbed.watch"]
        if str(run) in " ".join(process.info["cmdline"]) or process.cwd() == str(run.parent)
    )


def live(tmp_path):
    return Terminal(command_line(*LIVE), tmp_path)


def test_keys_open_views_and_q_asks_what_shall_become_of_the_run(tmp_path):
    with live(tmp_path) as terminal:
        terminal.wait_for("smoke", "es-1", "running", "overhead")
        terminal.press("3")
        terminal.wait_for("ue-1-1", "under way")
        terminal.press("?")
        terminal.wait_for("light or dark")
        terminal.press("Escape")
        terminal.wait_until_gone("light or dark")
        terminal.resize(10, 3)
        terminal.press("1")
        terminal.wait_for("ended", "/8000")
        terminal.resize(100, 30)
        terminal.wait_for("fidelity so far")
        terminal.press("q")
        terminal.wait_for("close the view, let the run go on")
        terminal.press("Enter")
        terminal.wait_for("running:", "tasks ended")
        terminal.press("C-c")
        assert terminal.ended() == 130
    assert document("report", "r", cwd=tmp_path)["ended"] == "interrupted"
    assert left(tmp_path / "r") == []


def test_ctrl_c_on_the_screen_ends_the_run_that_was_started_with_it(tmp_path):
    with live(tmp_path) as terminal:
        terminal.wait_for("running", "overhead")
        terminal.press("C-c")
        assert terminal.ended() == 130
        assert "interrupted" in terminal.text
    assert left(tmp_path / "r") == []


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP])
def test_a_run_goes_on_without_its_screen(tmp_path, number):
    with Terminal(command_line(*LIVE[:3], "150", *LIVE[4:]), tmp_path) as terminal:
        terminal.wait_for("running", "overhead")
        os.kill(screen_of(terminal, tmp_path / "r").pid, number)
        terminal.wait_for("running:", "tasks ended")
        assert terminal.ended() == 0
        assert "fidelity" in terminal.text
    assert document("report", "r", cwd=tmp_path)["ended"] == "drained"


def test_a_panel_that_crashes_takes_only_the_screen_with_it(tmp_path):
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\n"
        "if '-m' in sys.orig_argv and 'testbed.watch' in sys.orig_argv:\n"
        "    from testbed.watch import panels\n"
        "    panels.delays = lambda shown: 1 / 0\n"
    )
    path = f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}:{Path(__file__).parents[2]}"
    with Terminal(command_line(*LIVE), tmp_path, PYTHONPATH=path) as terminal:
        terminal.wait_for("ZeroDivisionError")
        terminal.wait_for("running:", "tasks ended")
        terminal.press("C-c")
        assert terminal.ended() == 130
    assert document("report", "r", cwd=tmp_path)["ended"] == "interrupted"
    assert left(tmp_path / "r") == []


def test_a_process_is_killed_and_brought_back_from_the_menu(tmp_path):
    with live(tmp_path) as terminal:
        terminal.wait_for("running", "overhead")
        terminal.press("f")
        terminal.wait_for("kill es-1", "slow es-2 to 50%")
        terminal.press("Down", "Enter")
        terminal.wait_for("es-1 died", "lost")
        terminal.press("f")
        terminal.wait_for("restart es-1")
        terminal.press("Down", "Enter")
        terminal.wait_for("es-1 restarted")
        terminal.press("C-c")
        assert terminal.ended() == 130
    assert [source for source, _, _ in events(tmp_path / "r", "died")] == ["es-1"]
    assert [source for source, _, _ in events(tmp_path / "r", "restarted")] == ["es-1"]
    assert document("report", "r", cwd=tmp_path)["tasks"]["unaccounted"] == 0


def test_a_recorded_run_is_played_held_and_left(tmp_path):
    call("run", "smoke", "--backend", "sim", "--slots", "20", "--out", "r", cwd=tmp_path)
    with Terminal(command_line("watch", "r", "--rate", "0.5"), tmp_path, size=(80, 24)) as terminal:
        terminal.wait_for("playing ×0.5", "exact", "deadlines kept", "q quit")
        terminal.press("Space")
        terminal.wait_for("paused")
        terminal.press("S-Right")
        terminal.wait_for("slot 1")
        terminal.press("q")
        assert terminal.ended() == 0


@pytest.mark.parametrize("variables", [{"TERM": "dumb"}, {"TERM": "xterm"}, {"NO_COLOR": "1"}, {"LANG": "C.UTF-8"}])
def test_poor_terminals_get_what_they_can_show(tmp_path, variables):
    call("run", "smoke", "--backend", "sim", "--slots", "20", "--out", "r", cwd=tmp_path)
    with Terminal(command_line("watch", "r"), tmp_path, **variables) as terminal:
        if variables.get("TERM") == "dumb":
            terminal.wait_for("fidelity   exact")
        else:
            terminal.wait_for("overhead and reward by slot")
            terminal.press("q")
        assert terminal.ended() == 0


def test_a_run_started_elsewhere_is_watched_left_and_watched_again(tmp_path):
    from tests.chaos import support

    process = support.begin(tmp_path, "--slots", "8000")
    try:
        for _ in range(2):
            for name in ("before", "after"):
                (tmp_path / name).unlink(missing_ok=True)
            with Terminal(command_line("watch", "r"), tmp_path) as terminal:
                terminal.wait_for("running", "graded at the end")
                terminal.press("q")
                terminal.wait_for("end the run")
                terminal.press("Enter")
                assert terminal.ended() == 0
        assert process.poll() is None
    finally:
        support.stop(process)
    assert left(tmp_path / "r") == []
