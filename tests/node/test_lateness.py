"""What a process tells of its own lateness."""

from testbed.node.lateness import LatenessMeter
from testbed.protocol.rows import EventRow


def test_slips_are_told_while_the_run_goes_on_each_time_there_are_more():
    meter = LatenessMeter()
    assert meter.new_slips("es-1", 5) == []
    meter.slips["Arrived"] += 2
    assert meter.new_slips("es-1", 6) == [EventRow(6, "es-1", "slipped", "Arrived:2", 2)]
    assert meter.new_slips("es-1", 7) == []
    meter.slips["Ended"] += 1
    assert meter.new_slips("es-1", 8) == [EventRow(8, "es-1", "slipped", "Arrived:2 Ended:1", 3)]
