"""A number that a process had is no sign of life once another process has it."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from testbed.live import launch
from testbed.live.interrupts import collected_signals, stop_on_interrupt
from testbed.live.local_supervisor import LocalSupervisor
from testbed.live.process_group import prepared
from testbed.live.supervisor import Deployment
from testbed.model.errors import StartError
from testbed.record import reader
from testbed.record.alive import birth, home, is_alive
from testbed.scenario.load import load_scenario
from testbed.trace import inputs


def test_a_run_is_going_on_only_while_its_own_launcher_lives():
    started = birth(os.getpid())
    assert started is not None
    mine = {"launcher_pid": os.getpid(), "launcher_started": started, "launcher_home": home()}
    file = Path("no record is looked at")
    assert reader.is_running(mine, file)
    assert not reader.is_running(mine | {"launcher_started": started - 1}, file)
    assert not reader.is_running(mine | {"reason": ""}, file)
    assert reader.is_running({"launcher_pid": os.getpid()}, file)


def test_a_run_elsewhere_is_going_on_while_its_record_is_written(tmp_path):
    file, elsewhere = tmp_path / "run.db", {"launcher_pid": 1, "launcher_started": 1, "launcher_home": "another host"}
    assert not reader.is_running(elsewhere, file)
    file.touch()
    assert reader.is_running(elsewhere, file)
    assert not reader.is_running(elsewhere | {"reason": ""}, file)
    long_ago = time.time() - 60
    os.utime(file, (long_ago, long_ago))
    assert not reader.is_running(elsewhere, file)
    file.with_name("run.db-wal").touch()
    assert reader.is_running(elsewhere, file)


def test_who_has_ended_does_not_live_even_before_somebody_asks_how():
    process = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert birth(process.pid) is None and not is_alive(process.pid, None)
    process.wait()
    assert not is_alive(process.pid, None)
    assert not any(is_alive(pid, None) for pid in (None, "1", 0, -1))


def in_a_thread(call):
    found = []

    def run():
        try:
            found.append(call())
        except BaseException as error:  # noqa: BLE001 - handed to the test
            found.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return found[0]


@pytest.mark.parametrize("handling", [collected_signals, lambda: stop_on_interrupt(lambda: None)])
def test_interrupts_are_left_to_the_main_thread(handling):
    def enter():
        with handling():
            return "inside"

    assert in_a_thread(enter) == "inside"


def test_a_run_whose_record_cannot_be_made_leaves_no_socket_open(tmp_path):
    (tmp_path / "run.db").mkdir()
    resolved = inputs.resolve(load_scenario("smoke"))
    plan = resolved.plan(inputs.generate(resolved.scenario, resolved.system), "lc", second_offload=False, live=True)
    before = descriptors()
    with prepared(tmp_path) as here:
        for _ in range(3):
            with pytest.raises(StartError, match="cannot write the record"):
                launch.Launcher(plan, tmp_path, here, None, {}, [], Deployment(LocalSupervisor))
    assert descriptors() == before


@pytest.mark.parametrize("name", ["sock", "node"])
def test_private_folders_of_a_run_are_private_and_empty_whatever_was_there_before(tmp_path, name):
    (tmp_path / name).mkdir()
    (tmp_path / name).chmod(0o777)
    (tmp_path / name / "es-1").write_text("who was here before")
    with prepared(tmp_path):
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o700
        assert list((tmp_path / name).iterdir()) == []
    assert not (tmp_path / name).exists()


def descriptors():
    return len(os.listdir("/proc/self/fd"))


@pytest.mark.live
def test_a_run_can_be_launched_from_any_thread(tmp_path):
    resolved = inputs.resolve(load_scenario("smoke", ["slots=3", "emulation.speed=10", "emulation.burn=0"]))
    workload = inputs.generate(resolved.scenario, resolved.system)
    plan = resolved.plan(workload, "lc", second_offload=False, live=True)
    ended = in_a_thread(lambda: launch.launch(plan, tmp_path / "r"))
    assert isinstance(ended, launch.RunEnd), ended
    assert ended.reason == "" and ended.end_ns >= plan.system.end_ns
