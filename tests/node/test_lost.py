"""What a process tells of messages that it has refused, passed over or not sent."""

from types import SimpleNamespace

from testbed.node.lateness import lost_messages
from testbed.protocol.rows import DROPPED_FRAME, STALE, UNSENT


def mailbox(**counts):
    none = {"dropped": 0, "stale": 0, "unsent": 0, "last_error": "", "last_stale": ""}
    return SimpleNamespace(**(none | counts))


def test_each_kind_is_told_with_its_last_reason_and_how_many_there_were():
    assert lost_messages("learner", 5, mailbox()) == []
    rows = lost_messages("learner", 5, mailbox(dropped=2, last_error="why", stale=1, last_stale="of old", unsent=3))
    assert [(row.at_ns, row.source, row.kind, row.value) for row in rows] == [
        (5, "learner", DROPPED_FRAME, 2),
        (5, "learner", STALE, 1),
        (5, "learner", UNSENT, 3),
    ]
    assert [row.detail for row in rows[:2]] == ["why", "of old"]
