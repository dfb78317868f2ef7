"""Blocks of plain lines are read as columns: the same requests, messages and errors as row by row."""

import json

import numpy as np
import pyarrow
import pytest
from pyarrow import parquet

from testbed.model.errors import ScenarioError
from testbed.trace import azure, cells, google, json_lines, mapped, named_columns, table_part
from testbed.trace import instants as plain_instants
from testbed.trace.job import JobOptions
from tests.trace.test_jobs import read, read_parts

ROWS = [
    (n * 7.25 - 3.0, n % 5, n % 3 * 1.5, f"2023-11-{n % 28 + 1:02d} 10:00:{n % 60:02d}.{n:07d}") for n in range(300)
]
# submit, schedule, finish or kill: event, instant in µs, job, task, the share of a machine where it is told
HAPPENED = [(n % 6 // 2 + n % 2 * (n % 6 == 5), 600_000_000 + n * 1_000, n // 6 % 9, n % 2, n % 3) for n in range(401)]
EVENTS = "".join(
    f"{at},,{job},{task},7,{(0, 1, 4, 5)[event]},u,0,0,{'0.25' if told else ''},,,\n"
    for event, at, job, task, told in HAPPENED
)
INSTANCES = "".join(
    f'{{"time": "{at}", "type": {(0, 3, 6, 7)[event]}, "collection_id": {job}, "instance_index": "{task}", '
    f'"resource_request": {{{"" if not told else json.dumps("cpus") + ": 0.25"}}}}}\n'
    for event, at, job, task, told in HAPPENED
)
REQUESTS = "TIMESTAMP,ContextTokens,GeneratedTokens\n" + "".join(
    f"{at}{'+00:00' if n % 2 else ''},{n % 40},{n % 7}\n" for n, (_, _, _, at) in enumerate(ROWS)
)


def no_columns(monkeypatch):
    """Have every block read row by row."""
    for module in (azure, google, named_columns):
        monkeypatch.setattr(module, "separated", lambda block, columns: None)
    monkeypatch.setattr(json_lines, "is_one_a_line", lambda block: False)


@pytest.mark.parametrize(
    ("module", "text"), [(azure, REQUESTS), (google, EVENTS), (google, INSTANCES)], ids=["azure", "2011", "2019"]
)
def test_logs_are_read_the_same_as_columns_and_row_by_row(tmp_path, monkeypatch, module, text):
    name = {azure: "_by_row", google: "_by_row"}[module]
    with monkeypatch.context() as patched:
        patched.setattr(module, name, None)  # plain lines need it not
        plain = read_parts(module, tmp_path, text)
    assert len(plain[0]) > 20 and plain[1]
    no_columns(monkeypatch)
    assert read_parts(module, tmp_path, text) == plain


def columns_of(*names):
    return {"columns": tuple(mapped.mapped(names).items())}


@pytest.mark.parametrize(
    "names", [("time=at:ms", "input=size:kB", "cycles=work:M"), ("time=date:date", "duration=work:s")]
)
@pytest.mark.parametrize("kind", ["csv", "json"])
def test_tables_are_read_the_same_as_columns_and_row_by_row(tmp_path, monkeypatch, names, kind):
    heads = ("at", "size", "work", "date")
    if kind == "csv":
        text = ",".join(heads) + "\n" + "".join(",".join(map(str, row)) + "\n" for row in ROWS)
    else:
        text = "".join(json.dumps(dict(zip(heads, row, strict=True))) + "\n" for row in ROWS)
    read_all = [list(some) for some in read(mapped, tmp_path, text, **columns_of(*names))]
    no_columns(monkeypatch)
    again = [list(some) for some in read(mapped, tmp_path, text, **columns_of(*names))]
    assert len(read_all[0][0].at_ns) > 100 and read_all[1] and read_all[1] == again[1]
    for one, other in zip(read_all[0], again[0], strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("kind", [pyarrow.int64(), pyarrow.float32(), pyarrow.float64(), pyarrow.timestamp("ms")])
def test_a_parquet_file_is_read_as_columns_to_the_nanosecond(tmp_path, monkeypatch, kind):
    whole = pyarrow.types.is_timestamp(kind) or pyarrow.types.is_integer(kind)
    at = [round(row[0]) if whole else row[0] for row in ROWS]
    work = [row[2] for row in ROWS]
    table = pyarrow.table({"work": work, "at": pyarrow.array(at, kind), "date": [row[3] for row in ROWS]})
    parquet.write_table(table, tmp_path / "t")
    for names in (("time=at:ms", "cycles=work:M"), ("time=date:date", "duration=work:s")):
        options, said, told = JobOptions(**columns_of(*names)), list[str](), list[str]()
        with monkeypatch.context() as patched:
            patched.setattr(mapped, "_by_row", None)
            plain = list(mapped.read(str(tmp_path / "t"), options, said.append))
        with monkeypatch.context() as patched:
            patched.setattr(mapped, "_plain", lambda part, options, left_out: None)
            rows = list(mapped.read(str(tmp_path / "t"), options, told.append))
        assert said == told and said
        assert all(
            np.array_equal(a, b) for one, two in zip(plain, rows, strict=True) for a, b in zip(one, two, strict=True)
        )


def test_instants_of_a_table_keep_their_nanoseconds_as_columns_too(tmp_path):
    begin = 1_700_000_000_123_456_789
    for text in (
        f"at,work\n{begin},1\n{begin + 1},2\n",
        f'{{"at": {begin}, "work": 1}}\n{{"at": {begin + 1}, "work": 2}}\n',
    ):
        found, _ = read(mapped, tmp_path, text, **columns_of("time=at:ns", "cycles=work:M"))
        assert found[0].at_ns.tolist() == [begin, begin + 1]


@pytest.mark.parametrize(
    "text",
    [
        *(
            f"{day} 10:00:00"
            for day in ("2023-02-29", "2023-13-01", "2023-00-01", "2023-01-00", "2023-1-01", "1600-01-01")
        ),
        *(
            f"2023-01-01{time}"
            for time in (" 24:00:00", " 10:60:00", " 10:00:60", " 10:00:-1", " 10:00:00.", "_10:00:00", "")
        ),
        "2023-01-01 10:00:00.1234567891",
    ],
)
def test_a_date_that_is_not_plain_is_left_to_whoever_reads_rows(text):
    good = "2024-02-29 23:59:59.5"
    at_ns = plain_instants.dates_ns(*json_lines.cells_of([good]))
    assert at_ns is not None and at_ns.tolist() == [1_709_251_199_500_000_000]
    assert plain_instants.dates_ns(*json_lines.cells_of([good, text])) is None


@pytest.mark.parametrize("block", [b"a, b\n", b"a ,b\n", b"a,b\n\ta,b\n", b"a,b \n", "é,b\n".encode()])
def test_cells_with_blanks_around_them_or_other_letters_are_left_to_whoever_reads_rows(block):
    assert cells.separated(block, 2) is None


@pytest.mark.parametrize(
    "block", [b'{"a": 1}{"a": 2}\n', b'{"a":\n1}\n', b'\n{"a": 1}\n', b'{"a": "\xff"}\n', b'{"a": 1} \n']
)
def test_objects_that_are_not_one_a_line_are_left_to_whoever_reads_rows(block):
    assert json_lines.plain(b'{"a": 1}\n{"a": 2.5}', ["a"]) is not None
    assert json_lines.plain(block, ["a"]) is None


def test_a_number_of_many_digits_is_a_number_of_plain_cells():
    found = cells.separated(b"475.00000000000006,1e3,x\n", 3)
    assert found is not None
    assert [found.reals(column) for column in (0, 1)] == [[475.00000000000006], [1000.0]] and found.reals(2) is None
    assert isinstance(table_part.PlainCells(found).reals(0), np.ndarray)


@pytest.mark.parametrize("size", ["1e300", "99999999999999999999"])
def test_an_input_that_no_task_has_is_refused_with_its_cell(tmp_path, size):
    with pytest.raises(ScenarioError, match="is too much input") as caught:
        read(
            mapped,
            tmp_path,
            f"at,size,work\n0,1,1\n1,{size},1\n",
            **columns_of("time=at:s", "input=size:kB", "cycles=work:M"),
        )
    assert (caught.value.line, caught.value.column) == (3, 3)


@pytest.mark.parametrize(
    ("submitted", "started", "finished", "share", "column", "message"),
    [
        ("600000000", "600000001", "900000000", "1e15", 27, "too much"),
        ("9e15", "9e15", "9.0001e15", "", 1, "out of range"),
    ],
)
def test_work_and_instants_that_no_task_has_are_refused_with_their_event(
    tmp_path, submitted, started, finished, share, column, message
):
    lines = EVENTS
    for event, at in ((0, submitted), (1, started), (4, finished)):
        lines += f"{at},,99,0,7,{event},u,0,0,{share if event else '0.1'},,,\n"
    with pytest.raises(ScenarioError, match=message) as caught:
        read(google, tmp_path, lines)
    assert (caught.value.line, caught.value.column) == (lines.count("\n"), column)
