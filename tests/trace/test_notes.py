"""What readers of recorded files skip, cap or assume: said, within limits, alike for import and for scenarios."""

import math

import pytest

from testbed.model.errors import ScenarioError, UsageError
from testbed.scenario.load import parse_scenario
from testbed.scenario.schema import LinkTrace
from testbed.trace import azure, cellular, eua, inputs, mahimahi, rate_text
from testbed.trace.convert import ConversionOptions
from testbed.trace.job import JobOptions
from tests.command import call
from tests.trace.converting import convert

PHONE = "Timestamp,SNR,UL_bitrate\n"
GAP = PHONE + "2019.12.16_10.00.00,10,5\n2019.12.16_10.00.01,0,-\n2019.12.16_13.00.01,10,7\n2019.12.16_13.00.02,-,8\n"
BACK = PHONE + "2019.10.27_01.59.59,0,1\n2019.10.27_01.00.00,10,1\n2019.10.27_01.00.01,0,1\n"
TEN = 1e6 * math.log2(11)
DAY = "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 "


def phone(text, cap=math.inf, **how):
    messages: list[str] = []
    link = cellular.parse(text, "5g.csv", 1e6, LinkTrace(**how), cap, messages.append)
    return [(ns / 1e9, pytest.approx(bps)) for ns, bps in zip(link.durations_ns, link.rates_bps, strict=True)], messages


@pytest.mark.parametrize(
    ("how", "segments", "words"),
    [
        ({}, [(1, TEN), (10, 1e6), (2, TEN)], "1 hole longer than 10 s (--hold): 10,790 s are left out"),
        ({"hold_ns": 60 * 10**9}, [(1, TEN), (60, 1e6), (2, TEN)], "10,740 s are left out"),
        ({"holes": "silence"}, [(1, TEN), (10, 1e6), (10_790, 0), (2, TEN)], "10,790 s are silence"),
        ({"hold_ns": -1}, [(1, TEN), (10_800, 1e6), (2, TEN)], ""),
    ],
)
def test_a_hole_is_cut_or_silent_or_held_and_always_said(how, segments, words):
    result, output = phone(GAP, **how)
    assert result == segments and any("1 row of 4 without SNR" in line for line in output)
    assert any(words in line for line in output) and any("after line 3" in line for line in output) == bool(words)


def test_an_hour_that_comes_twice_stays_in_the_order_of_the_file():
    result, output = phone(BACK)
    assert result == [(1, 1e6), (1, TEN), (1, 1e6)]
    assert any("goes back 1 time (first by 3,599 s in line 3)" in line for line in output)


def test_rows_are_capped_as_the_radio_is():
    result, output = phone(PHONE + "2019.12.16_10.00.00,60,1\n2019.12.16_10.00.01,10,1\n", cap=7.4)
    assert result == [(1, 7.4e6), (1, TEN)] and any("1 row capped at 7.4 bit/s/Hz" in line for line in output)


def test_the_rate_that_a_phone_measured_may_be_taken_instead():
    result, output = phone(GAP, column="uplink")
    assert result == [(10, 5e3), (1, 7e3), (1, 8e3)] and any("UL_bitrate is taken as kbit/s" in line for line in output)
    for text in ("Timestamp,UL_bitrate\n2019.12.16_10.00.00,5\n", PHONE + "2019.12.16_10.00.00,-,5\n"):
        with pytest.raises(ScenarioError, match="SNR") as caught:
            phone(text)
        assert "--column uplink" in caught.value.remedy
    with pytest.raises(ScenarioError, match='no column "DL_bitrate"'):
        phone(GAP, column="downlink")


def test_leading_rows_without_a_value_are_counted():
    result, output = phone(PHONE + "2019.12.16_10.00.00,-,1\n2019.12.16_10.00.01,10,1\n")
    assert result == [(1, TEN)] and any("1 row before the first SNR skipped" in line for line in output)


