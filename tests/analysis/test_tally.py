"""Figures of a run whose rows come in parts: sums rounded once, percentiles of all, whatever the parts."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from testbed.analysis import recovery
from testbed.analysis.audit import of_run
from testbed.analysis.exact_sum import ExactSums
from testbed.analysis.grading import graded
from testbed.analysis.summary import summarise, summed_up
from testbed.analysis.tally import Tally
from testbed.model.statistics import between_ranks, percentile
from testbed.protocol.rows import SlotRow, TaskRow
from testbed.protocol.table import ColumnTable
from testbed.record import ranked as ranked_module
from testbed.record.ranked import Ranked
from tests.analysis.test_incidents import ran

FINITE = st.floats(allow_nan=False, allow_infinity=False, min_value=-1e300, max_value=1e300)


@given(st.lists(st.lists(st.tuples(FINITE, st.integers(0, 2)), max_size=8), max_size=5))
def test_sums_are_those_of_fsum_whatever_the_parts(parts):
    sums, alone = ExactSums(3), ExactSums()
    for part in parts:
        values = np.array([value for value, _ in part], np.float64)
        sums.add(values, np.array([group for _, group in part], np.int64))
        alone.add(values)
    every = [one for part in parts for one in part]
    assert alone.total() == math.fsum(value for value, _ in every)
    assert sums.sums() == [math.fsum(value for value, at in every if at == group) for group in range(3)]
    assert sums.terms.tolist() == [sum(at == group for _, at in every) for group in range(3)]
    assert math.isnan(ExactSums().mean())


@given(
    st.lists(st.integers(0, 2**62), min_size=1, max_size=40) | st.lists(st.integers(0, 3), min_size=1, max_size=40),
    st.integers(1, 7),
)
def test_ranks_are_those_of_sorted_numbers(values, size):
    with Ranked() as ranked:
        for first in range(0, len(values), size):
            ranked.add(np.array(values[first : first + size], np.int64))
        assert ranked.at(range(len(values))) == dict(enumerate(sorted(values)))


def test_ranks_of_a_million_numbers_are_found_on_disk():
    values = np.random.default_rng(1).lognormal(20.0, 3.0, 1_200_000).astype(np.int64)
    with Ranked() as ranked:
        for part in np.split(values, 12):
            ranked.add(part)
        assert 8 * len(values) > ranked_module.KEPT_BYTES
        for percent in (0, 50, 95, 99, 99.99, 100):
            low, high, share = between_ranks(len(values), percent)
            found = ranked.at([low, high])
            assert found[low] + (found[high] - found[low]) * share == percentile(values.tolist(), percent)


@pytest.mark.parametrize("size", [1, 5])
def test_a_summary_of_parts_is_that_of_the_whole(size):
    run = ran()
    tasks, slots = ColumnTable.of(TaskRow, run.tasks), ColumnTable.of(SlotRow, run.record.slots)
    with Ranked() as delays:
        tally = Tally(run.resolved.system, "holding", run.absences, delays)
        for first in range(0, len(slots), size):
            tally.add_slots(slots.take(slice(first, first + size)))
        for first in range(0, len(tasks), size):
            tally.add_tasks(tasks.take(slice(first, first + size)))
        assert summed_up(run, graded(run), tally, of_run(run), recovery.recoveries(run)) == summarise(run, graded(run))
