"""Colour stands where it is meant to, on terminals only."""

import io

import pytest

from testbed.cli.colour import GREEN, OFF, RED, YELLOW, coloured


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture(autouse=True)
def colourful(monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")


@pytest.mark.parametrize(
    ("line", "word", "colour"),
    [
        ("fidelity   A (burn 0.05, real); delay error", "A", GREEN),
        ("fidelity   exact (simulated: nothing to grade)", "exact", GREEN),
        ("fidelity   B (burn 0.05, real)", "B", YELLOW),
        ("fidelity   F (burn 0.05, real)", "F", RED),
        ("delay      mean 1.0 s; UNSTABLE: backlog grows", "UNSTABLE", RED),
        ("WARNING    the policy failed", "WARNING", YELLOW),
        ("delay_p95  < 1 s  2 s  FAILS", "FAILS", RED),
    ],
)
def test_a_word_that_matters_has_a_colour(line, word, colour):
    before, _, after = line.partition(word)
    assert coloured(f"tasks A F\n{line}\n", Terminal()) == f"tasks A F\n{before}{colour}{word}{OFF}{after}\n"


def test_what_is_no_terminal_or_wants_none_gets_none(monkeypatch):
    line = "WARNING UNSTABLE"
    assert coloured(line, io.StringIO()) == line
    monkeypatch.setenv("NO_COLOR", "1")
    assert coloured(line, Terminal()) == line
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("TERM", "dumb")
    assert coloured(line, Terminal()) == line
