"""Recorded jobs of clusters and services: read line by line, compressed or not, nothing left out unsaid."""

import gzip
import json
import os
import threading

import pytest
import zstandard

from testbed.model.errors import ScenarioError, UsageError
from testbed.scenario.requests import Request
from testbed.trace import alibaba, functions, google, mapped, swf
from testbed.trace.job import JobOptions
from testbed.trace.lines import lines
from tests.command import call
from tests.trace.converting import SWF, written

S = 10**9


def read(module, tmp_path, text, **options):
    path = tmp_path / "trace"
    said: list[str] = []
    path.write_text(text)
    return list(module.read(str(path), JobOptions(**options), said.append)), said


def read_parts(module, tmp_path, text):
    parts, said = read(module, tmp_path, text)
    return [Request(*row) for some in parts for row in zip(*(column.tolist() for column in some), strict=True)], said


def read_swf(tmp_path, text):
    return read_parts(swf, tmp_path, text)


def test_swf_jobs_run_on_the_processors_that_they_had_or_asked_for(tmp_path):
    found, said = read_swf(tmp_path, SWF)
    assert found == [Request(5094 * S, 0, 19312 * S), Request(5100 * S, 0, 40 * S), Request(9001 * S, 0, 20 * S)]
    assert sum(request.cycles for request in found) == (1207 * 16 + 40 * 1 + 10 * 2) * S
    assert said == [
        "2 jobs without a run time or processors left out",
        "1 job whose processors are unknown: taken as those requested",
    ]


def test_jobs_become_tasks_of_ues_from_the_first_one_on_and_files_share_its_clock(tmp_path):
    later = "6 9100 0 10 1 -1 -1 -1 -1 -1 1 -1 -1 -1 0 -1 -1 -1\n7 -1 0 10 1 -1 -1 -1 -1 -1 1 -1 -1 -1 0 -1 -1 -1\n"
    rows, said, summary = written(tmp_path, "swf", later, SWF, cpu="2 GHz")
    assert [(row[0], row[3]) for row in rows] == [
        ("0.000000000", str(2 * 19312 * S)),
        ("6.000000000", str(80 * S)),
        ("3907.000000000", str(40 * S)),
        ("4006.000000000", str(20 * S)),
    ]
    assert len({row[1] for row in rows}) > 1 and all(row[1].startswith("ue-") for row in rows)
    assert all(300_000 * 8 <= int(row[2]) <= 500_000 * 8 for row in rows)
    assert "the first task comes at 5,094 s: that is instant 0 here" in said
    assert "0.txt: 1 job without a submit time left out" in said
    assert "the files are on one clock: 0.txt at 4,006 s, 1.txt at 0 s" in said
    assert summary == "4 tasks in 4007 slots for 15 UEs"


@pytest.mark.parametrize(
    ("text", "line", "column", "message"),
    [
        ("; a comment\n1 2 3\n", 2, 1, "3 columns where a job has 18"),
        (SWF.replace("1207", "12o7"), 3, 11, "is not a number"),
        (SWF.replace("1207", "1e99"), 3, 11, "too much work"),
        (SWF.replace("5094", "1e12"), 3, 3, "out of range"),
    ],
)
def test_mistakes_of_swf_name_their_place(tmp_path, text, line, column, message):
    with pytest.raises(ScenarioError, match=message) as caught:
        read_swf(tmp_path, text)
    assert (caught.value.line, caught.value.column) == (line, column)


