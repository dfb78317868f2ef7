"""Prometheus and Grafana ask for what a run tells, where it tells it."""

import json
import re

import pytest
import yaml

from testbed.compose.file import METRICS_PORT
from testbed.hosts.containers import RECORDER
from testbed.watch.feed import LiveFeed
from testbed.watch.metrics import metrics_of
from tests.command import ROOT
from tests.watch.runs import recorded

pytest.importorskip("prometheus_client")
OBSERVE = ROOT / "compose" / "observe"
BOARD = json.loads((OBSERVE / "grafana" / "dashboards" / "run.json").read_text())
ONLY_WHEN_LEARNING = re.compile(r"testbed_learning_\w+")


def complaint():
    feed = LiveFeed(recorded("region", "slots=20").path)
    shown = feed.frame()
    samples = [one for metric in metrics_of(shown, feed.telemetry.tasks) for one in metric.samples]
    return {(one.name, label) for one in samples for label in one.labels} | {(one.name, "") for one in samples}


def test_every_panel_asks_for_a_metric_there_is_by_labels_that_it_has():
    known = complaint()
    names = {name for name, _ in known} | {"testbed_lateness_p99_seconds"}  # the latter only of live runs
    documented = (ROOT / "docs" / "how-to" / "watch-a-run.md").read_text()
    asked = [target["expr"] for panel in BOARD["panels"] for target in panel["targets"]]
    assert len(asked) >= len(BOARD["panels"]) >= 10
    for expression in asked:
        for name in re.findall(r"testbed_\w+", expression):
            assert name in names or ONLY_WHEN_LEARNING.fullmatch(name), name
            assert name.removesuffix("_bucket") in documented, name
        for label in re.findall(r"by \(([\w, ]+)\)", expression):
            for one in label.split(", "):
                assert any((name, one) in known for name in re.findall(r"testbed_\w+", expression)), (expression, one)


def test_grafana_finds_prometheus_and_prometheus_the_recorder():
    [source] = yaml.safe_load((OBSERVE / "grafana/provisioning/datasources/prometheus.yaml").read_text())["datasources"]
    assert {panel["datasource"]["uid"] for panel in BOARD["panels"]} == {source["uid"]}
    [provider] = yaml.safe_load((OBSERVE / "grafana/provisioning/dashboards/testbed.yaml").read_text())["providers"]
    services = yaml.safe_load((ROOT / "compose" / "compose.yaml").read_text())["services"]
    assert any(provider["options"]["path"] in volume for volume in services["grafana"]["volumes"])
    [job] = yaml.safe_load((OBSERVE / "prometheus.yaml").read_text())["scrape_configs"]
    assert job["static_configs"] == [{"targets": [f"{RECORDER}:{METRICS_PORT}"]}]
    assert f"0.0.0.0:{METRICS_PORT}" in services[RECORDER]["command"]
