"""Faults asked for while a run goes on: carried out, recorded with their instants, and replayed exactly."""

import pytest

from testbed.protocol.rows import KILL, RESTART
from testbed.record import reader
from testbed.record.fault_requests import FaultRequest, ask
from tests.chaos.support import begin, end, events, left, stop
from tests.command import call, document

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
    assert "es-99" in refused[2] and "what can be asked for is kill, restart" in refused[3]
    found = document("report", "r", cwd=tmp_path)
    assert found["ended"] == "drained" and found["tasks"]["unaccounted"] == 0
    again = document("replay", "r", "--as-recorded", cwd=tmp_path)
    assert again["tasks"]["generated"] == found["tasks"]["generated"] and again["tasks"]["unaccounted"] == 0
    assert left(run) == []


def test_the_verb_pauses_kills_and_says_what_came_of_it(tmp_path):
    run = tmp_path / "r"
    process = begin(tmp_path, "--slots", "150")
    try:
        assert "ue-1-2 stands still since" in call("fault", "r", "pause", "ue-1-2", "--for", "2s", cwd=tmp_path).stdout
        told(run, "resumed")
        refused = call("fault", "r", "resume", "ue-1-2", cwd=tmp_path, code=2).stderr
        assert "resume ue-1-2: it does not stand still" in refused
        said = call("fault", "r", "kill", "es-1", "--for", "3 s", cwd=tmp_path).stdout
        assert "es-1 is dead since" in said and "restart after 3 s" in said
        told(run, "restarted")
        assert "nothing of that name" in call("fault", "r", "pause", "es-9", cwd=tmp_path, code=2).stderr
        call("fault", "r", "pause", "controller", cwd=tmp_path)
        refused = call("fault", "r", "pause", "controller", "--for", "1s", cwd=tmp_path, code=2).stderr
        assert "pause controller: it stands still already" in refused
        end(process, 0)  # nobody has to be resumed for a run to end
    finally:
        stop(process)
    ((died, back),) = [(died, back) for died, back in absences(run, "es-1")]
    assert back - died >= 2_900_000_000
    found = document("report", "r", cwd=tmp_path)
    assert found["ended"] == "drained" and found["tasks"]["unaccounted"] == 0
    still = [line for line in found["warnings"] if "stood still on request" in line]
    assert [line.split()[0] for line in still] == ["controller"]  # the UE's pause is part of the model, and a fault
    assert [one["fault"] for one in found["recovery"]] == ["pause ue-1-2", "kill es-1", "pause controller"]
    assert not any("silent" in line for line in found["warnings"])
    assert left(run) == []


def test_an_es_that_was_killed_for_a_time_executes_tasks_again(tmp_path):
    """Its return is longer ahead than anybody believes an instant."""
    run = tmp_path / "r"
    process = begin(tmp_path, "--slots", "80", "--speed", "5", "--policy", "offload-do")
    try:
        ask(run, FaultRequest(KILL, "es-1", 5.0))
        told(run, "restarted")
        end(process, 0)
    finally:
        stop(process)
    ((_, back),) = absences(run, "es-1")
    assert any(row.es == "es-1" and row.start_ns > back for row in reader.read_run(run).tasks)
    assert events(run, "dropped_frame") == []


def absences(run, name):
    """The deaths and returns of a core, as the record has them."""
    return reader.read_run(run).absences[name]
