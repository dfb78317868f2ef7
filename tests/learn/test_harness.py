"""The engine by which benchmarks go on from what they have measured."""

import importlib
import json
import sys
from pathlib import Path
from unittest import mock

import pytest

from testbed.policy import shipped

FOLDER = Path(__file__).parents[2] / "benchmarks"
with mock.patch.object(sys, "path", [str(FOLDER), *sys.path]):
    harness = importlib.import_module("harness")
    learning = importlib.import_module("learning")
    family = importlib.import_module("family")


def test_what_is_in_a_file_is_not_measured_again(tmp_path):
    out, measured = tmp_path / "runs.jsonl", []

    def run(row):
        measured.append(row["seed"])
        return {"error": row["seed"] / 10}

    rows = [{"table": "one", "seed": seed} for seed in (1, 2)]
    first = harness.measure(rows, out, run)
    again = harness.measure([*rows, {"table": "one", "seed": 3}], out, run)
    assert measured == [1, 2, 3] and again[:2] == first and again[2]["error"] == 0.3
    assert [json.loads(line) for line in out.read_text().splitlines()] == again
    elsewhere = harness.measure([{"table": "one", "seed": 3}], tmp_path / "other.jsonl", run, others=[out])
    assert elsewhere == again[2:] and not (tmp_path / "other.jsonl").exists()


def test_the_shipped_family_is_the_one_that_the_benchmark_makes(capsys):
    family.main()
    assert capsys.readouterr().out == (shipped.NETWORKS_FOLDER / "family.yaml").read_text()


def test_a_label_does_not_tell_measurements_apart(tmp_path):
    rows = [{"table": table, "seed": 1} for table in ("one", "two")]
    runs = iter([{"error": 0.5}])
    entries = harness.measure(rows, tmp_path / "runs.jsonl", lambda row: next(runs), labels=("table",))
    assert [entry["error"] for entry in entries] == [0.5, 0.5]


def test_the_published_trainings_are_those_that_the_benchmark_asks_for(monkeypatch, capsys):
    """Their options stand there as users spell them, whatever the fields of the learner are called."""

    def refused(job, folder):
        pytest.fail(f"measured again: {job}")

    monkeypatch.setattr(learning, "carry_out", refused)
    path = harness.RESULTS / "learning.jsonl"
    known = {learning.key(line) for line in harness.read_entries(path)}
    jobs = [job for table in learning.TABLES for job in learning.jobs(table, range(10)) if job.key in known]
    assert len(jobs) > 50
    entries = harness.measure(map(learning.row_of, jobs), path, lambda row: learning.run(row, path), labels=("table",))
    assert len(entries) == len(jobs)


def test_options_of_a_job_become_fields_of_the_learner():
    from learning_jobs import Job, config_of

    def job_of(algorithm, seed, options):
        return Job(table="", scenario="region", changes=(), algorithm=algorithm, seed=seed, options=options)

    config = config_of(job_of("a3c-do", 1, {"worlds": 3, "slots": 50, "coin": 0.1, "workers": 2}))
    assert (config.num_envs, config.rollout_length, config.actor_critic.epsilon, config.seed) == (3, 50, 0.1, 1)
    config = config_of(job_of("dqn", 2, {"rate": 0.5}))
    assert config.values.learning_rate == 0.5 and config.algorithm == "dqn" and not config.double
