"""Recorded demands of every kind: alike by import and in a scenario, on one clock, packed, damaged, without room."""

import contextlib
import gzip
import sys

import pyarrow
import pytest
import zstandard
from pyarrow import parquet

from testbed.cli.commands import import_
from testbed.model.errors import ScenarioError, StartError, UsageError
from testbed.model.packages import MissingPackageError
from testbed.scenario import workload as tables
from testbed.scenario.load import parse_scenario
from testbed.scenario.requests import Request
from testbed.trace import functions_2019, inputs, mapped
from testbed.trace.job import JobOptions
from testbed.trace.lines import lines
from testbed.trace.notes import quiet
from testbed.trace.spool import Spool
from tests.trace.converting import SWF, written

S = 10**9
MINUTES = ",".join(str(minute) for minute in range(1, 1441))
HASHES = "HashOwner,HashApp,HashFunction"
INVOCATIONS = f"{HASHES},Trigger,{MINUTES}\n" + "".join(
    f"{name},http,{','.join(str(counts.get(minute, 0)) for minute in range(1, 1441))}\n"
    for name, counts in (("o,a,f", {1: 3, 1440: 2}), ("o,a,g", {2: 1}), ("o,b,h", {5: 4}))
)
DURATIONS = (
    f"{HASHES},Average,Count,Minimum,Maximum,{','.join(functions_2019.PERCENTILES)}\n"
    "o,a,f,500,5,100,900,100,100,300,500,700,900,900\no,b,h,0,4,0,0,0,0,0,0,0,0,0\n"
)


