"""Learning that makes things worse is undone; a changed load is not taken for that again and again."""

import random

import numpy as np

from controller.online.safety import BLOCK_SLOTS, WINDOW_SLOTS, SafetyStop, is_worse
from controller.online.start import weights_path
from controller.online.trajectory import SETTLING_SLOTS
from testbed.model.delay import NS_PER_S
from testbed.model.task import COMPLETED
from testbed.policy.published_weights import Weights
from testbed.protocol.messages import Outcome, Seen
from testbed.protocol.rows import FELL_BACK
from tests.online.test_learner_loop import loop
from tests.support import system, task_of

SYSTEM = system()
SECONDS = 2 * NS_PER_S  # of delay, weighed by one half: an overhead of 1


def slots(first, last, level, rng):
    """Messages of slots that cost about ``level`` a task."""
    for slot in range(first, last):
        yield Seen(cell=0, slot=slot, version=0, features=())
        yield Outcome(
            ue="ue-1-1",
            task=task_of(0, slot, at=slot * NS_PER_S),
            slot=slot,
            choice=0,
            fallback="",
            state=COMPLETED,
            delay_ns=int(SECONDS * level * rng.uniform(0.7, 1.3)),
            energy_j=0.0,
            airtime_ns=0,
            tx_start_ns=-1,
            finished_ns=(slot + 1) * NS_PER_S,
        )


def played(*levels, first=0, seed=1):
    """Windows of these mean overheads under parameters that count the slots: what was restored, at which slot."""
    stop, rng, restored = SafetyStop(SYSTEM), random.Random(seed), []
    params, square_avg = np.zeros(3, np.float32), np.zeros(3, np.float32)
    ends = len(levels) * WINDOW_SLOTS
    for slot in range(first, ends + SETTLING_SLOTS + 1):
        level = levels[min(slot // WINDOW_SLOTS, len(levels) - 1)]
        for message in slots(slot, slot + 1, level, rng):
            params[:] = slot
            square_avg[:] = -slot
            stop.take(message)
            worse = stop.watch(params, square_avg)
            if worse:
                restored.append((slot, round(worse, 1), float(params[0]), float(square_avg[0])))
    return restored


def test_the_parameters_from_the_end_of_the_last_good_window_come_back():
    end = 3 * WINDOW_SLOTS
    last = end - WINDOW_SLOTS - 1.0
    ((slot, rise, params, square_avg),) = played(1.0, 0.9, 1.4)
    assert slot == end + SETTLING_SLOTS and 1.4 < rise < 1.7
    assert (params, square_avg) == (last, -last)


def test_chance_and_small_rises_restore_nothing():
    assert played(*[1.0] * 8) == []
    assert played(1.0, 1.03, 1.06, 1.09) == []
    assert played(1.5, 1.2, 0.9, 0.8) == []


def test_a_load_that_stays_higher_is_answered_once():
    assert [slot for slot, *_ in played(1.0, 1.5, 1.5, 1.5, 1.5, 1.5)] == [2 * WINDOW_SLOTS + SETTLING_SLOTS]


def test_a_worker_that_begins_within_a_window_leaves_it_out():
    assert played(3.0, 1.0, 1.0, first=BLOCK_SLOTS) == []
    assert len(played(1.0, 3.0, 1.0, first=BLOCK_SLOTS)) == 0
    assert len(played(1.0, 1.0, 3.0, first=BLOCK_SLOTS)) == 1


def test_worse_is_more_than_chance_and_more_than_little():
    spread = [0.9, 1.0, 1.1, 0.95, 1.05]
    assert is_worse(spread, [value + 0.5 for value in spread])
    assert not is_worse(spread, [value + 0.04 for value in spread])
    assert not is_worse([1.0] * 5, [1.04] * 5) and is_worse([1.0] * 5, [1.06] * 5)
    assert not is_worse([0.5, 1.5, 0.2, 1.8, 1.0], [1.5, 0.6, 1.9, 0.4, 1.6])


def test_the_first_worker_restores_for_all_and_tells(tmp_path, monkeypatch):
    (tmp_path / "node").mkdir()
    monkeypatch.chdir(tmp_path)
    first, second = loop(1), loop(2)

    class Worse:
        def take(self, message):
            pass

        def watch(self, params, square_avg):
            params[:] = 4.0
            return 1.5

    assert second._safety is None
    monkeypatch.setattr(first, "_safety", Worse())
    (event,) = first._looked_after(None)
    assert (event.source, event.kind, event.value) == ("learner-1", FELL_BACK, 1.5)
    assert (second._shared.params == 4.0).all()
    published = Weights(weights_path("learner-1"), len(first._shared.params))
    assert published.refresh() and (published.params == 4.0).all()
