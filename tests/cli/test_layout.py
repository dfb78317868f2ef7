"""Text on terminals of any width, and what is said of a run in which no task finished."""

import fcntl
import io
import os
import pty
import struct
import termios

import pytest

from testbed.cli import summary_text
from testbed.cli.layout import width, wrapped
from testbed.experiments import runner
from testbed.record.backends import SIM
from testbed.scenario.load import load_scenario
from testbed.trace import inputs

LONG = "tasks      13 generated: 13 completed, 0 late, 0 failed, 4 local, 9 offloaded, 2 forwarded"


def summary(tmp_path, *changes):
    """The summary of a short simulation."""
    resolved = inputs.resolve(load_scenario("region", ["slots=10", *changes]))
    workload = inputs.generate(resolved.scenario, resolved.system)
    order = runner.Order(resolved=resolved, workload=workload, policy="greedy-do", backend=SIM, out=str(tmp_path / "r"))
    return runner.summary_of(runner.execute(order))


def test_a_long_line_goes_on_below_its_text():
    lines = wrapped(LONG, 40).split("\n")
    assert all(len(line) <= 40 for line in lines) and len(lines) == 3
    assert all(line.startswith(" " * 11) and line[11] != " " for line in lines[1:])
    assert " ".join(line.strip() for line in lines).split() == LONG.split()


def test_a_terminal_tells_its_width():
    reader, writer = pty.openpty()
    fcntl.ioctl(writer, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 40, 0, 0))
    with os.fdopen(writer, "w") as stream:
        assert width(stream) == 40
    os.close(reader)


def test_no_terminal_gets_whole_lines():
    assert wrapped(LONG, 0) == LONG
    assert width(io.StringIO()) == 0


@pytest.mark.parametrize("columns", [60, 80, 100])
def test_a_summary_keeps_to_the_width_and_loses_no_word(tmp_path, columns):
    result = summary(tmp_path, "thresholds.delay_p95=< 3 s")
    text = summary_text.text(result, columns)
    assert max(map(len, text.split("\n"))) <= columns
    assert set(text.split()) == set(summary_text.text(result).split())


def test_a_run_without_a_task_says_so(tmp_path):
    text = summary_text.text(summary(tmp_path, "density=0"))
    assert "no task finished" in text and "nan" not in text


def test_a_summary_lists_the_first_faults_and_a_report_all(tmp_path):
    planned = ", ".join(f"{{at: {at} s, for: 500 ms, slow: es-1 to {at + 10}%}}" for at in range(1, 9))
    result = summary(tmp_path, f"faults=[{planned}]")
    few, every = summary_text.text(result), summary_text.text(result, most_faults=None)
    assert "and 2 more faults: testbed report lists all" in few and "es-1 to 0.18" not in few
    assert "more" not in every.replace("more tasks", "").replace("were more", "") and "es-1 to 0.18" in every
    for text in (few, every):
        assert "Both count from the beginning of the fault: 0 where goodput never was below" in text
        assert "slow es-1 to 0.11 at 1.0 s" in text
