"""Convergence of hand-made learning curves."""

import pytest

from testbed.analysis.convergence import blocks, converged_at, final_level, first_level, per_episode, smoothed


def test_a_curve_that_rises_and_stays_converges_where_its_mean_comes_near():
    curve = [0.0] * 100 + [100.0] * 400
    # the mean of the last 50 reaches 95 of 100 when 48 of them are high
    assert converged_at(curve) == 148
    assert (first_level(curve), final_level(curve)) == (0.0, 100.0)


def test_a_curve_that_leaves_its_level_again_converges_later():
    early = [100.0] * 40 + [0.0] * 60 + [100.0] * 400
    assert converged_at(early, window=1) == 101


def test_a_curve_that_only_reaches_its_level_at_the_end_does_not_converge():
    assert converged_at([float(n) for n in range(500)], window=1) is None
    assert converged_at([0.0] * 470 + [100.0] * 30) is None


def test_a_negative_level_is_near_by_its_size():
    assert converged_at([-200.0] * 100 + [-100.0] * 400, window=1) == 101


def test_smoothing_is_of_what_came_before():
    assert smoothed([2.0, 4.0, 6.0, 8.0], 2) == [2.0, 3.0, 5.0, 7.0]
    assert blocks([1.0, 3.0, 5.0], 2) == [2.0, 5.0]


@pytest.mark.parametrize("ends", [(3.2, 6.4), (3.2, 6.4, 9.6)])
def test_an_episode_has_the_value_of_the_round_it_ends_in(ends):
    values = [10.0, 20.0, 30.0][: len(ends)]
    assert per_episode(ends, values, 6) == [10.0, 10.0, 10.0, 20.0, 20.0, 20.0]
