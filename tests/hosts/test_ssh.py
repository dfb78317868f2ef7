"""A run over two hosts, one of them reached by ssh: a server of this test, on this host's loopback."""

import json
from pathlib import Path

import pytest

from testbed.protocol.rows import CLOCK
from testbed.record.reader import read_record
from tests.command import call
from tests.hosts import sshd

pytestmark = [pytest.mark.hosts, pytest.mark.skipif(bool(sshd.missing()), reason=sshd.missing())]
TWO = """hosts:
  - {{name: near, address: 127.0.0.2, cores: 1, holds: [controller]}}
  - {{name: far-off, address: 127.0.0.3, cores: 1, reach: {{ssh: {}, config: {}, python: {}}}}}
"""
RUN = ("run", "smoke", "--hosts", "hosts.yaml", "--out", "r", "--speed", "0.5", "--json")


def test_a_run_over_ssh_is_a_run_and_leaves_nothing_there(tmp_path):
    with sshd.served(tmp_path / "sshd") as config:
        (tmp_path / "hosts.yaml").write_text(TWO.format("far", config, sshd.python()))
        done = call(*RUN, "--policy", "offload", cwd=tmp_path)
        log = tmp_path / "sshd" / "log"
        assert "Accepted publickey" in log.read_text()
        assert log.read_text().count("Disconnected") == log.read_text().count("Accepted")
    for message in ("near: there", "far-off: there", "near to far-off:"):
        assert message in done.stderr
    summary = json.loads(done.stdout)
    assert summary["tasks"]["unaccounted"] == 0 and summary["tasks"]["completed"] == 13
    record = read_record(tmp_path / "r" / "run.db")
    assert {json.loads(row.detail)["host"] for row in record.events if row.kind == CLOCK} == {"near", "far-off"}


def test_a_host_that_cannot_be_reached_is_named_with_what_ssh_said(tmp_path):
    with sshd.served(tmp_path / "sshd") as config:
        Path(config).with_name("user").write_text("")
        (tmp_path / "hosts.yaml").write_text(TWO.format("far", config, sshd.python()))
        done = call(*RUN, cwd=tmp_path, code=3)
    assert "far-off cannot be reached" in done.stderr and "Permission denied" in done.stderr
    assert "ssh far true" in done.stderr


def test_a_host_without_the_testbed_is_told_so(tmp_path):
    with sshd.served(tmp_path / "sshd") as config:
        (tmp_path / "hosts.yaml").write_text(TWO.format("far", config, "/no/such/python"))
        done = call(*RUN, cwd=tmp_path, code=3)
    assert "far-off cannot be reached" in done.stderr and "/no/such/python" in done.stderr
