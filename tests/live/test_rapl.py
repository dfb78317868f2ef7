"""Energy counters of CPU packages, from a directory made like the kernel's."""

import pytest

from testbed.live.rapl import Rapl


@pytest.fixture
def powercap(tmp_path):
    for name, value in (("intel-rapl:0", 900), ("intel-rapl:1", 100), ("intel-rapl:0:0", 5)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "energy_uj").write_text(f"{value}\n")
        (tmp_path / name / "max_energy_range_uj").write_text("1000\n")
    return tmp_path


def test_packages_are_summed_without_their_parts_and_over_a_wrap(powercap):
    rapl = Rapl(powercap)
    assert rapl.joules() == 0.0 and rapl.problem == ""
    (powercap / "intel-rapl:0" / "energy_uj").write_text("200\n")
    (powercap / "intel-rapl:1" / "energy_uj").write_text("400\n")
    assert rapl.joules() == pytest.approx((300 + 300) * 1e-6)


def test_without_counters_it_says_so(tmp_path):
    rapl = Rapl(tmp_path)
    assert rapl.joules() is None and "no energy counters" in rapl.problem


def test_counters_that_cannot_be_read_are_named(powercap):
    rapl = Rapl(powercap)
    (powercap / "intel-rapl:1" / "energy_uj").write_text("none")
    assert rapl.joules() is None and "cannot be read any more" in rapl.problem
    assert "cannot be read" in Rapl(powercap).problem
