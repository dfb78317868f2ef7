"""``testbed demo``: the whole story in two minutes, told by the commands that anybody may type."""

import argparse
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec

from testbed.cli.commands import common, training
from testbed.cli.console import print_text
from testbed.cli.layout import width, wrapped
from testbed.live.interrupts import stop_on_interrupt
from testbed.model.exit_codes import EXIT_OK
from testbed.policy.shipped import CHECKPOINTS
from testbed.record import directory

_SCENARIO, _LEARNED, _TUNED = "region", "a3c-do", "priced-do"
FROZEN, _HEURISTICS = f"{_LEARNED}-frozen", ("lc", "greedy-do")
EVERYBODY = (_LEARNED, FROZEN, *_HEURISTICS, _TUNED)
_TRAINING, _SLOTS, _SPEED = "30s", 600, 20
LIGHT = ("--set", "emulation.payload=declared", "--set", "emulation.ues_per_process=5")  # for two cores at that speed
LEAST_LENGTH = 30


class StoryStep(msgspec.Struct, frozen=True):
    """One command of the story and what it is for."""

    why: str
    command: list[str]


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--wall", default=_TRAINING, metavar="TIME", help=f"how long to train ({_TRAINING})")
    parser.add_argument("--slots", type=int, default=_SLOTS, metavar="N", help=f"length of the live run ({_SLOTS})")
    parser.add_argument("--plain", action="store_true", help="plain lines even on a terminal")


def main(args: argparse.Namespace) -> int:
    """Carry out every step; returns the exit code of the first that fails, otherwise 0."""
    training.must_be_within("slots", args.slots, LEAST_LENGTH, float("inf"))
    common.writable(directory.RUNS)
    name = _free_name()
    for number, step in enumerate(story(name, args), start=1):
        _say(f"\n{number}. {step.why}\n$ {shlex.join(['testbed', *step.command])}")
        code = _carried_out(step.command)
        if code != EXIT_OK:
            return code
    _say(ending(name))
    return EXIT_OK


def _carried_out(command: list[str]) -> int:
    """The exit code of a command, in a process of its own as if it were typed; an interrupt is its to act on."""
    process = subprocess.Popen([sys.executable, "-P", "-m", "testbed", *command])
    with process, stop_on_interrupt(lambda: None):
        process.wait()
    return process.returncode


def _free_name() -> str:
    """``demo``, or ``demo2`` and so on where runs of an earlier one are kept."""
    number = 1
    while any(directory.RUNS.glob(f"{_numbered(number)}-*")):
        number += 1
    return _numbered(number)


def _numbered(number: int) -> str:
    return "demo" if number == 1 else f"demo{number}"


def story(name: str, args: argparse.Namespace) -> Iterator[StoryStep]:
    """The steps, whose runs are called ``name-POLICY``."""
    plain = ["--plain"] if args.plain else []
    folder = CHECKPOINTS / name
    yield StoryStep(
        "Train a network on the twin, the compiled model, which plays millions of tasks a second.",
        ["train", _SCENARIO, "--algorithm", _LEARNED, "--wall", args.wall, "--out", str(folder), *plain],
    )
    yield StoryStep(
        "Tune the best heuristic too, so that the comparison is fair.",
        ["tune", _SCENARIO, "--policy", _TUNED, "--out", str(folder), *plain],
    )
    live = run_of(name, _LEARNED)
    death = f"faults=[{{at: {args.slots // 3} s, kill: es-2, restart_after: {args.slots // 10} s}}]"
    yield StoryStep(
        f"Let it decide for real processes, {_SPEED} emulated seconds in each second, while it goes on learning from "
        "what is measured. A third of the way edge server es-2 is killed; it comes back.",
        [
            *(
                "run",
                _SCENARIO,
                "--policy",
                f"{_LEARNED}:{folder / _LEARNED}.npz",
                "--learn",
                "--slots",
                str(args.slots),
            ),
            *("--speed", str(_SPEED), *LIGHT, "--set", death, "--out", str(live), *plain),
        ],
    )
    for policy, decided_by, who in (
        (
            FROZEN,
            f"{_LEARNED}:{folder / _LEARNED}.npz",
            "the network as it was trained: a learning policy must explore",
        ),
        *((policy, policy, policy) for policy in _HEURISTICS),
        (_TUNED, f"{_TUNED}:{folder / _TUNED}.json", _TUNED),
    ):
        yield StoryStep(
            f"The very same tasks, links and death in the simulation, decided by {who}.",
            ["replay", str(live), "--policy", decided_by, "--on", "sim", "--out", str(run_of(name, policy)), *plain],
        )
    yield StoryStep("Who did best?", ["compare", *(str(run_of(name, policy)) for policy in EVERYBODY), *plain])


def run_of(name: str, policy: str) -> Path:
    """The directory of the demo's run under ``policy``."""
    return directory.RUNS / f"{name}-{policy}"


def ending(name: str) -> str:
    """Where everything is, and what to type next."""
    live = run_of(name, _LEARNED)
    return f"""
Everything is kept: the runs in {directory.RUNS}/{name}-*, each with its scenario, its tasks and a record (run.db) that
any SQLite tool reads, and the network in {CHECKPOINTS / name}.

Three things to type next: see that run again, death and all; make a page of it; begin a scenario of your own.
  testbed watch {live}
  testbed report {live} --html {name}.html
  testbed init"""


def _say(text: str) -> None:
    print_text(wrapped(text, width(sys.stdout)), flush=True)
