"""The file by itself: Compose, either of the two, brings a run up and ends with its summary and exit code."""

import re

import pytest

from testbed.model.exit_codes import EXIT_THRESHOLD
from tests.containers.support import OWNER, written

pytestmark = [pytest.mark.containers, pytest.mark.slow]


def test_up_ends_with_the_summary_and_the_exit_code_of_the_run(compose):
    written(compose.clone, "--slots", "20")
    said = compose("up", "--no-build", "--exit-code-from", "recorder")
    assert re.search(r"recorder .*33 generated: \d+ completed", said) and "fidelity" in said
    kept = list((compose.clone / "runs").rglob("*"))
    assert any(path.name == "run.db" for path in kept) and {path.stat().st_uid for path in kept} == {OWNER}
    compose("down", "--volumes")
    written(compose.clone, "--slots", "20", "--set", "thresholds.delay_mean=< 1 ms")
    said = compose("up", "--no-build", "--exit-code-from", "recorder", code=EXIT_THRESHOLD)
    assert re.search(r"recorder .*33 generated: \d+ completed", said)
