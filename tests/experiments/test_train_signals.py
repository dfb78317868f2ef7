"""Interrupts and hang-ups while processes learn, sent as a terminal sends them: to all of its processes at once."""

import contextlib
import os
import re
import signal
from pathlib import Path

import psutil
import pytest

from testbed.live.interrupts import collected_signals, stop_on_interrupt
from tests.command import PATIENCE_S, start


def training(place, *args):
    """``testbed train`` with two workers, in a process group of its own."""
    args = ("train", "smoke", "--wall", "600s", "--workers", "2", "--out", "c", "--plain", *args)
    return start(*args, cwd=place, process_group=0)


def mapped(process):
    """The files that a process has in its memory, by lines."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{process.pid}/maps").read_text()
    return ""


def imports_torch(process):
    """Whether a worker of ``process`` has begun to import torch, which takes it a while."""
    return any("libtorch" in mapped(child) for child in psutil.Process(process.pid).children())


@pytest.mark.live
@pytest.mark.parametrize("how", [(), ("--synchronous",)], ids=["asynchronous", "synchronous"])
def test_an_interrupt_while_workers_start_shows_no_traceback(tmp_path, how):
    process = training(tmp_path, *how)
    try:
        while not imports_torch(process):
            assert process.poll() is None
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE_S)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 130 and "interrupted" in err and "Traceback" not in out + err


@pytest.mark.live
def test_a_hang_up_ends_training_with_its_checkpoint_and_leaves_no_shared_memory(tmp_path):
    process = training(tmp_path)
    try:
        for line in process.stdout:
            if "updates/s" in line:
                break
        own = set(re.findall(r"/dev/shm/psm_\w+", mapped(process)))
        os.killpg(process.pid, signal.SIGHUP)
        out, err = process.communicate(timeout=PATIENCE_S)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 130 and (tmp_path / "c" / "a3c-do.npz").is_file() and "Traceback" not in out + err
    assert len(own) == 1 and not any(Path(block).exists() for block in own)


def test_a_hang_up_stops_what_is_going_on_unless_it_is_ignored_as_under_nohup():
    stopped = []
    with stop_on_interrupt(lambda: stopped.append(1)):
        signal.raise_signal(signal.SIGHUP)
    with collected_signals() as seen:
        signal.raise_signal(signal.SIGHUP)
    assert (stopped, seen) == ([1], [signal.SIGHUP])
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stop_on_interrupt(lambda: stopped.append(1)):
            signal.raise_signal(signal.SIGHUP)
        assert stopped == [1] and signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
