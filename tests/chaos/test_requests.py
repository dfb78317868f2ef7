"""Faults asked for while a run goes on: carried out, recorded with their instants, and replayed exactly."""

import pytest

from testbed.record.fault_requests import KILL, RESTART, FaultRequest, ask
from tests.chaos.support import begin, end, events, left, stop
from tests.command import document

pytestmark = [pytest.mark.live, pytest.mark.chaos]


def told(run, kind):
    """Wait until the record of ``run`` has an event of ``kind``."""
    import time

    limit = time.monotonic() + 60
    while not events(run, kind):
        assert time.monotonic() < limit
        time.sleep(0.05)


def test_an_es_is_killed_and_brought_back_and_the_run_replays_as_recorded(tmp_path):
    run = tmp_path / "r"
    process = begin(tmp_path, "--slots", "150")
    try:
        ask(run, FaultRequest(KILL, "es-1"))
        told(run, "died")
        ask(run, FaultRequest(KILL, "es-1"))
        ask(run, FaultRequest(RESTART, "es-1"))
        told(run, "restarted")
        ask(run, FaultRequest(RESTART, "es-1"))
        ask(run, FaultRequest(KILL, "es-99"))
        ask(run, FaultRequest("tickle", "es-1"))
        end(process, 0)
    finally:
        stop(process)
    assert [(source, why) for source, why, _ in events(run, "died")] == [("es-1", "fault")]
    refused = [detail for _, detail, _ in events(run, "refused")]
    assert len(refused) == 4 and "it is down" in refused[0] and "it is up" in refused[1]
    assert "es-99" in refused[2] and "kill and restart" in refused[3]
    found = document("report", "r", cwd=tmp_path)
    assert found["ended"] == "drained" and found["tasks"]["unaccounted"] == 0
    again = document("replay", "r", "--as-recorded", cwd=tmp_path)
    assert again["tasks"]["generated"] == found["tasks"]["generated"] and again["tasks"]["unaccounted"] == 0
    assert left(run) == []
