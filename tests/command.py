"""Calls the real command line in a process of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
PATIENCE_S = 500  # against hanging only: a busy host may take ten times as long as a quiet one


def environment() -> dict[str, str]:
    """The caller's environment with this checkout importable."""
    return os.environ | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}


def start(*args: str, cwd: Path, program: tuple[str, ...] = ("-m", "testbed"), **options) -> subprocess.Popen[str]:
    """``testbed ARGS`` in ``cwd``, running; ``program`` is how Python is told to run it."""
    pipe, env = subprocess.PIPE, environment()
    if "preexec_fn" in options:  # its limits are for what it does, not for counting the lines that it runs
        env = {name: value for name, value in env.items() if not name.startswith("COVERAGE_")}
    return subprocess.Popen(
        [sys.executable, *program, *args],
        cwd=cwd,
        env=env,
        text=True,
        **({"stdout": pipe, "stderr": pipe, "stdin": subprocess.DEVNULL} | options),
    )


def call(*args: str, cwd: Path, code: int | None = 0, **options) -> subprocess.CompletedProcess[str]:
    """``testbed ARGS`` in ``cwd`` to its end, with exit code ``code`` (None: any) and no traceback shown."""
    process = start(*args, cwd=cwd, **options)
    out, err = process.communicate(timeout=PATIENCE_S)
    assert code is None or process.returncode == code, f"exit {process.returncode}, not {code}\n{out}\n{err}"
    assert "Traceback" not in out + err
    return subprocess.CompletedProcess(args, process.returncode, out, err)


def document(*args: str, cwd: Path, code: int = 0) -> dict[str, Any]:
    """The JSON document that ``testbed ARGS --json`` prints, alone."""
    data: dict[str, Any] = json.loads(call(*args, "--json", cwd=cwd, code=code).stdout)
    return data
