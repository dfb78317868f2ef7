"""Faults asked for by a line in a file: whole lines only, each once, nonsense told apart."""

import pytest

from testbed.protocol.rows import KILL, RESTART
from testbed.record import fault_requests
from testbed.record.fault_requests import FaultRequest, FaultRequests


def test_each_request_is_read_once_and_half_a_line_later(tmp_path):
    requests = FaultRequests(tmp_path)
    assert requests.new() == []
    fault_requests.ask(tmp_path, FaultRequest(KILL, "es-1"))
    fault_requests.ask(tmp_path, FaultRequest(RESTART, "es-1"))
    assert requests.new() == [FaultRequest(KILL, "es-1"), FaultRequest(RESTART, "es-1")]
    assert requests.new() == []
    file = tmp_path / fault_requests.FILE
    with open(file, "ab") as out:
        out.write(b'nonsense\n{"do": "kill", "na')
    assert requests.new() == ["nonsense"]
    with open(file, "ab") as out:
        out.write(b'me": "ue-1-1"}\n')
    assert requests.new() == [FaultRequest(KILL, "ue-1-1")]


@pytest.mark.parametrize("line", [b'{"do": "ki\xffll", "name": "es-1"}', b'{"x": ' + b"[" * 5000, b"\xff"])
def test_bytes_that_are_no_text_and_nesting_without_end_are_nonsense_like_any_other(tmp_path, line):
    (tmp_path / fault_requests.FILE).write_bytes(line + b"\n")
    (said,) = FaultRequests(tmp_path).new()
    assert isinstance(said, str) and len(said) <= 200