def test_counts_a_minute_become_invocations_within_it_of_durations_between_percentiles(tmp_path):
    for name, text in (
        ("function_durations_percentiles.anon.d01.csv", DURATIONS),
        ("invocations_per_function_md.anon.d02.csv", INVOCATIONS),
        ("invocations_per_function_md.anon.d01.csv", INVOCATIONS),
    ):
        (tmp_path / name).write_text(text)
    files = [str(path) for path in sorted(tmp_path.iterdir(), reverse=True)]
    messages: list[str] = []
    parts = list(functions_2019.read(files, JobOptions(hz=1e9), messages.append))
    at = [instant for some in parts for instant in some.at_ns.tolist()]
    cycles = [work for some in parts for work in some.cycles.tolist()]
    minutes = [0, 0, 0, 1439, 1439]
    assert [instant // (60 * S) for instant in at] == minutes + [minute + 1440 for minute in minutes]
    assert len(set(at)) == 10 and all(S // 10 <= work <= 9 * S // 10 for work in cycles) and len(set(cycles)) == 10
    assert messages.count("1 invocation of 1 function without durations left out") == 2
    assert messages.count("4 invocations of no duration left out") == 2
    again = list(functions_2019.read(files, JobOptions(hz=1e9, until_s=60.0), messages.append))
    assert [some.at_ns.tolist() for some in again] == [at[:3]]


@pytest.mark.parametrize(
    ("text", "line", "column", "message"),
    [
        (INVOCATIONS.replace("http,3,", "http,x,", 1), 2, 12, "is not a count"),
        (INVOCATIONS.replace(",1440\n", "\n"), 1, 1, 'no column "1440"'),
        (INVOCATIONS.split("\n")[0] + "\no,a,f,http,1\n", 2, 1, "cells where the header has more"),
    ],
)
def test_mistakes_in_counts_name_their_place(tmp_path, text, line, column, message):
    (tmp_path / "durations").write_text(DURATIONS)
    (tmp_path / "counts").write_text(text)
    with pytest.raises(ScenarioError, match=message) as caught:
        list(functions_2019.read([str(tmp_path / "counts"), str(tmp_path / "durations")], JobOptions(), quiet))
    assert (caught.value.line, caught.value.column) == (line, column)


def test_counts_without_durations_are_refused(tmp_path):
    (tmp_path / "counts").write_text(INVOCATIONS)
    with pytest.raises(UsageError, match="no file of durations"):
        list(functions_2019.read([str(tmp_path / "counts")], JobOptions(), quiet))


def requests(parts):
    return [Request(*row) for some in parts for row in zip(*(column.tolist() for column in some), strict=True)]


def test_a_table_may_be_parquet_and_dates_and_instants_keep_their_nanoseconds(tmp_path):
    begin = 1_700_000_000_123_456_789
    table = pyarrow.table(
        {
            "when": pyarrow.array([begin, begin + 1, begin + 2 * S], pyarrow.timestamp("ns")),
            "work": [1.5, 2, None],
            "at": ["2023-11-16 10:00:00.5", "2023-11-16T11:00:01+01:00", ""],
        }
    )
    parquet.write_table(table, tmp_path / "t")
    columns = tuple(mapped.mapped(["time=when:ns", "cycles=work:M"]).items())
    with pytest.raises(ScenarioError, match='work "" is not a number') as caught:
        list(mapped.read(str(tmp_path / "t"), JobOptions(columns=columns), quiet))
    assert caught.value.line == 3
    parquet.write_table(table.slice(0, 2), tmp_path / "t")
    items = requests(mapped.read(str(tmp_path / "t"), JobOptions(columns=columns), quiet))
    assert items == [Request(begin, 0, 1_500_000), Request(begin + 1, 0, 2_000_000)]
    columns = tuple(mapped.mapped(["time=at:date", "cycles=work:M"]).items())
    items = requests(mapped.read(str(tmp_path / "t"), JobOptions(columns=columns), quiet))
    assert items[1].at_ns - items[0].at_ns == S // 2
    columns = tuple(mapped.mapped(["time=wen:ms", "cycles=work:M"]).items())
    with pytest.raises(ScenarioError, match='no column "wen"'):
        list(mapped.read(str(tmp_path / "t"), JobOptions(columns=columns), quiet))
    (tmp_path / "t").write_bytes((tmp_path / "t").read_bytes()[:-30])
    with pytest.raises(ScenarioError, match="no whole Parquet file"):
        list(mapped.read(str(tmp_path / "t"), JobOptions(columns=columns), quiet))


def test_parquet_without_its_package_names_the_extra(tmp_path, monkeypatch):
    (tmp_path / "t").write_bytes(b"PAR1....")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    columns = tuple(mapped.mapped(["time=t:s", "cycles=c:M"]).items())
    with pytest.raises(MissingPackageError, match="pyarrow") as caught:
        list(mapped.read(str(tmp_path / "t"), JobOptions(columns=columns), quiet))
    assert "[parquet]" in caught.value.remedy


@pytest.mark.parametrize(
    ("kind", "texts", "keys"),
    [
        ("swf", [SWF, SWF.replace(" 5094 ", " 15094 ")], {"cpu": "0.1 GHz"}),
        ("functions", ["app,func,end_timestamp,duration\na,f,10.5,0.5\na,g,3,0.25\n"], {}),
        ("functions-2019", [INVOCATIONS, DURATIONS], {"rate": "2"}),
        ("alibaba", ["M1,2,j_1,1,Terminated,100,104,150.0,0.3\nM1,2,j_1,1,Terminated,90,94,150.0,0.3\n"], {}),
        ("azure", ["TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 10:00:01,5,5\n2023-11-16 10:00:00,6,6\n"], {}),
        ("table", ["when,work\n3,1\n1,2\n2,3\n"], {"columns": '["time=when:s", "cycles=work:G"]'}),
    ],
)
def test_a_scenario_plays_what_import_writes_and_hears_the_same(tmp_path, kind, texts, keys):
    columns = tuple(mapped.mapped(["time=when:s", "cycles=work:G"]).items()) if kind == "table" else ()
    rows, output, _ = written(tmp_path, kind, *texts, columns=columns, **(keys if kind != "table" else {}))
    parts = ", ".join(f"{n}.txt" for n in range(1, len(texts)))
    words = "".join(f", {key}: {value}" for key, value in keys.items())
    text = f"slots: 200000\nworkload: {{trace: 0.txt, format: {kind}, parts: [{parts}]{words}}}"
    scenario = parse_scenario(text, str(tmp_path / "s.yaml"))
    heard: list[str] = []
    system = inputs.resolve(scenario).system
    tasks = inputs.generate(scenario, system, heard.append)
    assert tasks == tables.read_csv(tmp_path / "w.csv", system) and len(tasks) == len(rows) > 1
    assert [line.removeprefix("0.txt: ") for line in heard] == [line.removeprefix("0.txt: ") for line in output]


def test_halves_of_a_trace_are_one_after_another_in_whatever_order_they_are_given(tmp_path):
    header = "TIMESTAMP,ContextTokens,GeneratedTokens\n"
    first = "".join(f"2023-11-16 10:00:{s:02d},5,5\n" for s in range(30))
    second = "".join(f"2023-11-16 10:00:{s:02d},5,5\n" for s in range(30, 60))
    whole, _, _ = written(tmp_path, "azure", header + first + second)
    halves, output, _ = written(tmp_path, "azure", header + second, header + first)
    assert halves == whole and "the files are on one clock: 0.txt at 30 s, 1.txt at 0 s" in output


def test_line_ends_may_be_mixed(tmp_path):
    (tmp_path / "t").write_bytes(b"a\r\nb\nc\rd\r\n\r\ne")
    assert [(line.number, line.text) for line in lines(tmp_path / "t")] == list(
        enumerate(["a", "b", "c", "d", "", "e"], 1)
    )


def test_several_frames_of_zstd_are_one_file(tmp_path):
    (tmp_path / "t").write_bytes(zstandard.compress(b"a\nb") + zstandard.compress(b"c\nd\n"))
    assert [line.text for line in lines(tmp_path / "t")] == ["a", "bc", "d"]


def test_a_log_without_end_of_line_is_not_read_into_memory(tmp_path):
    (tmp_path / "t").write_bytes(gzip.compress(b"\0" * (8 << 20)))
    with pytest.raises(ScenarioError, match="too long"):
        list(lines(tmp_path / "t"))


def test_no_room_for_what_is_read_is_said(tmp_path, monkeypatch):
    @contextlib.contextmanager
    def full():
        with open("/dev/full", "wb", buffering=0) as file:
            yield Spool(file)

    monkeypatch.setattr(import_, "spooling", full)
    with pytest.raises(StartError, match="No space left") as caught:
        written(tmp_path, "swf", SWF)
    assert "TMPDIR" in caught.value.remedy and not (tmp_path / "w.csv").exists()
