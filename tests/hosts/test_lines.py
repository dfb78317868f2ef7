"""What launcher and agent say to each other survives whatever pieces it comes in."""

import itertools

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from testbed.hosts.lines import (
    AskLog,
    FreezeRole,
    HostReady,
    HostRun,
    HostServes,
    KillRole,
    Lines,
    LogTail,
    LookAt,
    Looked,
    Probe,
    Probed,
    Report,
    Request,
    RoleDied,
    RoleStarted,
    StartRole,
    ThawRole,
    encode_line,
)
from testbed.protocol.codec import UNDECODABLE

REQUESTS: list[Request] = [
    HostRun("00ff", b"\x00\xff", {"es-1": "k"}),
    StartRole("ue_agent", "ue-1-1", 2),
    KillRole("es-1"),
    FreezeRole("es-1"),
    ThawRole("es-1"),
    LookAt("es-1"),
    AskLog("es-1"),
    Probe(7),
]
REPORTS: list[Report] = [
    HostReady(4, "clock", "1"),
    HostServes(),
    RoleStarted("es-1", 0, 12),
    RoleDied("es-1", 0, crashed=True, log=("a", "b")),
    Looked("es-1", works=False),
    LogTail("es-1", ("é\n",)),
    Probed(7, 2**62),
]


def cut(data, places):
    """``data`` in pieces."""
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[a:b] for a, b in itertools.pairwise(edges)]


@given(st.lists(st.integers(0, 10**6), max_size=8))
def test_lines_come_whole_out_of_any_pieces(places):
    requests = cut(b"".join(map(encode_line, REQUESTS)), places)
    reports = cut(b"".join(map(encode_line, REPORTS)), places)
    lines = Lines()
    assert [one for piece in requests for one in lines.requests(piece)] == REQUESTS
    assert [one for piece in reports for one in lines.reports(piece)] == REPORTS


def test_what_is_no_request_is_an_error():
    with pytest.raises(msgspec.DecodeError):
        list(Lines().requests(b'{"type": "shell", "command": "rm"}\n'))


@pytest.mark.parametrize("line", [b'{"type":"\xff"}', b'{"x":' + b"[" * 5000, b"[]", b"{}"])
def test_what_is_no_message_raises_what_its_reader_expects(line):
    for read in (Lines().requests, Lines().reports):
        with pytest.raises(UNDECODABLE):
            list(read(line + b"\n"))
