"""The command line where its surroundings fail: streams that are closed or full, names too long, early interrupts."""

import os
import sqlite3
import subprocess
import sys

import pytest

from testbed.cli import main as command_line
from tests.command import PATIENCE_S, ROOT, call, environment

RUN = ("run", "smoke", "--backend", "sim", "--slots", "5")
FULL = pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
LONG = "x" * 300


def shell(line: str, cwd, output: str = "") -> subprocess.CompletedProcess[str]:
    """``testbed LINE`` through a shell, which can close streams; ``output`` is its standard input."""
    command = f"{sys.executable} -m testbed {line}"
    done = subprocess.run(
        ["sh", "-c", command],
        cwd=cwd,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
        input=output,
    )
    assert "Traceback" not in done.stderr and "internal error" not in done.stderr
    return done


@FULL
def test_full_standard_output_is_an_error_of_its_own(tmp_path):
    done = shell(f"{' '.join(RUN)} > /dev/full", tmp_path)
    assert done.returncode == 3
    assert "standard output cannot be written: No space left on device" in done.stderr
    assert shell("run regoin 2> /dev/full", tmp_path).returncode == 2


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_are_no_error(tmp_path, closed):
    done = shell(f"{' '.join(RUN)} --out here {closed}", tmp_path)
    assert done.returncode == 0
    with sqlite3.connect(tmp_path / "here" / "run.db") as db:
        assert db.execute("SELECT count(*) FROM tasks").fetchone()[0] > 0
    assert ("fidelity" in done.stdout) == (closed == "2>&-")


@pytest.mark.parametrize(
    ("args", "code"),
    [
        ((*RUN, "--out", LONG), 3),
        ((*RUN, "--out", "/".join(["y" * 200] * 25)), 3),
        (("check", LONG), 2),
        (("report", LONG), 2),
        (("init", LONG), 3),
    ],
)
def test_a_name_too_long_is_said_to_be_so(tmp_path, args, code):
    result = call(*args, cwd=tmp_path, code=code)
    assert "File name too long" in result.stderr and "internal error" not in result.stderr


@pytest.mark.parametrize("module", ["argparse", "testbed/cli"])
def test_an_interrupt_while_modules_are_imported_says_so_in_one_line(tmp_path, module):
    fake = tmp_path / f"{module.replace('testbed/', '')}.py"
    fake.write_text("raise KeyboardInterrupt\n")
    script = "import sys, runpy; sys.argv = ['testbed', '--version']\n"
    if module != "argparse":
        script += f"import testbed; testbed.__path__.insert(0, {str(tmp_path)!r})\n"
    path = f"{tmp_path}{os.pathsep}{ROOT}" if module == "argparse" else str(ROOT)
    done = subprocess.run(
        [sys.executable, "-c", f"{script}runpy.run_module('testbed', run_name='__main__')"],
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "interrupted\n")


def test_clean_asks_through_a_pipe(tmp_path):
    for _ in range(2):
        call(*RUN, cwd=tmp_path)
    runs = tmp_path / "runs"
    assert "--yes" in call("clean", cwd=tmp_path, code=2).stderr
    assert "nothing removed" in shell("clean", tmp_path, "n\n").stdout and len(list(runs.iterdir())) == 2
    assert "removed 1 run\n" in shell("clean --keep 1", tmp_path, "y\n").stdout and len(list(runs.iterdir())) == 1


@pytest.mark.parametrize(
    "flag", ["--set={}=1", "--set=seed={}", "--seed={}", "--policy={}", "--for={}", "--backend={}"]
)
def test_an_endless_argument_is_not_echoed_whole(tmp_path, flag):
    output = call(*RUN[:4], flag.format("9" * 5000 + "x"), cwd=tmp_path, code=2).stderr
    assert "9" * 60 in output and len(output) < 800


@pytest.mark.parametrize(
    "error",
    [
        ImportError("libx.so: failed to map segment from shared object"),
        OSError("libx.so: cannot allocate memory in static TLS block"),
        MemoryError(),
    ],
)
def test_a_library_that_finds_no_memory_is_the_hosts_limit(error):
    assert "memory is exhausted" in str(command_line._exhausted(error))
    assert command_line._exhausted(OSError("Could not find/load shared object file 'l.so'")) is None
