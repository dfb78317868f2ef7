"""Readers of recorded files, on small files of the same formats made here."""

import math

import pytest

from testbed.model.errors import ScenarioError, UsageError
from testbed.scenario.requests import Request
from testbed.scenario.schema import LinkTrace
from testbed.trace import cellular, eua, imported, mahimahi, rates
from testbed.trace.job import JobOptions
from testbed.trace.notes import quiet
from testbed.trace.spool import spooling
from tests.trace.converting import convert

AZURE = "TIMESTAMP,ContextTokens,GeneratedTokens\n"
PHONE = "Timestamp,Speed,SNR,CQI\n"


def requests(tmp_path, text, **options):
    (tmp_path / "a.csv").write_text(text)
    with spooling() as spool:
        result = imported.gather("azure", [str(tmp_path / "a.csv")], JobOptions(**options), quiet, spool)
        return [
            Request(at - result.begin_ns, bits, cycles)
            for some in spool.by_instant()
            for at, bits, cycles in zip(*(column.tolist() for column in some), strict=True)
        ]


def test_azure_requests_start_at_zero_and_keep_100_ns(tmp_path):
    day = "2023-11-16 18:"
    text = f"{AZURE}{day}15:46.6805900,374,44\n{day}15:46.6805901,1,0\n{day}14:46.6805900,10,3\n"
    assert requests(tmp_path, text, bits_per_token=100, cycles_per_token=1000) == [
        Request(0, 1000, 3000),
        Request(60 * 10**9, 37_400, 44_000),
        Request(60 * 10**9 + 100, 100, 1),
    ]


def test_azure_timestamps_may_carry_a_zone_or_no_fraction(tmp_path):
    text = AZURE + "2024-05-10 00:00:00.009930+00:00,5,5\n2024-05-10T02:00:01+02:00,5,5\n2024-05-10 00:00:02Z,5,5\n"
    assert [r.at_ns for r in requests(tmp_path, text)] == [0, 990_070_000, 1_990_070_000]


def test_azure_without_rows_is_no_workload(tmp_path):
    with pytest.raises(ScenarioError, match="no task in it"):
        requests(tmp_path, AZURE)


@pytest.mark.parametrize(
    ("text", "line", "column", "message"),
    [
        (AZURE + "2023-11-16,3,4\n", 2, 1, "is not a timestamp"),
        (AZURE + "2023-13-16 18:15:46,3,4\n", 2, 1, "is not a timestamp"),
        (AZURE + "2023-11-16 18:15:46,-3,4\n", 2, 21, "out of range"),
        (AZURE + "2023-11-16 18:15:46,3,x\n", 2, 23, "is not a number"),
        (AZURE + "2023-11-16 18:15:46,3\n", 2, 1, "2 cells where the header has 3"),
        ("TIMESTAMP,Tokens\n", 1, 1, "no column"),
        (AZURE + "2023-11-16 18:15:46,9000000000,1\n", 2, 21, "too large a task"),
        ("", 1, 1, "empty"),
    ],
)
def test_azure_mistakes_name_their_place(tmp_path, text, line, column, message):
    with pytest.raises(ScenarioError, match=message) as caught:
        requests(tmp_path, text, bits_per_token=10**9)
    assert (caught.value.line, caught.value.column) == (line, column)
    assert str(caught.value.file).endswith("a.csv")


def moved(link):
    return sum(ns * bps * 1e-9 for ns, bps in zip(link.durations_ns, link.rates_bps, strict=True))


def test_mahimahi_moves_exactly_its_opportunities():
    link = mahimahi.parse("0\n5\n5\n120\n\n350\n", "up")
    assert sum(link.durations_ns) == 350_000_000
    assert link.durations_ns == (100_000_000, 100_000_000, 100_000_000, 50_000_000)
    assert link.rates_bps == (360_000.0, 120_000.0, 0.0, 240_000.0)
    assert moved(link) == pytest.approx(5 * 12_000)