def test_mahimahi_tells_of_holes_and_of_a_bin_too_short():
    messages: list[str] = []
    mahimahi.parse("0\n104\n4164\n4301\n", "up", say=messages.append)
    assert any("4,060 ms without a line, begins at 104 ms" in line for line in messages)
    assert any("the last bin lasts 1 ms only" in line for line in messages)
    assert any("12,000 bit" in line and "4,301 ms" in line for line in messages)


def rate_lines(text, **how):
    messages: list[str] = []
    link = rate_text.parse(text, "r.txt", LinkTrace(**how), messages.append)
    return (
        sum(link.durations_ns),
        sum(a * b for a, b in zip(link.durations_ns, link.rates_bps, strict=True)) / 1e9,
        messages,
    )


def test_rates_as_text_hold_before_or_after_their_instants_in_the_units_that_are_said():
    span, bits, output = rate_lines("0.0\t2.5\r\n1.5\t1.25\r\n1.5 9\r\n\r\n3.5 0.5\r\n")
    assert (span, bits) == (3_500_000_000, pytest.approx(1.5 * 1.25e6 + 2 * 0.5e6))
    assert any("s and Mbit/s" in line for line in output) and any("1 interval of no length" in line for line in output)
    span, bits, output = rate_lines("24 1900.5\n824 2000\n1024 9\n", time_unit="ms", rate_unit="kbit/s", span="after")
    assert (span, bits) == (1_000_000_000, pytest.approx(0.8 * 1_900_500 + 0.2 * 2e6))
    assert any("begins at 0.024 s" in line for line in output)


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("0 1\n1\n", 2, "1 word where"),
        ("0 1\n1 x\n", 2, "not an instant"),
        ("0 1\n1 nan\n", 2, "not an instant"),
        ("0 1\n1 -1\n", 2, "not an instant"),
        ("5 1\n4 1\n", 2, "comes after"),
        ("0 1\n", 1, "no duration"),
        ("1 1\n1 1\n", 2, "must differ|no duration"),
        ("0 1\n1e99 1\n", 2, "out of range"),
        ("0 1\n1 1e99\n", 2, "out of range"),
    ],
)
def test_mistakes_in_rates_as_text_name_their_line(text, line, message):
    with pytest.raises(ScenarioError, match=message) as caught:
        rate_lines(text)
    assert (caught.value.file, caught.value.line) == ("r.txt", line)


@pytest.mark.parametrize(
    ("name", "text", "kind"),
    [("g.csv", GAP, "5g"), ("m.up", "\n0\n104\n691\n", "mahimahi"), ("r.txt", "0 1\n2 3\n", "text")],
)
def test_a_scenario_reads_what_import_reads_and_says_the_same(tmp_path, name, text, kind):
    (tmp_path / name).write_text(text)
    messages: list[str] = []
    imported: list[str] = []
    items = []
    convert(kind, [tmp_path / name], tmp_path / "own.csv", say=imported.append)
    for file, form in ((name, kind), ("own.csv", "rates")):
        scenario = parse_scenario(f"radio: {{trace: {{file: {file}, format: {form}}}}}", str(tmp_path / "s.yaml"))
        radio = inputs.resolve(scenario, messages.append).system.radio
        items.append((radio.trace_edges_ns, radio.trace_bps, radio.trace_period_ns))
    assert items[0] == items[1] and messages == [f"{name}: {line}" for line in imported] != []


def test_the_format_is_found_below_blank_lines_and_two_numbers_are_not_guessed(tmp_path):
    for text, form in (("\n\n5\n70\n", "mahimahi"), ("\n" + GAP, "5g"), ("\nduration_s,rate_bps\n1,1\n", "rates")):
        assert inputs.link_format(text, "f") == form
    assert inputs.workload_format("\n" + DAY, "f") == "azure"
    with pytest.raises(ScenarioError) as caught:
        inputs.link_format("\n0.5 2.5\n", "f")
    assert caught.value.line == 2 and "format: text" in caught.value.remedy


