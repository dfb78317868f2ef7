"""A small live environment for tests, and what must be left of it: nothing."""

import os
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np

import testbed.gym

CELLS = "cells=[{es: {cpu: 2 GHz}, ues: 2}, {es: {cpu: 3 GHz}, ues: 1}]"
SETTINGS = [CELLS, "slots=6", "density=0.8", "emulation.burn=0.02"]
OPTIONS: dict[str, Any] = {"backend": "testbed", "speed": 10, "payload": "declared"}


def environment(*settings, **options):
    """The environment itself, without wrappers: two cells, three UEs, six slots of 100 ms."""
    return gymnasium.make(testbed.gym.ID, settings=[*SETTINGS, *settings], **{**OPTIONS, **options}).unwrapped


def folders(pids):
    """Where processes work."""
    return {os.readlink(f"/proc/{pid}/cwd") for pid in pids}


def step_for_ever(env):
    """Step a region of three UEs until something is raised."""
    while True:
        env.step(np.ones(3))


def alive(pids):
    """Those of ``pids`` that exist and are no zombies."""
    items = []
    for pid in pids:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
                items.append(pid)
        except OSError:
            continue
    return items
