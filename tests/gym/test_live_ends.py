"""However a live environment ends, no process and no folder of it is left."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from testbed.model.errors import LostError
from tests.command import PATIENCE_S
from tests.command import environment as environment_of_tests
from tests.gym.live import alive, environment, folders, step_for_ever

pytestmark = [pytest.mark.live, pytest.mark.chaos]
ROOT = Path(__file__).resolve().parents[2]

BEGIN = """
import os, signal, sys
import numpy as np
from tests.gym.live import environment
env = environment()
env.reset()
env.step(np.ones(3))
print(*env.backend.pids.values(), flush=True)
"""
ENDS = {
    "the interpreter's end": ("", 0),
    "an exception": ("raise RuntimeError('of the user')", 1),
    "an interrupt in a step": (
        "signal.setitimer(signal.ITIMER_REAL, 0.05)\nwhile True: env.step(np.ones(3)) if "
        "env.backend.slot < 5 else env.reset()",
        1,
    ),
    "sys.exit": ("sys.exit(3)", 3),
    "a kill that nobody can catch": ("os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL),
    "a signal that nobody handles": ("os.kill(os.getpid(), signal.SIGTERM)", -signal.SIGTERM),
}


def zygote_of(pid):
    """The parent of ``pid``."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def gone(pids, seconds=PATIENCE_S):
    """Whether all of ``pids`` end within a time: the kernel takes its own to end the children of the killed."""
    limit = time.monotonic() + seconds
    while alive(pids) and time.monotonic() < limit:
        time.sleep(0.02)
    return not alive(pids)


def removed(paths, seconds=20):
    """Whether all of ``paths`` go within a time: after a kill another process removes them."""
    limit = time.monotonic() + seconds
    while any(os.path.exists(path) for path in paths) and time.monotonic() < limit:
        time.sleep(0.02)
    return not any(os.path.exists(path) for path in paths)


@pytest.mark.parametrize("end", ENDS)
def test_a_program_may_end_in_any_way(end):
    code, status = ENDS[end]
    alarm = "signal.signal(signal.SIGALRM, signal.default_int_handler)\n" if "interrupt" in end else ""
    wait = "sys.stdin.readline()\n"
    process = subprocess.Popen(
        [sys.executable, "-c", BEGIN + wait + alarm + code],
        cwd=ROOT,
        env=environment_of_tests(),
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    pids = [int(word) for word in process.stdout.readline().split()]
    assert len(pids) == 5, process.communicate()
    here = folders(pids)
    pids.append(zygote_of(pids[0]))
    err = process.communicate("\n", timeout=PATIENCE_S)[1]
    assert process.returncode == status or (status == 1 and process.returncode == -signal.SIGINT), err
    assert gone(pids)
    assert removed(here)


def test_what_the_collector_takes_is_ended():
    env = environment()
    env.reset()
    pids = [*env.backend.pids.values()]
    here, zygote = folders(pids), zygote_of(pids[0])
    del env
    assert gone([*pids, zygote])
    assert not any(os.path.exists(path) for path in here)


@pytest.mark.parametrize("name", ["ue-1-2", "es-2"])
def test_a_death_ends_the_others_and_the_next_reset_begins_anew(name):
    env = environment()
    env.reset(seed=1)
    env.step(np.ones(3))
    pids = dict(env.backend.pids)
    here = folders(pids.values())
    os.kill(pids[name], signal.SIGKILL)
    with pytest.raises(LostError, match=f"{name} died"):
        step_for_ever(env)
    assert gone(pids.values())
    assert not any(os.path.exists(path) for path in here)
    assert env.reset(seed=1)[1]["seed"] == 1
    assert not set(env.backend.pids.values()) & set(pids.values())
    assert env.step(np.ones(3))[4]["slot"] == 1
    env.close()


def test_a_death_between_episodes_is_mended_by_reset():
    env = environment()
    env.reset(seed=1)
    env.step(np.ones(3))
    os.kill(env.backend.pids["es-1"], signal.SIGKILL)
    env.reset(seed=2)
    assert env.step(np.ones(3))[4]["slot"] == 1
    env.close()


def test_closing_twice_or_before_anything_began_is_nothing():
    env = environment()
    env.close()
    env.close()
    env = environment()
    env.reset()
    pids = [*env.backend.pids.values()]
    env.close()
    env.close()
    assert gone(pids)


def test_a_fork_of_the_program_has_no_part_in_it():
    env = environment()
    env.reset()
    pids = [*env.backend.pids.values()]
    child = os.fork()
    if child == 0:
        env.close()
        os._exit(0)
    os.waitpid(child, 0)
    assert sorted(alive(pids)) == sorted(pids)
    assert env.step(np.ones(3))[4]["slot"] == 1
    env.close()
    assert gone(pids)
