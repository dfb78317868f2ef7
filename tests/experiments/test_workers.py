"""Comparisons by several processes: what one process finds, to the last bit."""

import os
import signal

import pytest

from testbed.experiments import workers
from testbed.experiments.rounds import Rounds
from testbed.model import errors
from testbed.scenario.load import load_scenario

STRATEGIES = ("lc", "greedy-do", "random-do")


def sampled(on, count):
    messages: list[str] = []
    rounds = Rounds(STRATEGIES, on, messages.append, workers=count)
    scenario = load_scenario("region", ["slots=30"])
    rounds.play(scenario, range(7, 11), "a: ")
    return rounds.samples, rounds.notes, messages


@pytest.mark.parametrize("on", ["sim", "twin"])
def test_two_processes_find_what_one_finds(on):
    one, two = sampled(on, 1), sampled(on, 2)
    assert one == two
    assert list(one[0]["lc"]) == [7, 8, 9, 10] and len(one[2]) == 12


def test_seeds_with_the_same_workload_are_told_by_both(tmp_path):
    table = tmp_path / "mine.csv"
    table.write_text("time_s,ue,input_bits,cycles,deadline_s\n0.0,ue-1-1,3000000,1000000000,2.0\n")
    scenario = load_scenario("region", ["slots=5", f"workload.trace={table}"])
    notes = []
    for count in (1, 2):
        rounds = Rounds(STRATEGIES, "sim", lambda output: None, workers=count)
        rounds.play(scenario, range(3))
        notes.append(rounds.notes)
        assert list(rounds.samples["lc"]) == [0]
    assert notes[0] == notes[1] and any("2 of 3 seeds" in note for note in notes[0])


def test_a_killed_process_is_no_traceback():
    with pytest.raises(errors.TestbedError, match="was killed"):
        list(workers.results([os.getpid, _die], 1))


def _die():
    os.kill(os.getpid(), signal.SIGKILL)


def test_processes_are_started_where_they_pay(monkeypatch):
    monkeypatch.setattr(workers, "cores", lambda: 4)
    assert workers.worthwhile(100.0, 10) == 4 and workers.worthwhile(100.0, 3) == 3 and workers.worthwhile(0.1, 10) == 1
