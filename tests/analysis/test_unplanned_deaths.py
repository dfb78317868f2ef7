"""Deaths by hand, or by accident, told from planned ones: a replay of a run says which it leaves out."""

from testbed.analysis.replay import unplanned_deaths
from testbed.model.delay import NS_PER_S
from testbed.model.learning import LEARNER
from testbed.model.system import Fault
from testbed.protocol.rows import DIED, RESTARTED, EventRow
from tests.support import MS


def died(name, at_ns):
    return EventRow(at_ns, name, DIED, "fault", 0.0)


def test_a_death_that_was_not_planned_is_one_by_hand():
    back = EventRow(9 * NS_PER_S, "es-1", RESTARTED, "fault", 1.0)
    events = [died("es-1", 5 * NS_PER_S), back, died("ue-1-1", 12 * NS_PER_S)]
    by_hand = [Fault("es-1", 5 * NS_PER_S, 9 * NS_PER_S), Fault("ue-1-1", 12 * NS_PER_S)]
    assert unplanned_deaths(events, ()) == by_hand
    assert unplanned_deaths(events, by_hand[:1]) == by_hand[1:]


def test_a_planned_death_may_be_a_little_late_and_explains_one_death():
    planned = [Fault("es-1", 5 * NS_PER_S, 6 * NS_PER_S)]
    again = EventRow(6 * NS_PER_S, "es-1", RESTARTED, "fault", 1.0)
    events = [died("es-1", 5 * NS_PER_S + 12 * MS), again, died("es-1", 8 * NS_PER_S)]
    assert unplanned_deaths(events, planned) == [Fault("es-1", 8 * NS_PER_S)]


def test_a_learner_that_died_is_not_told_of():
    assert unplanned_deaths([died(f"{LEARNER}-1", 5 * NS_PER_S)], ()) == []
