"""The command's first steps, in this process: what it is told is done, and even an early interrupt ends in order."""

import os
import sys

import pytest

from testbed import __main__ as entry
from testbed.cli import main as command_line
from tests.command import ROOT

AT_FIRST = os.environ.get("PYTHONSAFEPATH")


def test_the_command_line_is_done_and_its_code_returned(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["testbed", "--version"])
    assert entry.main() == 0
    assert capsys.readouterr().out.startswith("testbed ")


def test_what_the_command_told_its_helpers_has_ended_with_that_test():
    assert os.environ.get("PYTHONSAFEPATH") == AT_FIRST


def test_an_interrupt_before_all_else_is_told_in_a_word(monkeypatch, capsys):
    def interrupted():
        raise KeyboardInterrupt

    monkeypatch.setattr(command_line, "main", interrupted)
    assert entry.main() == 130
    assert capsys.readouterr().err == "interrupted\n"


@pytest.mark.parametrize(("first", "remaining"), [("elsewhere", False), (str(ROOT), True)])
def test_the_working_directory_leaves_the_path_unless_the_testbed_lies_there(monkeypatch, tmp_path, first, remaining):
    place = first if os.path.isabs(first) else str(tmp_path)
    monkeypatch.setattr(sys, "path", [place, "rest"])
    entry._leave_working_directory()
    assert sys.path == ([place, "rest"] if remaining else ["rest"])


def test_the_package_offers_its_interface_and_nothing_else():
    import testbed

    assert {"run_scenario", "read_run", "compare"} <= set(dir(testbed))
    assert testbed.TestbedError.__name__ == "TestbedError"
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = testbed.nothing  # type: ignore[attr-defined] # there is no such name
