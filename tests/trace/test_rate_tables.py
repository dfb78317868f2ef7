"""Rates of tables whose columns are named: by instants or durations, alike by import and in a scenario."""

import gzip

import pytest

from testbed.model.errors import ScenarioError, UsageError
from testbed.scenario.load import parse_scenario
from testbed.scenario.schema import LinkTrace
from testbed.trace import inputs, mapped, rate_table
from tests.command import call

FCC = """unit,dtime,bytes_sec
7,2016-09-01 00:00:02,100000
7,2016-09-01 00:00:07,125000
7,2016-09-01 00:00:07,1
7,2016-09-01 00:00:09,0
"""
COLUMNS = ["time=dtime:date", "rate=bytes_sec:8bit/s"]


def read(path, columns, **how):
    messages: list[str] = []
    link = rate_table.read(str(path), mapped.mapped_rates(columns), LinkTrace(**how), messages.append)
    return list(zip(link.durations_ns, link.rates_bps, strict=True)), messages


def test_rates_hold_before_or_after_their_dates(tmp_path):
    (tmp_path / "f").write_text(FCC)
    result, output = read(tmp_path / "f", COLUMNS)
    assert result == [(5 * 10**9, 1e6), (2 * 10**9, 0.0)] and "1 interval of no length skipped" in output
    result, _ = read(tmp_path / "f", COLUMNS, span="after")
    assert result == [(5 * 10**9, 800_000.0), (2 * 10**9, 8.0)]


def test_rates_may_have_durations_and_be_json_lines(tmp_path):
    (tmp_path / "f").write_text('{"ms": 500, "k": 2.5}\n{"ms": 0, "k": 9}\n{"k": 0, "ms": 1500}\n')
    result, output = read(tmp_path / "f", ["duration=ms:ms", "rate=k:kbit/s"])
    assert result == [(500_000_000, 2500.0), (1_500_000_000, 0.0)] and output == ["1 interval of no length skipped"]


@pytest.mark.parametrize(
    ("text", "line", "column", "message"),
    [
        ("dtime,bytes_sec\n2016-09-01 00:00:02,1\n2016-09-01 00:00:01,1\n", 3, 1, "comes after"),
        ("dtime,bytes_sec\nyesterday,1\n", 2, 1, "is not a date"),
        ("dtime,bytes_sec\n2016-09-01 00:00:02,-1\n", 2, 21, "out of range"),
        ("dtime,bytes\n", 1, 1, 'no column "bytes_sec"'),
        ("", 1, 1, "no duration"),
    ],
)
def test_mistakes_name_their_place(tmp_path, text, line, column, message):
    (tmp_path / "f").write_text(text)
    with pytest.raises(ScenarioError, match=message) as caught:
        read(tmp_path / "f", COLUMNS)
    assert (caught.value.line, caught.value.column) == (line, column)


@pytest.mark.parametrize("arguments", [["rate=r:Mbit/s"], ["time=t:s"], ["time=t:s", "duration=d:s", "rate=r:bit/s"]])
def test_a_map_without_rates_or_times_is_refused(arguments):
    with pytest.raises(UsageError):
        mapped.mapped_rates(arguments)


def test_import_and_a_scenario_read_the_same_rates_from_a_compressed_table(tmp_path):
    (tmp_path / "f.gz").write_bytes(gzip.compress(FCC.encode()))
    options = [word for column in COLUMNS for word in ("--map", column)]
    done = call("import", "rate-table", "f.gz", "-o", "o.csv", *options, cwd=tmp_path)
    assert "2 segments over 7 s" in done.stdout
    radios = []
    for text in (f"{{file: f.gz, format: table, columns: {COLUMNS}}}", "o.csv"):
        scenario = parse_scenario(f"radio: {{trace: {text}}}", str(tmp_path / "s.yaml"))
        radios.append(inputs.resolve(scenario).system.radio)
    assert radios[0] == radios[1]
    for text, words in (("{file: f.gz, columns: [a]}", "format: table"), ("{file: f.gz, format: table}", "columns")):
        with pytest.raises(ScenarioError) as caught:
            parse_scenario(f"radio: {{trace: {text}}}", str(tmp_path / "s.yaml"))
        assert words in str(caught.value)


def test_text_takes_its_units_by_short_names_too(tmp_path):
    (tmp_path / "r.txt.gz").write_bytes(gzip.compress(b"24 1900.5\n824 2000\n1024 9\n"))
    done = call(
        "import", "text", "r.txt.gz", "-o", "o", "--time", "ms", "--rate", "kbit/s", "--span", "after", cwd=tmp_path
    )
    assert "2 segments over 1 s" in done.stdout
