"""The application on a terminal that only the test sees: every view, keys, sizes."""

import asyncio
import os
import signal

import pytest
from msgspec.structs import replace
from textual.widgets import ContentSwitcher, OptionList

from testbed.protocol.rows import REQUEST_REFUSED, EventRow
from testbed.record import alive
from testbed.watch.app import VIEWS, WatchApp
from testbed.watch.dialogs import END, FaultMenu, HelpScreen, QuitScreen
from testbed.watch.feed import RecordedFeed
from tests.watch.runs import recorded

LOOKS, LOOK_S = 300, 0.05  # against waiting for ever only


def words(*wanted):
    """Whether a screen shows each of some words."""
    return lambda lines: all(word in "\n".join(lines) for word in wanted)


def screen_of(size, keys=(), run=None, until=8, shows=bool):
    """The characters of the screen after ``keys`` as soon as it ``shows`` what is waited for, line by line.

    Beside them the name of the view, or the dialog that covers it. A widget may take a few turns to draw what it was
    given, the more the busier the host is.
    """
    feed = RecordedFeed(run or recorded("region", "slots=20"))
    feed.paused = True
    feed.seek(until)
    app = WatchApp(feed)

    async def drive():
        async with app.run_test(size=size) as pilot:
            await pilot.press(*keys)
            await pilot.pause()
            for _ in range(LOOKS):
                app.show_frame()
                await pilot.pause()
                lines = ["".join(segment.text for segment in strip) for strip in app.screen._compositor.render_strips()]
                if shows(lines):
                    break
                await asyncio.sleep(LOOK_S)
            return lines, app.query_one(ContentSwitcher).current if len(app.screen_stack) == 1 else app.screen

    return asyncio.run(drive())


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)])
def test_the_overview_has_its_essentials_at_every_size(size):
    essential = ("region", "greedy-do", "slot 8/20", "es-1", "es-3", "overhead", "p99", "deadlines kept", "exact")
    text = "\n".join(screen_of(size, shows=words(*essential))[0])
    for word in essential:
        assert word in text, word


@pytest.mark.parametrize(("number", "view"), list(enumerate(VIEWS, start=1)))
def test_every_number_opens_its_view(number, view):
    _, shown = screen_of((120, 40), [str(number)])
    assert shown == view


@pytest.mark.parametrize(
    ("number", "shown"),
    [("2", ("forwarded in",)), ("3", ("ue-1-1", "ue-3-5")), ("4", ("does not learn",)), ("5", ("completed",))],
)
def test_views_show_servers_ues_learning_and_the_lives_of_tasks(number, shown):
    lines, _ = screen_of((120, 40), [number], shows=words(*shown))
    for word in shown:
        assert word in "\n".join(lines), word


def test_a_filter_leaves_the_ues_that_have_it_in_their_name():
    def filtered(lines):
        return words("ue-2-1")(lines) and not words("ue-1-1")(lines)

    lines, _ = screen_of((120, 40), ["slash", *"ue-2", "enter"], shows=filtered)
    assert filtered(lines)


def test_a_tiny_terminal_shows_one_box():
    lines, _ = screen_of((10, 3))
    assert len(lines) == 3


@pytest.mark.parametrize(
    ("key", "screen", "word"), [("question_mark", HelpScreen, "filter UEs"), ("f", FaultMenu, "has ended")]
)
def test_dialogs_open_and_say_what_they_are_for(key, screen, word):
    lines, shown = screen_of((120, 40), [key], shows=words(word))
    assert isinstance(shown, screen) and word in "\n".join(lines)


def test_a_recorded_run_is_scrubbed_by_arrows():
    lines, _ = screen_of((120, 40), ["right", "right", "shift+left"], until=15, shows=words("slot 7/20"))
    assert "slot 7/20" in lines[0]


def test_a_frame_that_comes_due_after_the_screens_have_gone_is_not_drawn():
    async def drive():
        app = WatchApp(RecordedFeed(recorded()))
        async with app.run_test(size=(80, 24)):
            pass
        app.show_frame()
        return app.screen_stack

    assert asyncio.run(drive()) == []


def test_leaving_a_recorded_run_asks_nothing():
    async def drive():
        app = WatchApp(RecordedFeed(recorded()))
        async with app.run_test(size=(80, 24)) as pilot:
            await pilot.press("q")
        return app.return_code

    assert asyncio.run(drive()) == 0


def test_hundreds_of_ues_are_counted_by_cell():
    run = recorded("region", "slots=5", "cells.0.ues=100", "cells.1.ues=100", "cells.2.ues=100")
    lines, _ = screen_of((120, 40), run=run, until=2, shows=words("es-1"))
    row = next(line for line in lines if "es-1" in line)
    assert "●" in row and row.count("●") == 1


@pytest.mark.parametrize(
    ("home", "ended"), [(alive.home(), [(4_000_000, signal.SIGINT)]), ("another host's 4026531836", [])]
)
def test_only_a_run_on_this_host_can_be_ended_from_the_screen(monkeypatch, home, ended):
    """Elsewhere the launcher's number is that of any other process here."""
    killed: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "kill", lambda *arguments: killed.append(arguments))
    feed = RecordedFeed(recorded())
    feed.live = True
    feed.telemetry.meta |= {"launcher_pid": 4_000_000, "launcher_home": home}
    app = WatchApp(feed)

    async def drive():
        async with app.run_test(size=(100, 30)) as pilot:
            await pilot.press("q")
            await pilot.pause()
            assert isinstance(app.screen, QuitScreen)
            option = app.screen.query_one(OptionList).get_option(END)
            assert option.disabled == (not ended) and ("testbed down" in str(option.prompt)) == (not ended)
            app.screen.dismiss(END)
            await pilot.pause()

    asyncio.run(drive())
    assert killed == ended


def test_what_the_launcher_refuses_takes_the_place_of_what_was_asked_for(tmp_path):
    """Also where the same was refused before: that is no answer to what is asked now."""
    refused = EventRow(0, "launcher", REQUEST_REFUSED, 'slow es-9 to 0.5: there is no edge server "es-9"')
    feed = RecordedFeed(recorded())
    feed.paused, feed.live, feed.path = True, True, tmp_path
    feed.seek(4)
    feed.telemetry.take([refused])
    app = WatchApp(feed)

    def toasts():
        return [toast.message for toast in app._notifications]

    async def drive():
        async with app.run_test(size=(100, 30)) as pilot:
            app.show_frame()
            await pilot.press("f")
            await pilot.press(*("space" if letter == " " else letter for letter in "slow es-9 to 50%"), "enter")
            await pilot.pause()
            app.show_frame()
            assert toasts() == ["slow es-9 to 0.5: asked for"]
            feed.telemetry.take([replace(refused, at_ns=1)])
            feed.seek(1)
            app.show_frame()
            await pilot.pause()
            assert toasts() == [refused.detail]

    asyncio.run(drive())
