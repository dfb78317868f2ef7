"""Who lives, as far as it was heard: incarnations and instants decide, not the order in which notices come."""

from itertools import permutations

import pytest

from testbed.protocol.actions import Lost
from testbed.protocol.lives import Lives
from testbed.protocol.messages import Down, Up

NAME = "es-1"
HISTORY = [Down(NAME, 10, 0), Up(NAME, 20, 1), Down(NAME, 30, 1), Up(NAME, 40, 2)]


@pytest.mark.parametrize("heard", list(permutations(HISTORY)))
def test_who_served_at_an_instant_is_the_latest_life_that_had_begun(heard):
    lives = Lives()
    for notice in heard:
        lives.take(notice)
    serving = [lives.serving(NAME, at_ns) for at_ns in (19, 20, 39, 40, 50)]
    assert serving == [0, 1, 1, 2, 2]


@pytest.mark.parametrize("heard", list(permutations([Lost(NAME, 10, 0), Lost(NAME, 30, 1)])))
def test_what_a_life_held_is_lost_with_it_or_with_the_first_later_one_that_was_detected(heard):
    lives = Lives()
    assert lives.loss_ns(NAME, 0) is None
    for notice in heard:
        lives.take(notice)
    assert [lives.loss_ns(NAME, incarnation) for incarnation in (0, 1, 2)] == [10, 30, None]
    late = Lives()
    late.take(heard[1])
    assert late.loss_ns(NAME, 0) == heard[1].died_ns
