"""A run for Prometheus: what a scrape finds is the present snapshot of the run's record.

``python -m testbed.watch.metrics RUN ADDRESS PORT`` answers scrapes until it is told to end.
"""

import argparse
import logging
import math
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from testbed.analysis.stream import FATES
from testbed.model.errors import StartError, TestbedError
from testbed.model.fidelity import GRADE_VALUES
from testbed.model.packages import naming_extras
from testbed.record.alive import birth
from testbed.watch.accounts import TaskAccount
from testbed.watch.assessment import only_when_idle
from testbed.watch.feed import LiveFeed
from testbed.watch.snapshot import EsState, LearnerState, Snapshot

if TYPE_CHECKING:
    from prometheus_client.core import Metric

LABELS = ("scenario", "policy")
S_PER_MS, _LOOK_S = 1e-3, 1.0


class RunCollector:
    """Turns snapshots of the run in ``path`` into metrics, in base units."""

    def __init__(self, path: Path) -> None:
        self._feed, self._lock = LiveFeed(path), threading.Lock()

    def collect(self) -> Iterable["Metric"]:
        """Every metric at this moment; called by `prometheus_client` at each scrape."""
        with self._lock:
            return list(metrics_of(self._feed.frame(), self._feed.telemetry.tasks))


def metrics_of(shown: Snapshot, tasks: TaskAccount) -> Iterator["Metric"]:
    """The metrics of one snapshot; ``tasks`` has the histogram of delays."""
    from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily

    run = [shown.scenario, shown.policy]
    ended = CounterMetricFamily("testbed_tasks", "Tasks by what became of them", labels=(*LABELS, "fate"))
    for fate in ("generated", *FATES):
        ended.add_metric([*run, fate], float(getattr(shown.fates, fate)))
    yield ended
    delay = HistogramMetricFamily("testbed_task_delay_seconds", "Delays of finished tasks", labels=LABELS)
    delay.add_metric(run, [(bound, float(count)) for bound, count in tasks.delay_buckets], tasks.delay.total)
    yield delay
    energy = CounterMetricFamily("testbed_ue_energy_joules", "Modelled energy of UEs", labels=(*LABELS, "part"))
    for part, joules in shown.energy:
        energy.add_metric([*run, part], joules)
    yield energy
    yield from _of_servers(shown, run)
    yield from _of_learners(shown, run)
    yield from _of_the_run(shown, run)


def _of_servers(shown: Snapshot, run: list[str]) -> Iterator["Metric"]:
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

    gauges: dict[str, tuple[str, Callable[[EsState], float]]] = {
        "testbed_es_waiting_tasks": ("Tasks that waited at the last slot boundary", lambda es: float(es.waiting)),
        "testbed_es_backlog_seconds": ("Announced backlog", lambda es: es.backlog_s),
        "testbed_es_utilisation_ratio": ("Busy share of core time so far", lambda es: es.utilisation),
        "testbed_es_up": ("Whether the edge server lives", lambda es: float(es.alive)),
    }
    for name, (text, value) in gauges.items():
        gauge = GaugeMetricFamily(name, text, labels=(*LABELS, "es"))
        for es in shown.servers:
            gauge.add_metric([*run, es.name], value(es))
        yield gauge
    forwarded = CounterMetricFamily(
        "testbed_es_forwarded_tasks", "Tasks sent on by second offload", labels=(*LABELS, "es", "direction")
    )
    for es in shown.servers:
        forwarded.add_metric([*run, es.name, "in"], float(es.forwarded_in))
        forwarded.add_metric([*run, es.name, "out"], float(es.forwarded_out))
    yield forwarded


def _of_learners(shown: Snapshot, run: list[str]) -> Iterator["Metric"]:
    """Gauges of each learner; none of a run that does not learn."""
    from prometheus_client.core import GaugeMetricFamily

    gauges: dict[str, tuple[str, Callable[[LearnerState], float]]] = {
        "testbed_learning_updates": ("Updates of a learner so far", lambda one: float(one.updates)),
        "testbed_learning_updates_per_second": ("Its rate", lambda one: one.updates_per_s),
        "testbed_learning_lag_versions": ("Age of the policy that it learns from", lambda one: one.lag),
        "testbed_learning_loss": ("Loss of its last update", lambda one: one.loss[-1]),
        "testbed_learning_entropy_nats": ("Entropy of the policy in it", lambda one: one.entropy[-1]),
    }
    for name, (text, value) in gauges.items() if shown.learners else ():
        gauge = GaugeMetricFamily(name, text, labels=(*LABELS, "learner"))
        for one in shown.learners:
            if math.isfinite(value(one)):
                gauge.add_metric([*run, one.name], value(one))
        yield gauge


def _of_the_run(shown: Snapshot, run: list[str]) -> Iterator["Metric"]:
    """Gauges of the whole run; what is not known is left out."""
    from prometheus_client.core import GaugeMetricFamily

    honesty = shown.honesty
    late_s = None if honesty.late_p99_ms is None else honesty.late_p99_ms * S_PER_MS
    for name, text, value in (
        ("testbed_emulated_seconds", "Emulated time", shown.now_s),
        ("testbed_slot", "The present slot", float(shown.slot)),
        ("testbed_overhead_mean", "Mean overhead of finished tasks", shown.overhead),
        ("testbed_lateness_p99_seconds", "Wall time by which results came late, 99th percentile", late_s),
        ("testbed_slipped_events", "Events acted on out of order so far", float(honesty.slipped)),
        ("testbed_host_steal_ratio", "Share of CPU time taken by the hypervisor", honesty.steal),
        ("testbed_fidelity_grade", "Fidelity: 4 is A, 1 is F; only once graded", GRADE_VALUES.get(honesty.grade or "")),
    ):
        if value is not None:
            gauge = GaugeMetricFamily(name, text, labels=LABELS)
            gauge.add_metric(run, value)
            yield gauge


def main(argv: list[str]) -> int:
    """Serve the metrics of the run that ``argv`` names; returns the exit code."""
    parser = argparse.ArgumentParser(prog="testbed.watch.metrics", description="The metrics of one run.")
    parser.add_argument("run", type=Path, help="the run's directory")
    parser.add_argument("address", help="to listen on")
    parser.add_argument("port", type=int)
    parser.add_argument("--owner", type=int, metavar="PID", help="the process whose end is the end")
    parser.add_argument("--ready", type=int, metavar="FD", help="descriptor to close when scrapes are answered")
    arguments = parser.parse_args(argv)
    logging.basicConfig(format="%(message)s")
    only_when_idle()
    ended = threading.Event()
    for wish in (signal.SIGTERM, signal.SIGINT):
        signal.signal(wish, lambda *_: ended.set())
    try:
        with naming_extras():
            from prometheus_client import CollectorRegistry, start_http_server
        registry = CollectorRegistry()
        registry.register(RunCollector(arguments.run))
        server, thread = start_http_server(arguments.port, arguments.address, registry)
    except TestbedError as error:
        logging.error("%s", error)
        return error.exit_code
    except OSError as error:
        logging.error("port %d of %s: %s", arguments.port, arguments.address, error.strerror)
        return StartError.exit_code
    if arguments.ready is not None:
        os.close(arguments.ready)
    while not ended.wait(_LOOK_S) and (arguments.owner is None or birth(arguments.owner) is not None):
        pass
    server.shutdown()
    thread.join()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
