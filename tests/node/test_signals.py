"""What a shell ignores or a parent blocks is not handed down to the processes of a run, nor to the tests."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

from tests.command import PATIENCE_S, ROOT, environment

INHERITED = (signal.SIGINT, signal.SIGHUP, signal.SIGTERM, signal.SIGUSR1)


def inherit():
    """As `sh -c "trap '' INT HUP …; exec …"` starts a process, with signals blocked besides."""
    for number in INHERITED:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, INHERITED)


def signals_of(pid: int, field: str) -> set[int]:
    """The signals of the mask ``field`` of a process."""
    lines = dict(line.split(":\t") for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    mask = int(lines[field], 16)
    return {number for number in signal.valid_signals() if mask >> (number - 1) & 1}


def test_the_processes_of_a_run_begin_with_default_signals():
    near_end, other = socket.socketpair()
    start = "import sys; from testbed.node.zygote import main; main(sys.argv[1:])"
    command = [sys.executable, "-c", start, str(other.fileno()), "ue_agent"]
    near_end.settimeout(PATIENCE_S)
    with (
        near_end,
        other,
        subprocess.Popen(command, pass_fds=[other.fileno()], env=environment(), preexec_fn=inherit) as zygote,
    ):
        other.close()
        try:
            assert near_end.recv(6) == b"ready\n"
            assert signals_of(zygote.pid, "SigBlk") == set()
            ignored = signals_of(zygote.pid, "SigIgn") & {*INHERITED}
            assert ignored == {signal.SIGINT}, "interrupts are the launcher's business"
        finally:
            zygote.kill()


def test_tests_do_not_depend_on_what_their_caller_ignores():
    file = "tests/experiments/test_train_signals.py"
    test = f"{file}::test_a_hang_up_stops_what_is_going_on_unless_it_is_ignored_as_under_nohup"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", test]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=os.environ,
        preexec_fn=inherit,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
