"""Prometheus, Debian's in place of its own image, reads the shipped file and finds what the dashboard asks for."""

import json
import os
import subprocess
import urllib.parse

import pytest
import yaml

from tests.command import ROOT, call
from tests.containers.engine import FETCH_S, docker
from tests.containers.test_runs import LITTLE, finished, nothing_is_left, wait_until

pytestmark = [pytest.mark.containers, pytest.mark.slow]
OBSERVE = ROOT / "compose" / "observe"
BOARD = json.loads((OBSERVE / "grafana" / "dashboards" / "run.json").read_text())
ASK = """
import json, sys, urllib.request
with urllib.request.urlopen('http://127.0.0.1:9090/api/v1/query?query=' + sys.argv[1]) as answer:
    print(answer.read().decode())
"""
NEVER_HERE = ("testbed_learning_updates_per_second",)  # only of runs that learn
COPIED = "FROM {base}\nCOPY prometheus /usr/bin/prometheus\nENTRYPOINT ['/usr/bin/prometheus']\n".replace("'", '"')


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


def test_prometheus_in_its_container_knows_what_every_panel_asks_for(images, programs, tmp_path):
    call("compose", "smoke", *LITTLE, "--slots", "4000", "-o", "file.yaml", cwd=tmp_path)
    service = yaml.safe_load((tmp_path / "file.yaml").read_text())["services"]["prometheus"]
    (programs / "Dockerfile").write_text(COPIED.format(base=os.environ["TESTBED_BASE"]))
    docker("build", "--quiet", "--tag", service["image"], str(programs))

    def compose(*arguments):
        subprocess.run(
            ["docker-compose", "--file", "file.yaml", "--profile", "observe", *arguments],
            cwd=tmp_path,
            check=True,
            capture_output=True,
        )

    def answer(expression):
        [name] = docker("ps", "--filter", f"ancestor={service['image']}", "--format", "{{.Names}}").split()
        told = docker("exec", name, "python3", "-c", ASK, urllib.parse.quote(expression))
        return json.loads(told)["data"]["result"]

    try:
        compose("up", "--no-build", "--detach", "recorder", "controller", "es-1", "ue-1-1", "ue-1-2", "prometheus")
        wait_until(lambda: any(finished(run) >= 10 for run in tmp_path.glob("runs/*")))
        asked = [target["expr"] for panel in BOARD["panels"] for target in panel["targets"]]
        for expression in asked:
            if expression in NEVER_HERE:
                assert answer(expression) == []
            else:
                wait_until(lambda expression=expression: answer(expression))
        assert [one["value"][1] for one in answer('up{job="testbed"}')] == ["1"]
    finally:
        compose("down", "--volumes")
        docker("image", "rm", "--force", service["image"])
    assert nothing_is_left()
