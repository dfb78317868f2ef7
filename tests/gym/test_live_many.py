"""Several live environments: in one loop, in processes of their own, interrupted; and what an error says of a death."""

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
from tests.gym.live import alive, step_for_ever
from tests.gym.live import environment as new_environment

pytestmark = [pytest.mark.live, pytest.mark.chaos]
ROOT = Path(__file__).resolve().parents[2]

PROGRAM = """
import sys
import gymnasium, numpy as np
from tests.gym.live import OPTIONS, SETTINGS

def one():
    return gymnasium.make("testbed.gym:EdgeOffload-v0", settings=SETTINGS, episode_slots=0, **OPTIONS)

if __name__ == "__main__":
    envs = gymnasium.vector.AsyncVectorEnv([one, one], context="spawn")
    envs.reset(seed=1)
    envs.step(np.ones((2, 3)))
    print("playing", flush=True)
    try:
        while True:
            envs.step(np.ones((2, 3)))
    finally:
        envs.close(terminate=sys.argv[1] == "at once")
"""


def group(pid):
    """The processes of a group."""
    items = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if os.getpgid(int(path.name)) == pid:
                items.append(int(path.name))
        except ProcessLookupError:
            continue
    return items


@pytest.mark.parametrize("end", ["in good order", "at once"])
def test_an_interrupt_of_two_in_processes_of_their_own_leaves_no_folder(tmp_path, end):
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    environment = {**os.environ, "TMPDIR": str(scratch), "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        [sys.executable, str(program), end],
        env=environment,
        cwd=tmp_path,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        process_group=0,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert process.stdout is not None and process.stdout.readline() == "playing\n"
    assert len(list(scratch.glob("testbed-*"))) == 2
    own = group(process.pid)
    os.killpg(process.pid, signal.SIGINT)
    process.wait(timeout=PATIENCE_S)
    limit = time.monotonic() + 30
    while (list(scratch.glob("testbed-*")) or alive(own)) and time.monotonic() < limit:
        time.sleep(0.05)
    assert list(scratch.glob("testbed-*")) == []
    assert alive(own) == []


def step_until_missed(one, other):
    while one.backend.missed == 0:
        other.step(np.ones(3))
        one.step(np.ones(3))


def test_slots_lost_because_another_is_stepped_meanwhile_are_told():
    one, other = new_environment(decision_timeout_s=0.05), new_environment(episode_slots=0)
    for env in (one, other):
        env.reset(seed=1)
    one.step(np.ones(3))
    with pytest.warns(UserWarning, match="this program also steps 1 other"):
        step_until_missed(one, other)
    one.close()
    other.close()


def test_an_error_says_in_full_what_the_dead_said_and_names_no_file_that_is_gone():
    env = new_environment()
    env.reset(seed=1)
    env.step(np.ones(3))
    log = Path(os.readlink(f"/proc/{env.backend.pids['es-1']}/cwd")) / "logs" / "es-1.log"
    log.write_text("first\nthe disk is full\n")
    os.kill(env.backend.pids["es-1"], signal.SIGKILL)
    with pytest.raises(LostError, match="es-1 died") as caught:
        step_for_ever(env)
    assert "the disk is full" in str(caught.value)
    assert "/testbed-" not in str(caught.value)
    env.close()