def test_functions_begin_their_duration_before_their_end(tmp_path):
    text = "app,func,end_timestamp,duration\r\na,f,10.5,0.5\r\na,g,3,0.25\r\nb,f,4,0\r\nb,g,1,2.5\r\n"
    found, said = read_parts(functions, tmp_path, text)
    assert found == [Request(10 * S, 0, S // 2), Request(2_750_000_000, 0, S // 4)]
    assert said == ["1 invocation of no duration left out", "1 invocation that began before the trace left out"]
    with pytest.raises(ScenarioError, match='no column "duration"'):
        read(functions, tmp_path, "app,func,end_timestamp,time\n")
    with pytest.raises(ScenarioError, match="the file is empty"):
        read(functions, tmp_path, "\n")


def test_batch_tasks_have_the_cores_of_all_their_instances(tmp_path):
    rows = [
        "M1,2,j_1,1,Terminated,100,104,150.0,0.3",
        "M2,1,j_1,1,Failed,100,104,100.0,0.3",
        "M3,1,j_1,1,Terminated,104,104,100.0,0.3",
        "M4,,j_2,1,Terminated,105,109,100.0,0.3",
    ]
    found, said = read_parts(alibaba, tmp_path, "\n".join(rows))
    assert found == [Request(100 * S, 0, 4 * 3 * S)]
    assert said == [
        "1 task that did not run to their end left out",
        "1 task without an instant, a CPU or instances left out",
        "1 task of no work, or from before the trace left out",
    ]


EVENTS = [  # time in s, job, task, event, share of a machine
    (600, 1, 0, 0, 0.5),
    (601, 1, 0, 1, 0.5),
    (602, 1, 1, 0, 0.25),
    (603, 1, 0, 2, None),
    (604, 1, 0, 1, None),
    (605, 1, 1, 1, None),
    (606, 1, 1, 5, None),
    (607, 2, 0, 0, 0.25),
    (608, 1, 0, 4, None),
    (609, 3, 0, 4, None),
]
KINDS_2019 = {0: "SUBMIT", 1: 3, 2: "EVICT", 4: 6, 5: "KILL"}


@pytest.mark.parametrize("year", [2011, 2019])
def test_cluster_tasks_work_from_their_last_start_on_their_share_of_a_machine(tmp_path, year):
    text = ""
    for at, job, task, event, share in EVENTS:
        if year == 2011:
            text += f"{at}000000,,{job},{task},7,{event},u,0,0,{'' if share is None else share},,,\n"
        else:
            asked = "" if share is None else f', "resource_request": {{"cpus": {share}}}'
            head = f'"time": "{at}000000", "type": {json.dumps(KINDS_2019[event])}, "machine_id": 7'
            text += f'{{{head}, "collection_id": "{job}", "instance_index": {task}{asked}}}\n'
    found, said = read_parts(google, tmp_path, text)
    assert found == [Request(600 * S, 0, 2 * S)]
    assert said == [
        "1 task that did not finish left out",
        "1 task of which the submission, the start or the CPU is unknown left out",
        "1 task under way at the end of the trace left out",
    ]


@pytest.mark.parametrize("text", ["1,2,3\n", '{"time": 1}\n', "x,,1,0,7,0,u,0,0,0.5,,,\n"])
def test_events_that_are_none_name_their_place(tmp_path, text):
    with pytest.raises(ScenarioError) as caught:
        read(google, tmp_path, text)
    assert caught.value.line == 1


@pytest.mark.parametrize(
    "text",
    [
        "when,size,work\n1000,2,3\n\n2500.5,0,3\n500,1,1\n4000,1,2.5\n",
        '{"work": 3, "when": 1000, "size": 2}\n{"when": 2500.5, "size": 0, "work": 3}\n'
        '{"when": 500, "size": 1, "work": 1}\n{"when": 4000, "size": 1, "work": 2.5, "ids": [1]}\n',
    ],
)
def test_any_table_is_read_by_its_columns_and_their_units(tmp_path, text):
    columns = tuple(mapped.mapped(["time=when:ms", "input=size:2.4 kbit", "cycles=work:M"]).items())
    rows, said, _ = written(tmp_path, "table", text, columns=columns)
    assert [(row[0], row[2], row[3]) for row in rows] == [
        ("0.000000000", "2400", "1000000"),
        ("0.500000000", "4800", "3000000"),
        ("3.500000000", "2400", "2500000"),
    ]
    assert "1 row without input or work left out" in said
    assert "the first task comes at 0.5 s: that is instant 0 here" in said


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("when,size\n1,2\n", 1, 'no column "work"'),
        ("when,work\n1\n", 2, "1 cells where the header has more"),
        ("when,work\n1,x\n", 2, "is not a number"),
        ('{"when": 1, "work": 1}\n{"when": 1}\n', 2, 'no "work"'),
        ('{"when": 1, "work": "x"}\n', 1, "is not a number"),
        ('{"when": 1, "work"\n', 1, "no JSON object"),
    ],
)
def test_mistakes_of_a_table_name_their_place(tmp_path, text, line, message):
    columns = tuple(mapped.mapped(["time=when:s", "duration=work:s"]).items())
    with pytest.raises(ScenarioError, match=message) as caught:
        read(mapped, tmp_path, text, columns=columns)
    assert caught.value.line == line


@pytest.mark.parametrize("given", [["time=when:s"], ["tmie=when:s"], ["time=when:kg", "cycles=c:M"], ["time=s"]])
def test_a_map_that_maps_nothing_is_a_mistake_of_usage(given):
    with pytest.raises(UsageError):
        mapped.mapped(given)


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress])
def test_compressed_files_are_read_as_they_are_and_a_part_of_one_is_refused(tmp_path, pack):
    text = "\n".join(f"line {n} — {'x' * (n % 90)}" for n in range(50_000)) + "\n"
    whole, part = tmp_path / "whole", tmp_path / "part"
    whole.write_bytes(pack(text.encode()))
    assert [line.text for line in lines(whole)] == text.splitlines()
    part.write_bytes(pack(text.encode())[:-200])
    with pytest.raises(ScenarioError, match="ends early or is damaged") as caught:
        list(lines(part))
    assert caught.value.file == str(part)


