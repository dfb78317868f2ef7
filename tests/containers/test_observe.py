"""Debian's promtool finds nothing wrong with the shipped file of Prometheus."""

import subprocess

import pytest

from tests.command import ROOT
from tests.containers.engine import FETCH_S

pytestmark = [pytest.mark.containers, pytest.mark.slow]
OBSERVE = ROOT / "compose" / "observe"


@pytest.fixture(scope="module", name="programs")
def _programs(tmp_path_factory):
    """Debian's Prometheus and its promtool, unpacked."""
    kept = ROOT / "build" / "engine" / "prometheus"
    if not kept.is_dir():
        folder = tmp_path_factory.mktemp("prometheus")
        try:
            done = subprocess.run(
                ["apt-get", "download", "prometheus"], cwd=folder, capture_output=True, text=True, timeout=FETCH_S
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            pytest.skip(f"Prometheus cannot be fetched: {error}")
        if done.returncode != 0:
            pytest.skip(f"Prometheus cannot be fetched: {done.stderr.strip().splitlines()[-1]}")
        [deb] = folder.glob("*.deb")
        subprocess.run(["dpkg-deb", "-x", deb, folder / "root"], check=True)
        kept.parent.mkdir(parents=True, exist_ok=True)
        (folder / "root" / "usr" / "bin").rename(kept)
    return kept


def test_promtool_finds_nothing_wrong(programs):
    subprocess.run([programs / "promtool", "check", "config", OBSERVE / "prometheus.yaml"], check=True)
