"""What a run must not tell anybody, looked for wherever others may look."""

from pathlib import Path

import pytest

from tests.chaos.support import KNOWN, begin, end, left, stop
from tests.mailboxes import TOKEN

pytestmark = pytest.mark.live


def test_a_token_is_in_no_argument_environment_file_or_log(tmp_path):
    process = begin(tmp_path, "--slots", "40", program=KNOWN)
    secrets = (TOKEN, TOKEN.hex().encode())
    try:
        there = [*left(tmp_path / "r"), process.pid]
        assert len(there) > 4
        for pid in there:
            for kind in ("cmdline", "environ"):
                messages = (Path("/proc") / str(pid) / kind).read_bytes()
                assert not any(secret in messages for secret in secrets)
        holding = [path for path in (tmp_path / "r").rglob("*") if path.is_file() and holds(path, secrets)]
        assert holding == []
        out, err = end(process, 0)
    finally:
        stop(process)
    assert not any(secret in (out + err).encode() for secret in secrets)
    assert [path for path in tmp_path.rglob("*") if path.is_file() and holds(path, secrets)] == []


def holds(path, secrets):
    return any(secret in path.read_bytes() for secret in secrets)
