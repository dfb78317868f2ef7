"""What a run's events tell of its timers: the last word of each process, by kind of event and together."""

import json

import pytest

from testbed.model.histogram import Histogram
from testbed.protocol.rows import EventRow
from testbed.run.grading import histograms, lateness


def told(source, kind, *late_ms):
    histogram = Histogram()
    for ms in late_ms:
        histogram.add(int(ms * 1e6))
    return EventRow(0, source, "lateness", json.dumps({"kind": kind, **histogram.to_json()}))


EVENTS = [
    told("ue-1-1", "Result", 1.0),
    told("ue-1-1", "Result", 1.0, 2.0, 3.0),
    told("ue-1-2", "Result", 2.0, 2.0),
    told("es-1", "Announce", 50.0),
    EventRow(0, "es-1", "lateness", "not JSON"),
    EventRow(0, "es-1", "slipped", "", 3),
]


def test_lateness_is_told_by_kind_of_event():
    assert {kind: len(found) for kind, found in histograms(EVENTS).items()} == {"Result": 2, "Announce": 1}
    assert lateness(EVENTS, ("Result",)).p50 == pytest.approx(2.0, rel=0.03)
    assert lateness(EVENTS, ("Result",)).max == 3.0
    assert lateness(EVENTS).max == 50.0


def test_kinds_that_never_fired_were_never_late():
    assert lateness(EVENTS, ("LocalEnd",)).p99 == 0.0
    assert lateness([]).max == 0.0
