"""Trainings of one algorithm that differ in their seed, each a piece of work of its own."""

from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from functools import partial
from pathlib import Path

import msgspec

from controller.learn import curves
from testbed.experiments.train import Training, TrainingJob, TrainingResult
from testbed.model.errors import UsageError
from testbed.policy import checkpoint
from testbed.record.files import keep
from testbed.scenario.schema import Scenario
from testbed.workers.apart import in_scratch
from testbed.workers.item import Item
from testbed.workers.seam import Stopped, as_done


class SeedTraining(msgspec.Struct, frozen=True, kw_only=True):
    """What a training of ``seed`` came to, the files that it made, by name, and what it said, a line each."""

    seed: int
    result: TrainingResult
    files: dict[str, bytes]
    messages: tuple[str, ...]


def jobs_of(job: TrainingJob, seeds: Sequence[int]) -> list[TrainingJob]:
    """``job`` for each seed, in a folder of its own.

    Raises `UsageError` for a checkpoint that is to be resumed from and is not there.
    """
    jobs = [msgspec.structs.replace(job, seed=seed, folder=job.folder / f"seed-{seed}") for seed in seeds]
    for one in jobs if job.resume else ():
        if not one.path.is_file():
            raise UsageError(f"--resume: there is no {one.path}", "leave it out to begin anew")
    return jobs


def train_all(executor: Executor, jobs: Sequence[TrainingJob], stopped: Stopped) -> Iterator[SeedTraining]:
    """What each training came to, as it comes; ends early when ``stopped`` says so."""
    for _, done in as_done(executor, [Item(partial(_train, job, *_there(job)), job.scenario) for job in jobs], stopped):
        yield done


def kept(job: TrainingJob, training: SeedTraining) -> tuple[TrainingResult, tuple[str, ...]]:
    """The result, its files being where ``job`` wants them, and lines to be said. Raises `StartError`."""
    messages = training.messages
    if not job.resume and training.result.checkpoint and checkpoint.keep_old(job.path):
        messages = (*messages, f"{job.path} was there: kept as {checkpoint.old(job.path).name}")
    for name, content in training.files.items():
        keep(job.folder / name, content)
    path = str(job.path) if training.result.checkpoint else ""
    return msgspec.structs.replace(training.result, checkpoint=path), messages


def _there(job: TrainingJob) -> tuple[dict[str, bytes], tuple[str, ...]]:
    """What a training has to find in its folder: the checkpoint that it goes on from, and names of curves taken."""
    files = {job.path.name: job.path.read_bytes()} if job.resume else {}
    taken = sorted(path.name for path in (job.folder / curves.FOLDER).glob("*"))
    return files, tuple(f"{curves.FOLDER}/{name}" for name in taken)


def _train(
    job: TrainingJob,
    files: dict[str, bytes],
    taken: tuple[str, ...],
    scenario: Scenario,
    strategies: Sequence[str],
) -> SeedTraining:
    messages: list[str] = []

    def train(folder: Path) -> TrainingResult:
        ready = Training(msgspec.structs.replace(job, scenario=scenario, folder=folder))
        return ready.run(ready.baseline(), lambda report: None, messages.append)

    result, written = in_scratch(train, files, str(job.folder), taken)
    return SeedTraining(seed=job.seed, result=result, files=written, messages=tuple(messages))
