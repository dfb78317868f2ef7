"""What a run learned, by all its workers and by each."""

import math
from types import SimpleNamespace

import pytest

from testbed.analysis import learning_progress
from testbed.cli import summary_text
from testbed.protocol.rows import EventRow, UpdateRow


def row(learner, at, updates, **others):
    numbers = {"loss": 0.5, "entropy": 0.2, "reward": -1.0, "lag": 1.0, "rate": 2.0} | others
    return UpdateRow(at_ns=at, learner=learner, version=others.pop("version", 10 * at), updates=updates, **numbers)


def run(*rows, restarted=(), learn=True):
    events = [EventRow(1, name, "restarted") for name in restarted]
    return SimpleNamespace(meta={"learn": learn}, record=SimpleNamespace(updates=list(rows), events=events))


def lines_of(result):
    return summary_text._learning(result).splitlines()


def test_updates_add_up_over_workers_and_each_is_told():
    summary = run(
        row("learner-10", 1, 3, rate=1.0, lag=4.0),
        row("learner-2", 2, 5, loss=math.nan),
        row("learner-10", 3, 7, rate=3.0, lag=2.0, loss=0.25),
        restarted=("learner-2", "es-1"),
    )
    result = learning_progress.learning(summary)
    assert result is not None
    assert (result.updates, result.version, result.updates_per_s, result.restarts) == (12, 30, 4.0, 1)
    assert result.policy_lag == pytest.approx(7 / 3)
    assert result.mode == "replay" and lines_of(result)[0].startswith("learning   replay: 12 updates, version 30;")
    assert list(result.workers) == ["learner-2", "learner-10"]
    last = result.workers["learner-10"]
    assert (last.updates, last.updates_per_s, last.policy_lag, last.loss) == (7, 2.0, 3.0, 0.25)
    lines = lines_of(result)
    assert lines[1] == (
        "           learner-2: 5 updates, 2.0 a second, lag 1.0, loss unknown, entropy 0.200, restarted 1 times"
    )
    assert len(lines) == 3


def test_a_run_that_learned_nothing_has_no_workers_and_one_that_does_not_learn_nothing_at_all():
    result = learning_progress.learning(run())
    assert result is not None
    assert (result.updates, result.version, result.policy_lag, result.workers) == (0, 0, 0.0, {})
    assert len(lines_of(learning_progress.learning(run(row("learner", 1, 3))))) == 1
    assert learning_progress.learning(run(learn=False)) is None
