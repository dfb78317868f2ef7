"""Decision times of a run, from its record."""

import msgspec
import pytest

from testbed.analysis.decision_latency import Spread, latency_of
from testbed.model.histogram import Histogram
from testbed.protocol.rows import EventRow
from testbed.record import reader
from tests.command import call

MS = 1_000_000


@pytest.fixture
def run(tmp_path):
    call("run", "smoke", "--backend", "sim", "--out", "r", cwd=tmp_path)
    return reader.read_run(tmp_path / "r")


def test_a_simulation_takes_no_time(run):
    assert latency_of(run).seen == latency_of(run).answered == Spread()


def test_the_last_count_of_the_controller_and_every_task_that_it_decided(run):
    run.meta["backend"] = "testbed"
    for count in (1, 100):
        answers = Histogram()
        for value in range(1, count + 1):
            answers.add(value * MS)
        detail = msgspec.json.encode(answers.to_json()).decode()
        run.record.events.append(EventRow(0, "controller", "answers", detail))
    rows = [msgspec.structs.replace(row, think_ns=(n + 1) * MS) for n, row in enumerate(run.tasks)]
    late = [msgspec.structs.replace(rows[0], think_ns=999 * MS, fallback="timeout")]
    run.tasks = rows + late
    result = latency_of(run)
    assert result.answered.p50 == pytest.approx(50, rel=0.05) and result.answered.p99 == pytest.approx(99, rel=0.05)
    assert result.seen.p50 == (len(rows) + 1) / 2 and result.seen.p99 is not None and result.seen.p99 <= len(rows)
