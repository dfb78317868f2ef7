"""What of a run's needs can be counted: said by `check`, refused by `run`, and files that nobody else may write."""

import json
import math
import os
import resource
import stat

import msgspec
import pytest

from testbed.live import needs
from testbed.live.local_supervisor import LocalSupervisor
from testbed.live.needs import Needs, needs_of, shortages
from testbed.model.errors import StartError
from testbed.node import limits
from testbed.node.socket import envelope
from testbed.protocol.messages import Heartbeat
from tests.command import call, document
from tests.live.test_preflight import plan
from tests.mailboxes import TOKEN, mailbox, places

PLENTY = Needs(processes=0, memory_bytes=math.inf, descriptors=math.inf, tasks=math.inf)
FEWER = 24  # descriptors than a run of the smallest scenario takes
MANY = """name: many
slots: 2
cells: [{es: {cpu: 8 GHz}, ues: 20000}]
emulation: {burn: 0.1}
"""


@pytest.mark.parametrize("field", ["memory_bytes", "descriptors", "tasks"])
def test_what_is_short_is_named_with_a_packing_that_fits(field):
    case = plan(ues=100)
    there = msgspec.structs.replace(PLENTY, **{field: getattr(needs_of(case, 5), field)})
    (output,) = shortages(case, there)
    assert output.endswith("emulation.ues_per_process=5" + output.partition("ues_per_process=5")[2])
    emulation = msgspec.structs.replace(case.emulation, ues_per_process=5)
    assert shortages(msgspec.structs.replace(case, emulation=emulation), there) == []
    assert shortages(case, PLENTY) == []


def test_no_packing_is_said_where_none_helps():
    (output,) = shortages(plan(), msgspec.structs.replace(PLENTY, descriptors=3))
    assert "ues_per_process" not in output and "ulimit -Hn" in output


def test_a_run_that_cannot_be_started_is_refused(monkeypatch):
    monkeypatch.setattr(limits, "free_tasks", lambda: 10.0)
    with pytest.raises(StartError, match="processes and threads: the run needs 53") as caught:
        needs.provide(plan(ues=10), 12)
    assert "raise the limit" in caught.value.remedy


def test_check_says_what_does_not_fit_and_exits_with_4(tmp_path):
    (tmp_path / "many.yaml").write_text(MANY)
    result = document("check", "many.yaml", cwd=tmp_path, code=4)["fit"]
    assert result["memory_bytes"] > 150e9 and any(one.startswith("memory: ") for one in result["warnings"])
    output = call("check", "many.yaml", cwd=tmp_path, code=4).stdout
    assert "it does not fit this host" in output and "e+" not in output


def few_descriptors():
    resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))


def test_too_few_descriptors_are_said_before_a_run_and_leave_nothing(tmp_path):
    done = call("run", "region", "--slots", "2", "--out", "r", cwd=tmp_path, code=3, preexec_fn=few_descriptors)
    assert "file descriptors" in done.stderr and "ulimit -Hn" in done.stderr and "the limit is 40" in done.stderr
    assert not (tmp_path / "r").exists()


@pytest.mark.live
def test_a_soft_limit_is_raised_for_a_run(tmp_path):
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]

    def low():
        resource.setrlimit(resource.RLIMIT_NOFILE, (FEWER, hard))

    assert document("check", "smoke", cwd=tmp_path)["fit"]["descriptors"] > FEWER
    words = ("run", "smoke", "--slots", "2", "--speed", "4", "--out", "r", "--json")
    tasks = json.loads(call(*words, cwd=tmp_path, preexec_fn=low).stdout)["tasks"]
    assert tasks["generated"] == tasks["completed"] + tasks["late"] > 0 == tasks["unaccounted"]


def test_a_fork_that_is_refused_is_an_error_of_the_start(tmp_path, monkeypatch):
    (tmp_path / "logs").mkdir()
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    (tmp_path / "sitecustomize.py").write_text(
        "import os\ndef no():\n    raise BlockingIOError(11, 'no')\nos.fork = no\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    supervisor = LocalSupervisor(tmp_path, TOKEN)
    try:
        with pytest.raises(StartError, match="ue-1-1 cannot be started: no"):
            supervisor.start("ue_agent", "ue-1-1")
    finally:
        supervisor.close()


def test_a_mailbox_has_sockets_for_more_than_a_thousand_processes(tmp_path):
    if not limits.may_open(5000):
        pytest.skip("too few descriptors")
    addresses = places(tmp_path, "own", *(f"ue-{i}" for i in range(1100)))
    own = mailbox(addresses, "own")
    for name in addresses:
        own.send(envelope("own", 0, name, Heartbeat(1)))
    assert own.unsent == 0
    own.close()


@pytest.mark.parametrize(("mask", "mode"), [(0o000, 0o755), (0o002, 0o775), (0o077, 0o700)])
def test_a_run_is_not_left_writable_by_all(tmp_path, mask, mode):
    call("run", "smoke", "--backend", "sim", "--out", "r", cwd=tmp_path, preexec_fn=lambda: os.umask(mask))
    assert stat.S_IMODE((tmp_path / "r").stat().st_mode) == mode
    assert not any(path.stat().st_mode & stat.S_IWOTH for path in (tmp_path / "r").rglob("*"))


@pytest.mark.parametrize("name", [".", "/", "..", "a\nb"])
def test_init_refuses_what_is_no_name(tmp_path, name):
    assert "not a name" in call("init", name, cwd=tmp_path, code=2).stderr
    assert list(tmp_path.iterdir()) == []
