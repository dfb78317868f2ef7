"""``testbed watch`` where there is no terminal, in a browser, and for what cannot be watched."""

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.request

import psutil
import pytest

from tests.chaos import support
from tests.command import PATIENCE_S, call, start


def recorded_run(folder, *options):
    call("run", "smoke", "--backend", "sim", "--slots", "8", "--out", "r", *options, cwd=folder)
    return folder / "r"


def test_a_recorded_run_in_a_pipe_is_its_summary(tmp_path):
    run = recorded_run(tmp_path)
    assert call("watch", "r", cwd=tmp_path).stdout == call("report", "r", cwd=tmp_path).stdout
    assert call("watch", str(run / "run.db"), "--plain", cwd=tmp_path).stdout


def test_what_cannot_be_watched_is_refused(tmp_path):
    assert "runs/" in call("watch", cwd=tmp_path, code=2).stderr
    assert 'there is no run "gone"' in call("watch", "gone", cwd=tmp_path, code=2).stderr
    (tmp_path / "empty").mkdir()
    assert "is not a run" in call("watch", "empty", cwd=tmp_path, code=2).stderr
    recorded_run(tmp_path)
    assert "--web" in call("watch", "r", "--port", "8000", cwd=tmp_path, code=2).stderr
    for rate in ("0", "nan", "-1", "fast"):
        call("watch", "r", "--rate", rate, cwd=tmp_path, code=2)


def test_a_run_without_tasks_can_be_watched(tmp_path):
    recorded_run(tmp_path, "--set", "density=0")
    assert "nan" not in call("watch", "r", cwd=tmp_path).stdout.lower()


@pytest.mark.live
def test_a_live_run_in_a_pipe_is_lines_until_it_ends(tmp_path):
    process = support.begin(tmp_path, "--slots", "60")
    try:
        result = call("watch", "r", cwd=tmp_path).stdout
        support.end(process, 0)
    finally:
        support.stop(process)
    assert "slot" in result and "drained" in result


@pytest.mark.live
def test_a_run_cut_by_a_kill_is_shown_as_it_was_recorded(tmp_path):
    process = support.begin(tmp_path, "--slots", "400")
    process.kill()
    process.communicate()
    limit = time.monotonic() + PATIENCE_S
    while support.left(tmp_path / "r"):
        assert time.monotonic() < limit
        time.sleep(0.1)
    assert "interrupted" in call("watch", "r", cwd=tmp_path).stdout


def test_a_browser_gets_the_screen_from_this_host_alone(tmp_path):
    pytest.importorskip("textual_serve")
    recorded_run(tmp_path)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = start("watch", "r", "--web", "--port", str(port), cwd=tmp_path)
    try:
        assert server.stderr is not None
        assert f"http://127.0.0.1:{port}" in server.stderr.readline()
        page = fetched(f"http://127.0.0.1:{port}/", server)
        assert "textual.js" in page and "googleapis" not in page
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            other = str(taken.getsockname()[1])
            assert other in call("watch", "r", "--web", "--port", other, cwd=tmp_path, code=3).stderr
        asyncio.run(looking_when(f"http://127.0.0.1:{port}/ws?width=80&height=24", server.kill))
    finally:
        server.send_signal(signal.SIGINT)
        try:
            server.communicate(timeout=PATIENCE_S)
        except subprocess.TimeoutExpired:
            server.kill()
            server.communicate()
    limit = time.monotonic() + PATIENCE_S
    while screens(tmp_path):
        assert time.monotonic() < limit, "a screen has outlived its server"
        time.sleep(0.1)


async def looking_when(address, happens):
    """Open the screen as a browser does, and look at it when something ``happens``."""
    aiohttp = pytest.importorskip("aiohttp")
    async with aiohttp.ClientSession() as session, session.ws_connect(address) as connection:
        while b"overhead" not in (await connection.receive(timeout=PATIENCE_S)).data:
            pass
        happens()
        while (await connection.receive(timeout=PATIENCE_S)).type == aiohttp.WSMsgType.BINARY:
            pass


def screens(folder):
    """The screens that show runs in ``folder``."""
    items = []
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if "testbed.watch" in words and str(folder) in " ".join(words):
            items.append(process.pid)
    return items


def fetched(address, server):
    """The page at ``address``, once the server listens."""
    limit = time.monotonic() + PATIENCE_S
    while True:
        try:
            with urllib.request.urlopen(address, timeout=PATIENCE_S) as answer:
                return answer.read().decode()
        except OSError:
            assert server.poll() is None and time.monotonic() < limit
            time.sleep(0.1)


def test_a_newer_record_is_refused_by_its_version(tmp_path):
    import sqlite3
    from contextlib import closing

    run = recorded_run(tmp_path)
    with closing(sqlite3.connect(run / "run.db")) as db:
        db.execute("UPDATE meta SET value = '99' WHERE key = 'schema_version'")
        db.commit()
    assert "schema version 99" in call("watch", "r", cwd=tmp_path, code=2).stderr
    shutil.rmtree(run)
    os.makedirs(run)
