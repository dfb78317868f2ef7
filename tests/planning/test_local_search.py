"""The search over the decisions of a slot, on costs that can be seen through."""

import itertools

import numpy as np

from testbed.planning.search import MOVES_AT_ONCE, NO_UE, improve


class Judge:
    """Makes the moves that pay, by a cost of the tuple of decisions."""

    def __init__(self, count, cost, actions=2):
        self.given, self.cost, self.tried, self.actions = np.zeros(count, int), cost, 0, actions

    def __call__(self, moves):
        changes = []
        for move in moves:
            self.tried += 1
            after = self.given.copy()
            for ue, further in (move[:2], move[2:]):
                if ue != NO_UE:
                    after[ue] = (after[ue] + further) % self.actions
            changes.append(self.cost(tuple(after)) - self.cost(tuple(self.given)))
            if changes[-1] < 0.0:
                self.given = after
        return np.array(changes)


def search(judge, tries=10_000):
    improve(range(len(judge.given)), judge, lambda: judge.tried < tries, judge.actions)
    return tuple(judge.given)


def test_single_flips_find_what_each_alone_should_do():
    best = (1, 0, 1, 1, 0)
    assert search(Judge(5, lambda given: sum(a != b for a, b in zip(given, best, strict=True)))) == best


def test_of_more_actions_each_finds_its_own():
    best = (3, 0, 2, 1, 3)
    found = search(Judge(5, lambda given: sum(a != b for a, b in zip(given, best, strict=True)), actions=4))
    assert found == best


def test_two_that_must_change_together_are_found():
    def crowded(given):
        """Three may be sent at most, and who is sent saves more the later it stands."""
        return -sum(n * one for n, one in enumerate(given, 1)) + 100 * max(0, sum(given) - 3)

    judge = Judge(6, crowded)
    judge.given[:3] = 1
    assert search(judge) == (0, 0, 0, 1, 1, 1)
    assert crowded(judge.given) == min(map(crowded, itertools.product((0, 1), repeat=6)))


def test_nobody_with_a_choice_is_looked_at_once():
    judge = Judge(0, lambda given: 0.0)
    search(judge)
    assert judge.tried == 1


def test_it_stops_when_it_may_try_no_more():
    best = (1,) * 40
    judge = Judge(40, lambda given: sum(a != b for a, b in zip(given, best, strict=True)))
    search(judge, tries=1)
    assert judge.tried == 1 and not judge.given.any()


def test_it_stops_amid_single_flips_too():
    judge = Judge(40, lambda given: -sum(given))
    search(judge, tries=10)
    assert judge.tried == 1 + 2 * MOVES_AT_ONCE and sum(judge.given) == 2 * MOVES_AT_ONCE
