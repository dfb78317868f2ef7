"""Faults asked for by a line in a file: whole lines only, each once, nonsense told apart."""

import pytest

from testbed.protocol.rows import KILL, RESTART
from testbed.record import fault_requests
from testbed.record.fault_requests import LOOK_BYTES, FaultRequest, FaultRequests


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


def test_a_line_without_end_costs_a_piece_at_a_time_is_refused_once_and_hides_no_request_behind_it(tmp_path):
    requests = FaultRequests(tmp_path)
    (tmp_path / fault_requests.FILE).write_bytes(b"x" * (3 * LOOK_BYTES) + b"x\n")
    fault_requests.ask(tmp_path, FaultRequest(KILL, "es-1"))
    assert [requests.new() for _ in range(5)] == [["x" * 200], [], [], [FaultRequest(KILL, "es-1")], []]


def test_a_flood_of_lines_is_taken_a_piece_at_a_time(tmp_path):
    (tmp_path / fault_requests.FILE).write_bytes(b"nonsense\n" * LOOK_BYTES)
    requests = FaultRequests(tmp_path)
    first = requests.new()
    assert 0 < len(first) <= LOOK_BYTES // len(b"nonsense\n")
    assert len(first) + sum(len(requests.new()) for _ in range(20)) == LOOK_BYTES


def test_a_file_that_was_written_anew_is_read_from_its_beginning(tmp_path):
    requests = FaultRequests(tmp_path)
    for name in ("es-1", "es-2"):
        fault_requests.ask(tmp_path, FaultRequest(KILL, name))
    assert len(requests.new()) == 2
    (tmp_path / fault_requests.FILE).unlink()
    fault_requests.ask(tmp_path, FaultRequest(RESTART, "es-1"))
    assert requests.new() == [FaultRequest(RESTART, "es-1")]
