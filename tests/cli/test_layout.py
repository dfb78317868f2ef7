"""Text on terminals of any width, and what is said of a run in which no task finished."""

import fcntl
import io
import os
import pty
import struct
import termios

import pytest

from testbed.cli import console, summary_text
from testbed.cli.console import Ticker
from testbed.cli.layout import one_line, width, wrapped
from testbed.cli.pulse import Pulse
from testbed.experiments import runner
from testbed.live.progress import Progress
from testbed.scenario.load import load_scenario
from testbed.trace import inputs

LONG = "tasks      13 generated: 13 completed, 0 late, 0 failed, 4 local, 9 offloaded, 2 forwarded"


@pytest.fixture(name="terminal")
def _terminal(monkeypatch):
    """A terminal of 40 columns; what is written to it, and a clock that is always late enough."""
    reader, writer = pty.openpty()
    fcntl.ioctl(writer, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 40, 0, 0))
    instants = iter(range(0, 1000, 10))
    monkeypatch.setattr("time.monotonic", lambda: float(next(instants)))
    with os.fdopen(writer, "w") as stream:
        yield stream, lambda: os.read(reader, 10_000).decode()
    os.close(reader)


def summary(tmp_path, *changes):
    """The summary of a short simulation."""
    resolved = inputs.resolve(load_scenario("region", ["slots=10", *changes]))
    workload = inputs.generate(resolved.scenario, resolved.system)
    order = runner.Order(
        resolved=resolved, workload=workload, policy="greedy-do", backend=runner.SIM, out=str(tmp_path / "r")
    )
    return runner.summary_of(runner.execute(order))


def test_a_long_line_goes_on_below_its_text():
    lines = wrapped(LONG, 40).split("\n")
    assert all(len(line) <= 40 for line in lines) and len(lines) == 3
    assert all(line.startswith(" " * 11) and line[11] != " " for line in lines[1:])
    assert " ".join(line.strip() for line in lines).split() == LONG.split()


def test_no_terminal_gets_whole_lines():
    assert wrapped(LONG, 0) == one_line(LONG, 0) == LONG
    assert width(io.StringIO()) == 0


@pytest.mark.parametrize("columns", [60, 80, 100])
def test_a_summary_keeps_to_the_width_and_loses_no_word(tmp_path, columns):
    made = summary(tmp_path, "thresholds.delay_p95=< 3 s")
    text = summary_text.text(made, columns)
    assert max(map(len, text.split("\n"))) <= columns
    assert set(text.split()) == set(summary_text.text(made).split())


def test_a_wide_table_goes_on_below_with_its_first_column():
    shown = summary_text.table(("", "first", "second", "third"), [("lc", "1", "2", "3")], 18)
    assert shown == "    first  second\nlc      1       2\n\n    third\nlc      3"


def test_progress_never_fills_a_terminals_line(terminal):
    stream, written = terminal
    assert width(stream) == 40
    for show, told in (
        (
            Ticker(200 * 10**9, stream),
            Progress(
                phase="simulating",
                now_ns=10**9,
                finished=5,
                total=10**6,
                alive=3,
                processes=20,
                silent=("ue-1-1", "ue-1-2"),
            ),
        ),
        (Pulse(stream), "workload 1 of 10: a3c-do:runs/training/of/long/ago/checkpoint.npz"),
    ):
        show(told)
        line = written().rpartition("\x1b[K")[2]
        assert 30 < len(line) < 40 and line.endswith("…")


def test_a_short_run_is_not_said_to_last_no_time():
    stream = io.StringIO()
    ticker = console.Ticker(400_000_000, stream)
    ticker._next = 0.0
    ticker(Progress(phase="running", now_ns=100_000_000, finished=0, total=1, alive=3, processes=3))
    assert "0.1 of 0.4 s" in stream.getvalue()


def test_a_run_without_a_task_says_so(tmp_path):
    text = summary_text.text(summary(tmp_path, "density=0"))
    assert "no task finished" in text and "nan" not in text