def test_mahimahi_bins_of_equal_rate_become_one():
    link = mahimahi.parse("".join(f"{ms}\n" for ms in range(1, 1001)), "up", bin_ns=500_000_000)
    assert moved(link) == pytest.approx(1000 * 12_000)
    assert len(mahimahi.parse("10\n110\n210\n300\n", "up").rates_bps) == 2


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("1\n3\n2\n", 3, "2 ms comes after 3 ms"),
        ("1\nx\n", 2, "not an instant"),
        ("1.5\n", 1, "not an instant"),
        ("", 1, "no duration"),
        ("0\n0\n", 1, "no duration"),
    ],
)
def test_mahimahi_mistakes_name_their_line(text, line, message):
    with pytest.raises(ScenarioError, match=message) as caught:
        mahimahi.parse(text, "up")
    assert (caught.value.file, caught.value.line) == ("up", line)


def test_5g_holds_missing_values_and_shares_seconds():
    text = PHONE + (
        "2019.12.16_07.22.42,0,-,1\n2019.12.16_07.22.43,0,0.0,1\n2019.12.16_07.22.43,0,10,1\n"
        "2019.12.16_07.22.44,0,-,1\n2019.12.16_07.22.47,0,-10.0,1\n"
    )
    link = cellular.parse(text, "5g.csv", 1e6)
    ten = 1e6 * math.log2(11)
    assert link.durations_ns == (500_000_000, 3_500_000_000, 1_000_000_000)
    assert link.rates_bps == pytest.approx((1e6, ten, 1e6 * math.log2(1.1)))


@pytest.mark.parametrize(
    ("text", "line", "column", "message"),
    [
        (PHONE + "2019-12-16 07:22:43,0,3,1\n", 2, 1, "is not a timestamp"),
        (PHONE + "2019.12.16_07.22.63,0,3,1\n", 2, 1, "is not a timestamp"),
        (PHONE + "2019.12.16_07.22.43,0,loud,1\n", 2, 23, "is not a number"),
        (PHONE + "2019.12.16_07.22.43,0,300,1\n", 2, 23, "out of range"),
        ("Timestamp,CQI\n", 1, 1, "no column"),
        (PHONE + "2019.12.16_07.22.43,0,-,1\n", 0, 0, "no row has an SNR"),
    ],
)
def test_5g_mistakes_name_their_place(text, line, column, message):
    with pytest.raises(ScenarioError, match=message) as caught:
        cellular.parse(text, "5g.csv", 1e6)
    assert (caught.value.file, caught.value.line, caught.value.column) == ("5g.csv", line, column)


def test_own_link_traces_survive_writing_and_reading():
    link = mahimahi.parse("0\n5\n5\n120\n350\n", "up")
    assert rates.parse(rates.format_csv(link), "r.csv") == link


@pytest.mark.parametrize(
    ("rows", "line", "message"),
    [
        ("0,5\n", 2, "no duration"),
        ("1,-5\n", 2, "out of range"),
        ("1,0\n", 0, "never moves a bit"),
        ("x,0\n", 2, "not a number"),
    ],
)
def test_own_link_trace_mistakes(rows, line, message):
    with pytest.raises(ScenarioError, match=message) as caught:
        rates.parse("duration_s,rate_bps\n" + rows, "r.csv")
    assert caught.value.line == line


SITES = 'SITE_ID,LATITUDE,LONGITUDE,NAME\n7,-37.80,144.90,"A, north"\n8,-37.80,144.91,B\n9,-38.80,144.91,far\n'
USERS = "Latitude,Longitude\n-37.80,144.9\n-37.801,144.9\n-37.8,144.909\n"


def test_users_join_their_nearest_site():
    is_sites, sites = eua.parse(SITES, "s.csv")
    is_users, users = eua.parse(USERS, "u.csv")
    assert is_sites and not is_users
    cells = eua.topology(sites, users)
    assert [site.name for site, _ in cells] == ["7", "8"]
    assert cells[0][1] == pytest.approx([1.0, 111.195], rel=1e-3)
    assert cells[1][1] == pytest.approx([111.195 * math.cos(math.radians(37.8))], rel=1e-3)
    assert [site.name for site, _ in eua.topology(sites, users, cells=1)] == ["7"]
    assert [len(ues) for _, ues in eua.topology(sites, users, ues_per_cell=1)] == [1, 1]


