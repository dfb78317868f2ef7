"""Twenty live runs that are hurt at random; `python -m tests.chaos.campaign` plays five hundred."""

import pytest

from tests.chaos import campaign

pytestmark = [pytest.mark.live, pytest.mark.chaos]


@pytest.mark.parametrize("first", range(0, 20, 5))
def test_whatever_befalls_a_run_nothing_is_lost_and_nobody_is_left(tmp_path, first):
    runs = [campaign.play(seed, tmp_path) for seed in range(first, first + 5)]
    assert {run.seed: run.wrong for run in runs if run.wrong} == {}
    assert sum(run.tasks["generated"] for run in runs) > 50


def test_every_way_to_hurt_and_to_end_a_run_is_drawn():
    runs = [campaign.drawn(seed) for seed in range(500)]
    assert {run.ending for run in runs} == set(campaign.ENDS)
    assert {way for run in runs for _, way, _ in run.hurts} == {
        "kill -9",
        "stop",
        *(f"ask to {way}" for way in campaign.ASKED),
    }
    assert "runs | 500" in campaign.table(runs)
