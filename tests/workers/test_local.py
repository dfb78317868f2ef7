"""Work by several processes of this host: what one process finds, to the last bit; a death costs one piece of it."""

import os
import signal
from functools import partial

import pytest

from testbed.experiments.rounds import Rounds, play_all
from testbed.model import errors
from testbed.model.errors import LostError, ScenarioError
from testbed.model.packages import MissingPackageError
from testbed.scenario.load import load_scenario
from testbed.workers import local
from testbed.workers.opened import opened
from testbed.workers.seam import as_done, in_order

STRATEGIES = ("lc", "greedy-do", "random-do")


def sampled(on, count):
    said: list[str] = []
    rounds = Rounds(STRATEGIES, on, said.append)
    with opened(count) as executor:
        play_all([rounds], [load_scenario("region", ["slots=30"])], [range(7, 11)], ["a: "], executor)
    return rounds.samples, rounds.notes, said


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
        rounds = Rounds(STRATEGIES, "sim", lambda said: None)
        with opened(count) as executor:
            play_all([rounds], [scenario], [range(3)], [""], executor)
        notes.append(rounds.notes)
        assert list(rounds.samples["lc"]) == [0]
    assert notes[0] == notes[1] and any("2 of 3 seeds" in note for note in notes[0])


def test_what_kills_every_process_is_given_up_without_a_traceback():
    with local.processes(1) as executor, pytest.raises(errors.TestbedError, match="was killed, 4 times"):
        list(in_order(executor, [os.getpid, die]))


def test_a_process_that_dies_costs_only_its_piece_of_work(tmp_path):
    todo = [partial(dies_once, tmp_path / "died", number) for number in range(6)]
    with local.processes(2) as executor:
        found = list(in_order(executor, todo))
    assert [number for number, _ in found] == list(range(6)) and (tmp_path / "died").exists()
    assert len({process for _, process in found}) in (2, 3)  # the one that took its place, and the other went on


def test_each_piece_of_work_has_a_process_to_itself_where_that_is_asked_for():
    with local.processes(1, fresh=True) as executor:
        assert len(set(in_order(executor, [os.getpid] * 3))) == 3


def test_of_several_errors_the_first_in_order_is_raised(tmp_path):
    todo = [partial(fails_after, tmp_path / "gone", "first"), partial(fails, tmp_path / "gone", "second")]
    with local.processes(2) as executor, pytest.raises(errors.UsageError, match="first"):
        list(in_order(executor, todo))


def test_whoever_stops_it_waits_for_nothing_that_was_not_begun():
    stops = [False]
    with local.processes(1) as executor:
        done = as_done(executor, [os.getpid] * 200, lambda: stops[0])
        assert next(done)[0] == 0
        stops[0] = True
        assert len(list(done)) < 199


@pytest.mark.parametrize(
    "error",
    [
        MissingPackageError("torch", "--on sim does without"),
        ScenarioError("wrong", "a.yaml", 3, 2, "a: b", 1, "mend it"),
        LostError("gone", "come back"),
    ],
    ids=["package", "scenario", "lost"],
)
def test_an_error_comes_back_from_a_process_whole(error):
    with local.processes(1) as executor, pytest.raises(type(error)) as caught:
        list(in_order(executor, [partial(raises, error)]))
    assert (str(caught.value), vars(caught.value)) == (str(error), vars(error))
    assert caught.value.exit_code == error.exit_code


def test_processes_are_started_where_they_pay(monkeypatch):
    monkeypatch.setattr(local, "cores", lambda: 4)
    assert local.worthwhile(100.0, 10) == 4 and local.worthwhile(100.0, 3) == 3 and local.worthwhile(0.1, 10) == 1


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def dies_once(mark, number):
    """The number and who had it; the first who comes to number 2 dies of it."""
    if number == 2 and not mark.exists():
        mark.touch()
        die()
    return number, os.getpid()


def fails(mark, text):
    mark.touch()
    raise errors.UsageError(text)


def fails_after(mark, text):
    """Fail once ``mark`` is there."""
    while not mark.exists():
        os.sched_yield()
    raise errors.UsageError(text)


def raises(error):
    raise error
