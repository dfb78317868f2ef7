"""The menu of faults: what is typed there is asked of the run, in the words of ``testbed fault``."""

import asyncio

import pytest
from textual.app import App

from testbed.record.fault_requests import FILE, FaultRequest, FaultRequests
from testbed.watch.dialogs import FaultMenu


def typed(run, text):
    """Type ``text`` and Enter into the menu of the run in ``run``; whether it is still open then."""

    async def drive():
        app: App[None] = App()
        async with app.run_test() as pilot:
            app.push_screen(FaultMenu(run, None, live=True))
            await pilot.pause()
            await pilot.press(*("space" if letter == " " else letter for letter in text), "enter")
            await pilot.pause()
            return isinstance(app.screen, FaultMenu)

    return asyncio.run(drive())


@pytest.mark.parametrize(
    ("text", "request_made"),
    [
        ("slow es-2 to 50% for 10 s", FaultRequest("slow", "es-2 to 0.5", 10.0)),
        ("cut ue-1-3:es-1", FaultRequest("cut", "ue-1-3:es-1")),
        ("degrade ue-1-3 loss 10%", FaultRequest("degrade", "ue-1-3 to loss 0.1")),
        ("kill es-1", FaultRequest("kill", "es-1")),
        ("restore es-2", FaultRequest("lift", "es-2")),
    ],
)
def test_what_is_typed_is_asked_of_the_run(text, request_made, tmp_path):
    assert not typed(tmp_path, text)
    assert FaultRequests(tmp_path).new() == [request_made]


@pytest.mark.parametrize(
    "text", ["", "tickle es-1", "slow es-2", "slow", "kill es-1 for soon", "kill es-1 for", "degrade ue-1-1 to loss 3"]
)
def test_what_makes_no_sense_stays_to_be_mended_and_is_not_asked(text, tmp_path):
    assert typed(tmp_path, text)
    assert not (tmp_path / FILE).exists()
