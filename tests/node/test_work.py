"""Executions: their results are released early enough to be on time, and not before their share can be burnt."""

import pytest

from testbed.model.delay import NS_PER_S
from testbed.node.work import LEAD_NS, lead_ns
from tests.support import MS


@pytest.mark.parametrize(
    ("length", "share", "lead"),
    [
        (NS_PER_S, 0.0, LEAD_NS),
        (NS_PER_S, 0.5, LEAD_NS),
        (10 * MS, 0.0, 5 * MS),
        (10 * MS, 0.5, 2.5 * MS),
        (MS, 0.0, MS),
        (MS, 0.2, 0.8 * MS),
        (MS // 10, 0.02, 0.098 * MS),
        (2 * MS, 0.0, MS),
        (3 * MS, 0.0, 1.5 * MS),
        (NS_PER_S, 1.0, 0),
        (MS, 1.0, 0),
        (0, 0.5, 0),
    ],
)
def test_a_result_leaves_halfway_through_what_is_not_burnt_and_sooner_where_that_is_short(length, share, lead):
    assert lead_ns(length, share) == pytest.approx(lead, abs=1)
    assert lead_ns(length, share) <= length * (1 - share) + 1
