"""Recorded files as their authors published them; skipped where they are not."""

from pathlib import Path

import pytest

from testbed.scenario.load import load_scenario
from testbed.scenario.schema import LinkTrace, RadioSection
from testbed.trace import inputs
from tests.trace.converting import convert

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="no recorded data beside the repository")


@pytest.mark.parametrize(
    ("kind", "folder", "period", "mean"),
    [("mahimahi", "mahimahi", (100, 150), (1.5e6, 7e6)), ("5g", "5g", (600, 7200), (0.5e6, 30e6))],
)
def test_links(kind, folder, period, mean):
    for file in sorted((DATA / folder).iterdir()):
        for name in (kind, "auto"):
            link = inputs.read_link(LinkTrace(file=str(file), format=name), RadioSection(bandwidth_hz=2e6))
            seconds = sum(link.durations_ns) * 1e-9
            bits = sum(ns * bps * 1e-9 for ns, bps in zip(link.durations_ns, link.rates_bps, strict=True))
            assert period[0] < seconds < period[1]
            assert mean[0] < bits / seconds < mean[1]


def test_requests(tmp_path):
    for file in sorted((DATA / "azure-llm").iterdir()):
        notes = convert("azure", [file], tmp_path / "w.csv")
        assert f"{len(file.read_text().splitlines()) - 1} tasks" in notes
        scenario = load_scenario("region", [f"workload.trace={file}", "slots=60"])
        system = inputs.resolve(scenario).system
        assert inputs.generate(scenario, system)


def test_topology(tmp_path):
    assert convert("eua", sorted((DATA / "eua").iterdir()), tmp_path / "city.yaml").endswith("816 UEs")
    system = inputs.resolve(load_scenario(tmp_path / "city.yaml")).system
    assert len(system.ues) == 816
    assert max(ue.distance_m for ue in system.ues) < 1000
