"""`--stream` as programs read it: whole lines, whatever the reader does, and never at the cost of the run."""

import io
import json
import os
import subprocess
import sys
import threading

import pytest

from testbed.cli.streaming import LineWriter
from tests.command import PATIENCE_S, call, document, environment, start

RUN = ("run", "smoke", "--backend", "sim", "--stream")


def lines(text):
    return [json.loads(line, parse_constant=pytest.fail) for line in text.splitlines()]


@pytest.mark.parametrize("backend", ["sim", "twin"])
def test_a_stream_begins_with_what_is_run_and_ends_with_its_summary(tmp_path, backend):
    done = call("run", "smoke", "--backend", backend, "--stream", cwd=tmp_path)
    first, *between, last = lines(done.stdout)
    assert (first["kind"], last["kind"], last["exit_code"], last["dropped"]) == ("started", "ended", 0, 0)
    assert first["run"] == "runs/smoke-greedy-do-001" and first["tasks"] == last["summary"]["tasks"]["generated"]
    assert last["summary"] == document("report", cwd=tmp_path)
    assert {one["kind"] for one in between} == {"progress", "task"}
    replayed = lines(call("replay", first["run"], "--on", backend, "--stream", cwd=tmp_path).stdout)
    assert replayed[1:-1] == between


def test_the_exit_code_is_told_too(tmp_path):
    done = call(*RUN, "--set", "thresholds.delay_mean=< 1 ms", cwd=tmp_path, code=4)
    assert lines(done.stdout)[-1]["exit_code"] == 4 and "threshold failed" in done.stderr


def test_only_one_form_of_output_can_be_asked_for(tmp_path):
    assert "not allowed with" in call(*RUN, "--json", cwd=tmp_path, code=2).stderr


def test_what_never_began_is_told_on_standard_error_alone(tmp_path):
    done = call("run", "regoin", "--stream", cwd=tmp_path, code=2)
    assert done.stdout == "" and "regoin" in done.stderr


@pytest.mark.live
def test_a_live_run_tells_its_deaths_and_goes_on_when_its_reader_has_gone(tmp_path):
    (tmp_path / "s.yaml").write_text(
        "slots: 12\nslot: 250 ms\ncells: [{es: {cpu: 4 GHz}, ues: 2}]\n"
        "task: {input: 40 kB, cycles: 0.1 G, deadline: 1 s}\n"
        "faults: [{at: 1 s, kill: es-1, restart_after: 1 s}]\n"
    )
    done = call("run", "s.yaml", "--stream", cwd=tmp_path)
    first, *between, last = lines(done.stdout)
    messages = [(one["source"], one["event"]) for one in between if one["kind"] == "event"]
    assert first["kind"] == "started" and ("es-1", "died") in messages and ("es-1", "restarted") in messages
    assert len([one for one in between if one["kind"] == "task"]) == last["summary"]["tasks"]["generated"]
    phases = [one["phase"] for one in between if one["kind"] == "progress"]
    assert phases[0] == "starting" and "running" in phases
    with subprocess.Popen(
        [sys.executable, "-m", "testbed", "run", "s.yaml", "--stream", "--out", "alone"],
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        assert json.loads(process.stdout.readline())["kind"] == "started"
        process.stdout.close()
        assert process.wait(PATIENCE_S) == 0 and "Traceback" not in process.stderr.read()
    summary = document("report", "alone", cwd=tmp_path)
    assert summary["ended"] == "drained" and summary["tasks"]["unaccounted"] == 0


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full here")
def test_a_full_disk_is_told_once_the_run_is_recorded(tmp_path):
    with open("/dev/full", "w") as full:
        _, output = start(*RUN, cwd=tmp_path, stdout=full).communicate(timeout=PATIENCE_S)
    assert output.endswith("standard output cannot be written: No space left on device\n")
    assert document("report", cwd=tmp_path)["ended"] == "drained"


class Pipe:
    """A pipe as a stream, and its other end."""

    def __init__(self, encoding="utf-8"):
        self.reader, writer = os.pipe()
        self.stream = open(writer, "w", encoding=encoding)  # noqa: SIM115 - `end` closes it

    def end(self):
        self.stream.close()


def test_a_slow_reader_loses_lines_which_are_counted_and_never_the_last():
    pipe = Pipe()
    writer = LineWriter(pipe.stream, lossy=True, limit=3)
    large = "x" * 200_000  # more than any pipe holds: the thread is stuck with the first
    for number in range(10):
        writer.put({"number": number, "fill": large})
    assert 6 <= writer.dropped <= 7

    def finish():
        writer.put({"kind": "ended"}, surely=True)
        writer.close()
        pipe.end()

    threading.Thread(target=finish).start()
    with open(pipe.reader, encoding="utf-8") as reader:
        read = lines(reader.read())
    assert len(read) == 10 - writer.dropped + 1 and read[0]["number"] == 0 and read[-1] == {"kind": "ended"}


def test_a_reader_that_has_gone_makes_nobody_wait():
    pipe = Pipe()
    os.close(pipe.reader)
    writer = LineWriter(pipe.stream, lossy=False, limit=1)
    for number in range(100):
        writer.put({"number": number})  # waits for room: all but one were taken out again
    assert writer.dropped == 0
    writer.close()
    assert not writer._thread.is_alive() and isinstance(writer._error, BrokenPipeError)
    pipe.end()


def test_what_the_stream_cannot_encode_is_escaped():
    pipe = Pipe("ascii")
    writer = LineWriter(pipe.stream, lossy=False)
    writer.put({"run": "Zürich \udcff"})
    writer.close()
    pipe.end()
    with open(pipe.reader, "rb") as reader:
        line = reader.read()
    assert line.isascii() and "Zürich" in json.loads(line)["run"]


def test_what_a_program_put_in_the_place_of_standard_output_is_written_too():
    stream = io.StringIO()
    writer = LineWriter(stream, lossy=False)
    writer.put({"number": 1})
    writer.put({"number": 2})
    writer.close()
    assert stream.getvalue() == '{"number":1}\n{"number":2}\n'
