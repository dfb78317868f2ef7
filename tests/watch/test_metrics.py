"""What Prometheus scrapes: conventional names, base units, counts that are the summary's."""

import json
import math
import signal
import socket
import subprocess
import sys
import urllib.request

import msgspec
import pytest

from testbed.experiments.runner import summary_of
from testbed.watch.feed import LiveFeed
from testbed.watch.metrics import metrics_of
from testbed.watch.snapshot import LearnerState
from tests.command import PATIENCE_S, call, environment
from tests.watch.runs import recorded

prometheus = pytest.importorskip("prometheus_client")


def samples():
    run = recorded("region", "slots=20")
    feed = LiveFeed(run.path)
    shown = feed.frame()
    result = [sample for metric in metrics_of(shown, feed.telemetry.tasks) for sample in metric.samples]
    return run, result


def value(result, name, **labels):
    return next(s.value for s in result if s.name == name and labels.items() <= s.labels.items())


def test_metrics_say_what_the_summary_says():
    run, result = samples()
    summary = summary_of(run)
    for fate in ("generated", "completed", "late", "failed", "offloaded", "forwarded"):
        assert value(result, "testbed_tasks_total", fate=fate) == summary.tasks[fate]
    finished = summary.tasks["completed"] + summary.tasks["late"]
    assert value(result, "testbed_task_delay_seconds_count") == finished
    assert value(result, "testbed_task_delay_seconds_bucket", le="+Inf") == finished
    assert value(result, "testbed_task_delay_seconds_sum") == pytest.approx(summary.delay_s.mean * finished)
    assert value(result, "testbed_overhead_mean") == pytest.approx(summary.overhead.mean)
    assert value(result, "testbed_es_up", es="es-1") == 1.0
    joules = [s.value for s in result if s.name == "testbed_ue_energy_joules_total"]
    assert sum(joules) == pytest.approx(summary.energy_j.total)


def test_each_learner_has_samples_of_its_own():
    run = recorded("region", "slots=20")
    feed = LiveFeed(run.path)
    shown = feed.frame()
    assert not any("learning" in metric.name for metric in metrics_of(shown, feed.telemetry.tasks))
    learners = tuple(
        LearnerState(
            name=f"learner-{n}",
            updates=n,
            version=9,
            updates_per_s=2.0,
            lag=1.5,
            loss=(1.0, math.nan if n == 2 else 0.5),
            entropy=(0.3,),
            reward=(-1.0,),
        )
        for n in (1, 2)
    )
    shown = msgspec.structs.replace(shown, learners=learners)
    result = [sample for metric in metrics_of(shown, feed.telemetry.tasks) for sample in metric.samples]
    assert value(result, "testbed_learning_updates", learner="learner-2") == 2.0
    assert value(result, "testbed_learning_lag_versions", learner="learner-1") == 1.5
    assert value(result, "testbed_learning_entropy_nats", learner="learner-1") == 0.3
    losses = [(s.labels["learner"], s.value) for s in result if s.name == "testbed_learning_loss"]
    assert losses == [("learner-1", 0.5)]


def test_buckets_never_fall_and_every_sample_names_scenario_and_policy():
    _, result = samples()
    buckets = [s.value for s in result if s.name == "testbed_task_delay_seconds_bucket"]
    assert buckets == sorted(buckets)
    assert all(s.labels["scenario"] == "region" and s.labels["policy"] == "greedy-do" for s in result)


def test_a_server_answers_scrapes_until_it_is_told_to_end(tmp_path):
    call("run", "smoke", "--backend", "sim", "--slots", "5", "--out", "r", cwd=tmp_path)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "testbed.watch.metrics", "r", "127.0.0.1", str(port)]
    with subprocess.Popen(
        [*command, "--ready", "1"], cwd=tmp_path, env=environment(), stdout=subprocess.PIPE
    ) as server:
        try:
            assert server.stdout is not None
            assert server.stdout.read() == b""  # closed when scrapes are answered
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=PATIENCE_S) as answer:
                assert b'testbed_tasks_total{fate="generated",policy="greedy-do",scenario="smoke"}' in answer.read()
        finally:
            server.send_signal(signal.SIGTERM)
        assert server.wait(PATIENCE_S) == 0


def test_a_port_in_use_is_refused_before_the_run_begins(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        result = call("run", "smoke", "--slots", "2", "--metrics", port, "--out", "r", cwd=tmp_path, code=3)
    assert port in result.stderr and "choose another one" in result.stderr
    assert not (tmp_path / "r").exists()
    call("run", "smoke", "--metrics", "99999", cwd=tmp_path, code=2)
    call("run", "smoke", "--backend", "sim", "--metrics", "9100", cwd=tmp_path, code=2)


@pytest.mark.live
def test_a_live_run_serves_its_metrics_while_it_goes(tmp_path):
    from tests.chaos import support

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = support.begin(tmp_path, "--slots", "400", "--metrics", str(port))
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=PATIENCE_S) as answer:
            text = answer.read().decode()
    finally:
        support.stop(process)
    assert "testbed_emulated_seconds{" in text and 'testbed_es_up{es="es-1"' in text
    assert support.left(tmp_path / "r") == []
    assert json.loads(call("report", "r", "--json", cwd=tmp_path).stdout)["ended"] == "interrupted"