def test_what_is_no_text_is_refused_with_its_line(tmp_path):
    (tmp_path / "trace").write_bytes(b"good\n\xff\xfe\n")
    with pytest.raises(ScenarioError, match="no text") as caught:
        list(lines(tmp_path / "trace"))
    assert caught.value.line == 2


def test_import_and_replay_of_a_log_on_the_command_line(tmp_path):
    log = tmp_path / "log.swf.gz"
    log.write_bytes(gzip.compress(SWF.encode()))
    done = call("import", "swf", "log.swf.gz", "-o", "log.csv", "--cpu", "0.1 GHz", cwd=tmp_path)
    assert "log.csv: 3 tasks in 3908 slots for 15 UEs" in done.stdout and "2 jobs" in done.stdout
    done = call("replay", "log.csv", "--on", "twin", "--policy", "lc", "--json", cwd=tmp_path)
    assert '"generated": 3' in done.stdout
    log.write_bytes(log.read_bytes()[:-20])
    done = call("import", "swf", "log.swf.gz", "-o", "part.csv", cwd=tmp_path, code=2)
    assert "ends early" in done.stderr and not (tmp_path / "part.csv").exists()


@pytest.mark.parametrize("compress", [bytes, gzip.compress])
def test_jobs_may_come_through_a_pipe(compress, tmp_path):
    (tmp_path / "log.swf").write_bytes(compress(b"; c\n1 0 -1 10 1 -1 -1 1 -1 -1 1 1 1 1 1 -1 -1 -1\n"))
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=lambda: pipe.write_bytes((tmp_path / "log.swf").read_bytes()))
    writer.start()
    assert [len(line) for line in lines(pipe)] == [0, 0]
    writer.join()


def test_swf_is_read_the_same_plainly_and_word_by_word(tmp_path, monkeypatch):
    """Blanks before and behind, points, unknown numbers; a block with a comment is read word by word."""
    lines = [f" {n}  {n * 3.5} 0\t{n % 7 - 1} {n % 5 - 1} -1 -1 {n % 3 - 1} " + "1 " * 10 for n in range(1, 400)]
    plain = read_swf(tmp_path, "\n".join(lines))
    assert len(plain[0]) > 100 and len(plain[1]) == 2
    assert read_swf(tmp_path, "\r\n".join([*lines, "; a comment"])) == plain
    assert read_swf(tmp_path, "\r".join(lines)) == plain
    monkeypatch.setattr(swf, "words", lambda block, columns: None)
    assert read_swf(tmp_path, "\n".join(lines)) == plain


def test_a_mistake_far_down_a_large_log_has_its_line(tmp_path):
    line = "1 10 0 10 1 -1 -1 -1 -1 -1 1 -1 -1 -1 0 -1 -1 -1\n"
    text = line * 20_000
    with pytest.raises(ScenarioError) as caught:
        read_swf(tmp_path, text + line.replace(" 10 1 ", " ten 1 ") + line)
    assert (caught.value.line, caught.value.column) == (20_001, 8)
    with pytest.raises(ScenarioError, match="17 columns") as caught:
        read_swf(tmp_path, text + line.replace("-1\n", "\n"))
    assert caught.value.line == 20_001


@pytest.mark.parametrize(
    ("module", "head", "line", "odd"),
    [
        (alibaba, "", "M{n},{n}.5,j_1,1,{s},{n},{m},15{n}.0,0.3\n", 'M1,2,"j,1",1,Terminated,100,104,150.0,0.3\n'),
        (functions, "app,func,end_timestamp,duration\n", "a,f,{m}.25,{n}.5\n", '"a",f,3,1\n'),
    ],
)
def test_tables_are_read_the_same_plainly_and_cell_by_cell(tmp_path, module, head, line, odd):
    """A block with a quoted cell is read cell by cell."""
    statuses = ("Terminated", "Failed", "Terminated")
    lines = [line.format(n=n % 17, m=n * n % 41, s=statuses[n % 3]) for n in range(1, 500)]
    plain, said = read_parts(module, tmp_path, head + "".join(lines))
    assert len(plain) > 100 and said
    mixed, told = read_parts(module, tmp_path, head + "".join(lines).replace("\n", "\r\n") + odd)
    assert mixed[:-1] == plain and told == said
    with pytest.raises(ScenarioError) as caught:
        read_parts(module, tmp_path, head + "".join(lines) + line.format(n="x", m=1, s="Terminated"))
    assert caught.value.line == len(lines) + head.count("\n") + 1