def test_eua_mistakes_name_their_place():
    for text, line, column in ((USERS + "-95,3\n", 5, 1), (USERS + "3,190\n", 5, 3), (USERS + "3,east\n", 5, 3)):
        with pytest.raises(ScenarioError) as caught:
            eua.parse(text, "u.csv")
        assert (caught.value.line, caught.value.column) == (line, column)
    with pytest.raises(ScenarioError, match="no position"):
        eua.parse("Latitude,Longitude\n", "u.csv")


@pytest.mark.parametrize(
    ("sites", "users", "distances"),
    [
        (
            "id,x,y\na,0,0\nb,1000,0\n",
            "X, Y\n30,40\n1000,-0.5\n0,0\n700,0\n",
            [("a", [1.0, 50.0]), ("b", [1.0, 300.0])],
        ),
        ("SITE_ID,LAT,LON\na,10,10\n", "lat,lng\n10,10.001\n0,0\n", [("a", [109.5])]),
    ],
)
def test_places_may_be_in_metres_or_named_otherwise(sites, users, distances):
    (_, there), (_, around) = eua.parse(sites, "sites"), eua.parse(users, "users")
    result = eua.topology(there, around)
    assert [(site.name, [round(one, 1) for one in each]) for site, each in result] == distances


def test_degrees_and_metres_are_not_mixed(tmp_path):
    (tmp_path / "sites.csv").write_text("SITE_ID,x,y\na,0,0\n")
    (tmp_path / "users.csv").write_text("lat,lon\n1,1\n")
    with pytest.raises(UsageError, match="degrees"):
        convert("eua", [tmp_path / "sites.csv", tmp_path / "users.csv"], tmp_path / "o.yaml")
    with pytest.raises(ScenarioError, match="out of range"):
        eua.parse("x,y\n1e8,0\n", "f")


def test_a_long_silence_of_mahimahi_takes_no_memory():
    result = mahimahi.parse("1\n99999999999\n", "v.up", 1_000_000)
    assert result.durations_ns == (1_000_000, 1_000_000, 99_999_999_996_000_000, 1_000_000)
    assert [rate > 0 for rate in result.rates_bps] == [False, True, False, True]


@pytest.mark.parametrize("text", ["duration_s,rate_bps\n1,1e300\n", "duration_s,rate_bps\n1,5\n2,1e16\n"])
def test_a_rate_that_no_link_has_is_refused(text):
    with pytest.raises(ScenarioError, match="are the most"):
        rates.parse(text, "r.csv")
    phone = "Timestamp,UL_bitrate\n2020.01.02_08.00.00,1e300\n"
    with pytest.raises(ScenarioError, match="are the most"):
        cellular.parse(phone, "p.csv", 1e6, LinkTrace(column="uplink"))


@pytest.mark.parametrize(
    ("head", "why", "remedy"),
    [
        ("duration_s;rate_bps", 'no column "duration_s"', "apart by semicolons"),
        ("duration_s\trate_bps", 'no column "duration_s"', "apart by tabs"),
        ("duration_s,rate_bps,rate_bps", '"rate_bps" is there twice', "leave one"),
    ],
)
def test_a_header_that_cannot_be_meant_is_refused_with_what_is_wrong(head, why, remedy):
    with pytest.raises(ScenarioError, match=why) as caught:
        rates.parse(f"{head}\n1,2,3\n", "r.csv")
    assert remedy in caught.value.remedy


def test_an_import_says_that_a_table_begins_long_after_0(tmp_path):
    (tmp_path / "w.csv").write_text(
        "time_s,ue,input_bits,cycles,deadline_s\n1700000000,ue-1-1,10,10,1\n", encoding="utf-8"
    )
    messages: list[str] = []
    convert("csv", [tmp_path / "w.csv"], tmp_path / "o.csv", say=messages.append)
    assert any("1,700,000,000 s: play it with workload.start: first" in line for line in messages)


def test_an_import_refuses_a_request_that_no_scenario_takes(tmp_path):
    (tmp_path / "a.csv").write_text(AZURE + "2023-11-16 18:15:46,99999999999,5\n", encoding="utf-8")
    with pytest.raises(ScenarioError, match="take more than a day"):
        convert("azure", [tmp_path / "a.csv"], tmp_path / "o.csv")
