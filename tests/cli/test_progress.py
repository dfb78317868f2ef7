"""Progress on terminals and in pipes, at instants that a fake clock gives."""

import inspect
import io
import re
import sys
import threading

import msgspec
import pytest

from testbed.cli import run_text
from testbed.cli.progress import ProgressDisplay, beside_a_bar
from testbed.cli.verbs import VERBS, command
from testbed.live.progress import Progress
from tests.command import PATIENCE_S

COLUMNS = 40
BAR = "━"


class Clock:
    """A clock that is set."""

    now_s = 0.0

    def __call__(self):
        return self.now_s


class Terminal(io.StringIO):
    """A terminal that keeps what is written to it, and tells it once."""

    def isatty(self):
        return True

    def written(self):
        text = self.getvalue()
        self.seek(0)
        self.truncate()
        return text


@pytest.fixture(autouse=True)
def capable(monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr("testbed.cli.progress.width", lambda stream: COLUMNS)


@pytest.fixture(name="terminal")
def _terminal():
    return Terminal()


def shown(stream, clock, *calls, plain=False, title=""):
    """Show each of ``calls``, (seconds, text, share), on ``stream``."""
    with ProgressDisplay(stream, plain=plain, title=title, clock=clock) as display:
        for clock.now_s, text, share in calls:
            display(text, share)


CALLS = [(0.5, "a", 0.0), (2.0, "b", 0.1), (3.9, "c", 0.2), (4.0, "d", 0.3), (9.0, "e", 0.4)]


def test_a_pipe_gets_a_line_every_two_seconds():
    stream = io.StringIO()
    shown(stream, Clock(), *CALLS, title="never seen")
    assert stream.getvalue() == "b, 14 s left\nd, 8 s left\ne, 13 s left\n"


def test_a_line_is_not_repeated_before_the_next_news_are_due():
    stream, clock = io.StringIO(), Clock()
    with ProgressDisplay(stream, plain=True, title="starting", news_s=5.0, clock=clock) as display:
        for clock.now_s, text in ((2.0, ""), (3.0, "3 s: one"), (4.0, ""), (6.5, ""), (7.0, "7 s: two"), (11.0, "")):
            if text:
                display(text)
            display.tick()
        clock.now_s = 12.0
        display.tick()
    assert stream.getvalue() == "starting, 2 s so far\n3 s: one\n7 s: two\n7 s: two, 5 s so far\n"


@pytest.mark.parametrize("why", ["plain", "dumb", "unknown"])
def test_a_terminal_that_is_not_rewritten_gets_the_same_lines(terminal, monkeypatch, why):
    if why != "plain":
        monkeypatch.setenv("TERM", why)
    shown(terminal, Clock(), *CALLS, plain=why == "plain")
    assert terminal.written() == "b, 14 s left\nd, 8 s left\ne, 13 s left\n"


def test_a_terminal_gets_a_bar_with_share_and_time_left_that_goes_away(terminal):
    clock = Clock()
    with ProgressDisplay(terminal, plain=False, title="the beginning", clock=clock) as display:
        assert "the beginning" in terminal.written()
        for clock.now_s, text, share in ((1.0, "one", 0.1), (2.0, "two", 0.2), (3.0, "three", 0.3)):
            display(text, share)
        line = terminal.written()
        assert BAR in line and " 30 %  7 s left  three" in line
        clock.now_s = 4.0
        display("long words", 0.5, left_s=99.0, brief="four")
        assert " 50 %  1 min 39 s left  four" in terminal.written()
    assert terminal.written().endswith("\r\x1b[1A\x1b[2K")


def test_without_a_share_a_bar_has_a_text_only(terminal):
    clock = Clock()
    with ProgressDisplay(terminal, plain=False, clock=clock) as display:
        clock.now_s = 1.0
        display("[trying] q 0.5")
        line = terminal.written()
    assert "[trying] q 0.5" in line and "%" not in line and "left" not in line


def test_a_bar_never_fills_a_terminals_line(terminal):
    clock = Clock()
    with ProgressDisplay(terminal, plain=False, clock=clock) as display:
        terminal.written()
        clock.now_s = 1.0
        display("workload 1 of 10: a3c-do:runs/training/of/long/ago/checkpoint.npz", 0.1)
        line = terminal.written().rpartition("\x1b[2K")[2]
    letters = sanitized(line)
    assert 30 < len(letters) < COLUMNS and letters.endswith("…")


def sanitized(line):
    """``line`` without escape sequences."""
    return re.sub(r"\x1b\[[?\d;]*[a-zA-Z]|[\r\n]", "", line)


def test_a_bar_has_no_colour_where_none_is_wanted(terminal, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    shown(terminal, Clock(), (1.0, "one", 0.5))
    line = terminal.written()
    assert BAR in line and "one" in line and not re.search(r"\x1b\[[\d;]*m", line)


def test_what_is_said_meanwhile_stays_above_the_bar(terminal, monkeypatch):
    monkeypatch.setattr(sys, "stderr", terminal)
    clock = Clock()
    with ProgressDisplay(terminal, plain=False, clock=clock) as display:
        clock.now_s = 1.0
        display("working", 0.5)
        terminal.written()
        print("es-1 hangs", file=sys.stderr, flush=True)
        lines = sanitized(terminal.written().replace("\n", "|")).split("|")
    assert lines[0] == "es-1 hangs" and "working" in lines[1]


def test_messages_for_a_file_do_not_come_to_the_terminal(terminal, monkeypatch):
    file = io.StringIO()
    monkeypatch.setattr(sys, "stderr", file)
    with ProgressDisplay(terminal, plain=False, clock=Clock()):
        print("es-1 hangs", file=sys.stderr)
    assert file.getvalue() == "es-1 hangs\n" and "hangs" not in terminal.written()


def test_time_left_is_said_where_it_is_known():
    assert beside_a_bar("x") == "x"
    assert beside_a_bar("x", 0.071) == "  7 %  x"
    assert beside_a_bar("x", 1.0, 0.4) == "100 %  0 s left  x"
    assert beside_a_bar("x", 0.0, float("inf")) == "  0 %  x"


def moment(phase, now_ns=0, silent=()):
    """A moment of a run of 20 tasks in 8 processes, of which 3 are alive."""
    return Progress(phase=phase, now_ns=now_ns, finished=5, total=20, alive=3, processes=8, silent=silent)


def test_a_run_says_how_far_it_is():
    end_ns = 200 * 10**9
    assert run_text.text(moment("starting"), end_ns) == "starting: 3 of 8 processes are ready"
    assert run_text.share(moment("starting"), end_ns) is None
    running = moment("running", 10**11, ("ue-1-1", "ue-1-2", "ue-1-3", "ue-1-4"))
    output = "running: 100.0 of 200 s, 5 of 20 tasks ended, no sign of life from ue-1-1, ue-1-2, ue-1-3"
    assert (run_text.text(running, end_ns), run_text.share(running, end_ns)) == (output, 0.5)
    assert run_text.share(moment("draining", 3 * 10**11), end_ns) is None


def test_a_run_that_drains_says_what_lasts_and_until_when():
    held = msgspec.structs.replace(moment("draining", 3 * 10**11), lasting=("cut ue-1-1:es-1",), limit_ns=6 * 10**11)
    output = "draining: 300.0 of 200 s, 5 of 20 tasks ended; cut ue-1-1:es-1 lasts, the run until 600 s"
    assert run_text.text(held, 200 * 10**9) == output
    more = msgspec.structs.replace(held, lasting=(*held.lasting, "pause es-1"))
    assert "cut ue-1-1:es-1 and 1 more last, the run" in run_text.text(more, 200 * 10**9)
    loud = msgspec.structs.replace(held, lasting=("overload cell 1 x 3", "slow es-2 to 0.5", "pause es-1"))
    assert "ended; pause es-1 and 1 more last, the run" in run_text.text(loud, 200 * 10**9)
    assert "last" not in run_text.text(msgspec.structs.replace(held, lasting=loud.lasting[:1]), 200 * 10**9)
    assert "last" not in run_text.text(msgspec.structs.replace(held, phase="running"), 10**12)


def test_a_short_run_is_not_said_to_last_no_time():
    assert "0.1 of 0.4 s" in run_text.text(moment("running", 100_000_000), 400_000_000)


def test_what_lasts_is_said_again_with_how_long_it_has_lasted_less_and_less_often():
    stream, clock = io.StringIO(), Clock()
    display = ProgressDisplay(stream, plain=False, clock=clock)
    clock.now_s = 0.5
    display("reading")
    for tenths in range(10, 400):
        clock.now_s = tenths / 10
        display.tick()
    display("writing", 0.5)
    clock.now_s = 42.0
    display.tick()
    assert stream.getvalue().splitlines() == [
        "reading",
        "reading, 4 s so far",
        "reading, 8 s so far",
        "reading, 16 s so far",
        "reading, 32 s so far",
        "writing",
        "writing, 2 s so far",
    ]


def test_a_bar_goes_on_while_nothing_is_told(terminal):
    clock = Clock()
    with ProgressDisplay(terminal, plain=False, clock=clock) as display:
        display("compiling", 0.0)
        clock.now_s = 10.0
        display("playing", 0.5)
        terminal.written()
        clock.now_s = 10.5
        display.tick()
        assert terminal.written() == ""
        display("still playing", 0.5)
        clock.now_s = 10.6
        display.tick()
        assert " 50 %  10 s left  still playing" in terminal.written()
        display("playing", 0.5)
        clock.now_s = 13.5
        display.tick()
        assert " 50 %  8 s left  playing, 3 s so far" in terminal.written()


def test_nothing_is_said_again_where_nothing_was_said():
    stream, clock = io.StringIO(), Clock()
    display = ProgressDisplay(stream, plain=False, clock=clock)
    clock.now_s = 100.0
    display.tick()
    assert stream.getvalue() == ""


class Gone(io.StringIO):
    """A pipe whose reader went away."""

    written = threading.Event()

    def write(self, text):
        self.written.set()
        raise BrokenPipeError


def test_the_clock_ticks_by_itself_and_a_reader_that_went_away_ends_nothing_but_that(monkeypatch):
    monkeypatch.setattr("testbed.cli.progress.LINE_EVERY_S", 0.01)
    stream = Gone()
    with ProgressDisplay(stream, plain=True, title="working"):
        assert stream.written.wait(PATIENCE_S)


QUICK = ("init", "clean", "compose", "demo", "fault", "learn")


@pytest.mark.parametrize("verb", [verb for verb in VERBS if verb not in QUICK])
def test_every_verb_that_can_take_long_says_how_far_it_is_in_the_one_way(verb):
    """`init`, `compose`, `fault` and `learn` write a file, `clean` prints a line for each run that it removes, `demo`
    gives other commands."""
    source = inspect.getsource(command(verb))
    assert re.search(r"\bProgressDisplay\(|\bcommon\.(carry_out|summarized)\(", source)
