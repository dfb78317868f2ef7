"""Prometheus, Debian's in place of its own image, accepts the shipped file and answers what the dashboard asks for."""

import json
import os
import subprocess
import urllib.parse

import pytest
import yaml

from tests.command import ROOT
from tests.containers.engine import FETCH_S, docker
from tests.containers.support import FILE, finished, wait_until, written

pytestmark = [pytest.mark.containers, pytest.mark.slow]
OBSERVE = ROOT / "compose" / "observe"
BOARD = json.loads((OBSERVE / "grafana" / "dashboards" / "run.json").read_text())
ASKED = sorted({target["expr"] for panel in BOARD["panels"] for target in panel["targets"]})
ONLY_OF_LEARNING = {"testbed_learning_updates_per_second"}
ASK = """
import sys, urllib.error, urllib.request
try:
    answer = urllib.request.urlopen('http://127.0.0.1:9090/api/v1/query?query=' + sys.argv[1])
except urllib.error.HTTPError as error:
    answer = error
except urllib.error.URLError:
    sys.exit('it does not answer yet')
print(answer.read().decode())
"""
COPIED = 'FROM {base}\nCOPY prometheus /usr/bin/prometheus\nENTRYPOINT ["/usr/bin/prometheus"]\n'


@pytest.fixture(scope="module", name="programs")
def _programs(tmp_path_factory):
    """Debian's Prometheus and its promtool, unpacked."""
    remaining = ROOT / "build" / "engine" / "prometheus"
    if not remaining.is_dir():
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
        remaining.parent.mkdir(parents=True, exist_ok=True)
        (folder / "root" / "usr" / "bin").rename(remaining)
    return remaining


def test_promtool_finds_nothing_wrong(programs):
    subprocess.run([programs / "promtool", "check", "config", OBSERVE / "prometheus.yaml"], check=True)


@pytest.fixture(name="prometheus")
def _prometheus(compose, programs, tmp_path):
    """Asks the service `prometheus` of a run with its profile, which goes on meanwhile; what it answers."""
    written(compose.clone, "--slots", "4000")
    image = yaml.safe_load((compose.clone / FILE).read_text())["services"]["prometheus"]["image"]
    (tmp_path / "Dockerfile").write_text(COPIED.format(base=os.environ["TESTBED_BASE"]))
    (tmp_path / "prometheus").hardlink_to(programs / "prometheus")
    docker("build", "--quiet", "--network", "none", "--tag", image, str(tmp_path))
    try:
        members = ("recorder", "controller", "es-1", "ue-1-1", "ue-1-2")
        compose("--profile", "observe", "up", "--no-build", "--detach", *members, "prometheus")
        [name] = docker("ps", "--filter", f"ancestor={image}", "--format", "{{.Names}}").split()

        def asked(expression):
            command = ["docker", "exec", name, "python3", "-c", ASK, urllib.parse.quote(expression)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            return json.loads(done.stdout)["data"]["result"] if done.returncode == 0 else []

        yield asked
    finally:
        compose("down", "--volumes")
        docker("image", "rm", "--force", image)


@pytest.mark.parametrize("compose", ["1.29"], indirect=True)
def test_prometheus_in_its_container_answers_what_every_panel_asks_for(compose, prometheus):
    wait_until(lambda: any(finished(run) >= 10 for run in compose.clone.glob("runs/*")))
    wait_until(lambda: [one["value"][1] for one in prometheus('up{job="testbed"}')] == ["1"])
    assert len(ASKED) >= 10
    for expression in ASKED:
        if expression in ONLY_OF_LEARNING:
            assert prometheus(expression) == []
        else:
            wait_until(lambda expression=expression: prometheus(expression))
    [done] = prometheus('testbed_tasks_total{fate="completed"}')
    assert int(done["value"][1]) > 0 and done["metric"]["scenario"] == "smoke"