def test_a_run_says_what_its_trace_had_left_out(tmp_path):
    (tmp_path / "g.csv").write_text(GAP)
    args = ("smoke", "--backend", "sim", "--slots", "3", "--set", "radio.trace.file=g.csv", "--json")
    assert "g.csv: 1 hole longer than 10 s" in call("run", *args, "--out", "r", cwd=tmp_path).stderr
    silent = ("--set", "radio.trace.holes=silence", "--set", "radio.trace.hold=1 h")
    assert "7,200 s are silence" in call("run", *args, *silent, "--out", "q", cwd=tmp_path).stderr


@pytest.mark.parametrize("verb", [("check",), ("compare", "--policies", "lc", "--seeds", "1")])
def test_verbs_that_play_a_trace_often_say_it_once(tmp_path, verb):
    (tmp_path / "g.csv").write_text(GAP)
    traced = ("smoke", "--slots", "3", "--set", "radio.trace.file=g.csv", "--json")
    assert call(*verb, *traced, cwd=tmp_path).stderr.count("g.csv: 1 hole longer than 10 s") == 1


def test_requests_of_several_files_share_a_clock(tmp_path):
    (tmp_path / "a.csv").write_text(DAY + "18:00:10,5,5\n2023-11-16 18:00:00,5,0\n")
    (tmp_path / "b.csv").write_text(DAY + "18:01:17.3,5,5\n2023-11-16 20:00:00,5,5\n")
    messages: list[str] = []
    convert("azure", [tmp_path / "a.csv", tmp_path / "b.csv"], tmp_path / "w.csv", say=messages.append)
    instants = [line.partition(",")[0] for line in (tmp_path / "w.csv").read_text().splitlines()[1:]]
    assert instants == ["0.000000000", "10.000000000", "77.300000000", "7200.000000000"]
    assert "the files are on one clock: a.csv at 0 s, b.csv at 77.3 s" in messages
    assert any("a.csv: 1 row earlier than the row before" in line for line in messages)
    assert any("a.csv: 1 request with 0 tokens" in line for line in messages)
    assert any("the longest pause is 7,122.7 s, 77.3 s after the first request" in line for line in messages)


def test_a_table_without_rows_is_refused_and_its_rate_is_kept(tmp_path):
    (tmp_path / "e.csv").write_text("time_s,ue,input_bits,cycles,deadline_s\n")
    with pytest.raises(ScenarioError, match="no task in it"):
        convert("csv", [tmp_path / "e.csv"], tmp_path / "w.csv")
    (tmp_path / "e.csv").write_text("time_s,ue,input_bits,cycles,deadline_s\n8,ue-1-1,8,8,1\n2,ue-1-1,8,8,1\n")
    messages: list[str] = []
    scenario = parse_scenario("workload: {trace: e.csv, rate: 2, duration: 3 s}", str(tmp_path / "s.yaml"))
    convert("csv", [tmp_path / "e.csv"], tmp_path / "w.csv", ConversionOptions(scenario=scenario), messages.append)
    assert (tmp_path / "w.csv").read_text().splitlines()[1:] == ["1.000000000,ue-1-1,8,8,1.000000000"]
    assert any("1 task later than workload.duration left out" in line for line in messages)


SITES = "ID, LATITUDE, LONGITUDE\r\n101,-37.8,145.0\r\n102,-37.81,145.01\r\n103,0,0\r\n"
USERS = "Latitude,Longitude\r\n-37.8005,145.0005\r\n-37.81,145.01\r\n-12.4,130.9\r\n0,0\r\n"


def city(tmp_path, **options):
    (tmp_path / "s.csv").write_text(SITES)
    (tmp_path / "u.csv").write_text(USERS)
    messages: list[str] = []
    line = convert(
        "eua",
        [tmp_path / "s.csv", tmp_path / "u.csv"],
        tmp_path / "c.yaml",
        ConversionOptions(**options),
        messages.append,
    )
    return line, messages


def test_users_without_a_fix_or_out_of_reach_are_left_out_and_counted(tmp_path):
    line, output = city(tmp_path)
    assert line.endswith("2 cells, 2 UEs")
    assert {
        "s.csv: 1 position at 0, 0 skipped: that is a receiver without a fix",
        "u.csv: 1 position at 0, 0 skipped: that is a receiver without a fix",
        "1 user of 3 farther than 2000 m from every site left out (--radius)",
        "1 user nearer than 1 m to a site put at 1 m",
    } == set(output)
    assert city(tmp_path, radius_m=math.inf)[0].endswith("2 cells, 3 UEs")
    assert "1 cell with 1 user left out (--cells)" in city(tmp_path, cells=1)[1]
    (tmp_path / "x").mkdir()
    files, out = [tmp_path / "s.csv", _far_user(tmp_path)], tmp_path / "x" / "c.yaml"
    with pytest.raises(UsageError, match=r"no user is within 0.5 m of a site"):
        convert("eua", files, out, ConversionOptions(radius_m=0.5))


def _far_user(tmp_path):
    (tmp_path / "far.csv").write_text("Latitude,Longitude\n-37.9,145.0\n")
    return tmp_path / "far.csv"


def test_the_nearest_site_is_the_one_that_a_look_at_all_of_them_finds():
    def places(count, seed):
        return tuple(
            eua.Position(math.sin(seed + 7.1 * n) * 80, math.cos(seed * 3 + 1.3 * n) * 180) for n in range(count)
        )

    sites, users = places(60, 1), places(200, 2)
    result = eua._Index(sites)
    for user in users:
        assert result.nearest(user, math.inf) == min((eua.distance_m(site, user), i) for i, site in enumerate(sites))
        assert result.nearest(user, 1.0)[1] == -1
    twice = eua._Index((users[0], users[0]))
    assert twice.nearest(users[0], 5.0) == (0.0, 0)


def test_a_mac_s_companion_files_are_skipped(tmp_path):
    (tmp_path / "._a.up").write_bytes(b"\x00\x05\x16\x07\x00\xff")
    (tmp_path / "a.up").write_text("5\n100\n")
    messages: list[str] = []
    convert("mahimahi", [tmp_path / "._a.up", tmp_path / "a.up"], tmp_path / "o.csv", say=messages.append)
    assert any("._a.up skipped" in line for line in messages)
    with pytest.raises(UsageError, match="no file left"):
        convert("mahimahi", [tmp_path / "._a.up"], tmp_path / "p.csv")


@pytest.mark.parametrize(
    "option",
    [
        ("--hold", "0.5 s"),
        ("--hold", "-1"),
        ("--holes", "fill"),
        ("--column", "SNR"),
        ("--cells", "3"),
        ("--radius", "0 m"),
        ("--bin", "1 s"),
        ("--time-unit", "s"),
    ],
)
def test_an_option_out_of_range_or_of_another_kind_is_refused_in_its_name(tmp_path, option):
    (tmp_path / "g.csv").write_text(GAP)
    result = call("import", "5g", "g.csv", "-o", "o.csv", f"{option[0]}={option[1]}", cwd=tmp_path, code=2)
    assert option[0] in result.stderr and not (tmp_path / "o.csv").exists()


def test_import_prints_its_notes_below_what_it_wrote(tmp_path):
    (tmp_path / "g.csv").write_text(GAP)
    result = call("import", "5g", "g.csv", "-o", "o.csv", "--hold", "30 s", cwd=tmp_path).stdout.splitlines()
    assert result[0].startswith("o.csv: 3 segments over 33 s") and all(line.startswith("  ") for line in result[1:])
    assert any("1 hole longer than 30 s" in line for line in result)


def test_azure_mixes_of_zones_are_said(tmp_path):
    messages: list[str] = []
    (tmp_path / "a").write_text(DAY + "18:00:00,1,1\n2023-11-16 18:00:01Z,1,1\n")
    assert sum(len(some.at_ns) for some in azure.read(str(tmp_path / "a"), JobOptions(), messages.append)) == 2
    assert messages == ["1 timestamp without a zone, among others with one: taken as UTC"]
