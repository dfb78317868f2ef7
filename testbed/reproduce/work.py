"""Carrying out one unit of work: from a `Unit` to its result, a JSON-able document."""

import math
import resource
import shutil
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

import msgspec

from controller.learn import episodes
from controller.learn.episodes import EpisodeLog
from controller.learn.learner import TrainConfig
from testbed.experiments import runner, tune
from testbed.experiments.rounds import sample_of
from testbed.experiments.virtual import by_twin
from testbed.hindsight import evaluator
from testbed.model.delay import S_PER_NS
from testbed.model.errors import InterruptedRunError
from testbed.model.human import KIB
from testbed.model.task import INTERRUPTED
from testbed.policy import checkpoint, loading
from testbed.policy.heuristics import Policy
from testbed.record.backends import TESTBED
from testbed.reproduce import studies
from testbed.reproduce.effort import Effort
from testbed.reproduce.evaluation import FIRST_EVALUATION_SEED, StrategyMeasures, by_heuristic, by_network, measure
from testbed.reproduce.studies import A3C_DO, DQN, EPISODE_SLOTS, FAITHFUL, STUDIES, Study
from testbed.reproduce.units import BOUND, COST, LIVE, PLAY, PRICED_DO, TRAIN, Unit
from testbed.scenario.load import load_scenario
from testbed.scenario.schema import Scenario
from testbed.trace import inputs
from testbed.twin import build
from testbed.twin.twin import Twin
from testbed.twin.views import cell_view

Document = dict[str, object]
EVALUATED_SLOTS, _DIGITS = 1000, 9
WARM_UP_EPISODES, TIMED_SLOTS = 8, 100


def network_path(folder: Path, unit: Unit) -> Path:
    """Where the network of a training is kept."""
    return folder / "networks" / f"{unit.stem}.npz"


def carry_out(unit: Unit, effort: Effort, folder: Path) -> Document:
    """Carry out ``unit``; networks and runs go below ``folder``. Raises `TestbedError` as trainings and runs do."""
    return _KINDS[unit.kind](unit, effort, folder)


def _train(unit: Unit, effort: Effort, folder: Path) -> Document:
    study = STUDIES[unit.study]
    config = studies.config_of(study, unit.strategy, unit.density, unit.seed, effort)
    params, log = episodes.train(config, studies.plan_of(study, unit.strategy, effort))
    checkpoint.save(network_path(folder, unit), {"parameters": params}, {**config.about, "study": study.name})
    scenario, seeds = _evaluated(study, unit.density, effort)
    system = inputs.resolve(scenario).system
    there, values = msgspec.structs.replace(config, system=system), config.algorithm == DQN
    source, sampling = build.generator(scenario, system, endless=False), study.config == FAITHFUL and not values
    player = by_network(there, source, params, len(seeds), sampling=sampling)
    return {"log": _rounded(log), "measured": _rounded(measure(player, seeds))}


def _play(unit: Unit, effort: Effort, folder: Path) -> Document:
    study = STUDIES[unit.study]
    scenario, reward = studies.scenario_of(study, unit.density), studies.reward_of(study)
    double = unit.strategy.endswith(loading.DOUBLE)
    if unit.strategy == PRICED_DO:
        tuned = tune.tune(scenario, PRICED_DO, 0, lambda text, share: None)
        tune.write(tuned, tuned_folder(folder, unit))
        policy = tune.policy_of(tuned.policy, tuple(tuned.values.values()))
    else:
        policy = loading.load(unit.strategy)[0]
    system = inputs.resolve(scenario).system
    log = episodes.play(
        system,
        build.generator(scenario, system, endless=True),
        policy,
        studies.plan_of(study, unit.strategy, effort),
        double=double,
        reward=reward,
        seed=unit.seed,
    )
    longer, seeds = _evaluated(study, unit.density, effort)
    there = inputs.resolve(longer).system
    source = build.generator(longer, there, endless=False)
    player = by_heuristic(there, source, policy, len(seeds), double=double, reward=reward)
    return {"log": _rounded(log), "measured": _rounded(measure(player, seeds))}


def tuned_folder(folder: Path, unit: Unit) -> Path:
    """Where the tuned values of a heuristic are kept."""
    return folder / "networks" / unit.stem


def _evaluated(study: Study, density: float, effort: Effort) -> tuple[Scenario, range]:
    """What is evaluated on: episodes like those of training in the faithful setting, long runs in ours."""
    slots = EPISODE_SLOTS if study.config == FAITHFUL else min(EVALUATED_SLOTS, effort.evaluation_slots // 2)
    count = max(2, effort.evaluation_slots // slots)
    scenario = studies.scenario_of(study, density, slots)
    return scenario, range(FIRST_EVALUATION_SEED, FIRST_EVALUATION_SEED + count)


def _cost(unit: Unit, effort: Effort, folder: Path) -> Document:
    """CPU time and memory of a training in a process that did nothing else before but compile, and decision times."""
    study = STUDIES[unit.study]
    config = studies.config_of(study, unit.strategy, unit.density, unit.seed, effort)
    plan = studies.plan_of(study, unit.strategy, effort)
    episodes.train(config, msgspec.structs.replace(plan, episodes=WARM_UP_EPISODES))
    before, began = _peak_bytes(), time.process_time()
    params, _ = episodes.train(config, msgspec.structs.replace(plan, episodes=effort.cost_episodes))
    cpu_s, after = time.process_time() - began, _peak_bytes()
    path = network_path(folder, unit)
    checkpoint.save(path, {"parameters": params}, config.about)
    policy, _ = loading.load(f"{unit.strategy}:{path}")
    return {
        "cpu_s": cpu_s,
        "episodes": effort.cost_episodes,
        "peak_bytes": after,
        "grown_bytes": after - before,
        "parameters": len(params),
        "decision_s": _decision_s(config, policy),
    }


def _peak_bytes() -> int:
    """The most memory that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * KIB


def _decision_s(config: TrainConfig, policy: Policy) -> float:
    """The median time of a cell's decisions, of slots in which a cell has any."""
    twin = Twin(config.system, config.source, double=config.double)
    twin.use(loading.load("greedy")[0])
    twin.reset(FIRST_EVALUATION_SEED)
    times = []
    for _ in range(TIMED_SLOTS):
        for cell in range(len(config.system.edge_servers)):
            view = cell_view(twin, 0, cell)
            if any(ue.tasks for ue in view.ues):
                began = time.perf_counter_ns()
                policy.decide(view, Random(0))
                times.append((time.perf_counter_ns() - began) * S_PER_NS)
        twin.advance(1)
    return statistics.median(times) if times else math.nan


def _bound(unit: Unit, effort: Effort, folder: Path) -> Document:
    """The best found in hindsight and its bound, beside `priced-do` and the network of the first seed."""
    study = STUDIES[unit.study]
    tuned = tuned_folder(folder, Unit(kind=PLAY, study=unit.study, strategy=PRICED_DO, density=unit.density))
    network = network_path(folder, Unit(kind=TRAIN, study=unit.study, strategy=unit.strategy, density=unit.density))
    names = {
        PRICED_DO: f"{PRICED_DO}:{tuned / PRICED_DO}.json",
        A3C_DO: f"{A3C_DO}:{network}",
        "greedy-do": "greedy-do",
    }
    scenario = studies.scenario_of(study, unit.density, effort.bound_slots)
    overheads: list[dict[str, float]] = []
    for seed in range(FIRST_EVALUATION_SEED, FIRST_EVALUATION_SEED + effort.bound_workloads):
        resolved = inputs.resolve(msgspec.structs.replace(scenario, seed=seed))
        workload = inputs.generate(resolved.scenario, resolved.system)
        case = evaluator.of_scenario(resolved, workload, list(names.values()))
        best = evaluator.evaluate(case, effort.bound_evaluations, lambda share, text: False)
        played = {name: best.played[policy].overhead for name, policy in names.items()}
        overheads.append({"best found": best.best, "lower bound": best.bound, **played})
    return {"overhead": {name: [round(one[name], _DIGITS) for one in overheads] for name in overheads[0]}}


def _live(unit: Unit, effort: Effort, folder: Path) -> Document:
    """A run on processes and the same on the twin: the workload of the seed, decided by a frozen strategy."""
    study = STUDIES[unit.study]
    changes = [*study.changes, f"density={unit.density:g}", f"slots={effort.live_slots}", f"seed={unit.seed}"]
    scenario = load_scenario(study.scenario, [*changes, f"emulation.speed={effort.live_speed:g}"])
    resolved = inputs.resolve(scenario)
    workload = inputs.generate(resolved.scenario, resolved.system)
    name = unit.strategy
    if name.partition("-")[0] in loading.LEARNED:
        trained = Unit(kind=TRAIN, study=unit.study, strategy=name, density=unit.density)
        name = f"{name}:{network_path(folder, trained)}"
    out = folder / "runs" / unit.stem
    shutil.rmtree(out, ignore_errors=True)
    run = runner.execute(runner.Order(resolved=resolved, workload=workload, policy=name, backend=TESTBED, out=str(out)))
    if run.reason == INTERRUPTED:
        raise InterruptedRunError(f"{run.path} was interrupted")
    summary, measured = runner.summary_of(run), sample_of(run)
    policy, double = loading.load(name)
    plan = resolved.plan(workload, name, second_offload=double, live=False)
    tasks = [row for row in by_twin(plan, policy).tasks if row.finished_ns >= 0]
    count = max(1, len(tasks))
    return {
        "grade": summary.fidelity.grade or "not graded",
        "testbed": {"delay_s": measured.delay_s, "energy_j": measured.energy_j, "overhead": measured.overhead},
        "twin": {
            "delay_s": sum(row.measured_ns for row in tasks) * S_PER_NS / count,
            "energy_j": sum(row.energy_j for row in tasks) / count,
            "overhead": sum(row.overhead for row in tasks) / count,
        },
    }


_KINDS: dict[str, Callable[[Unit, Effort, Path], Document]] = {
    TRAIN: _train,
    PLAY: _play,
    COST: _cost,
    BOUND: _bound,
    LIVE: _live,
}


def _rounded(measured: EpisodeLog | StrategyMeasures) -> Document:
    """The fields of a struct of lists, floats to nine digits, which no figure shows and every file need not hold."""
    return {name: _digits(value) for name, value in msgspec.to_builtins(measured).items()}


def _digits(value: object) -> object:
    if isinstance(value, list):
        return [_digits(item) for item in value]
    return float(f"{value:.{_DIGITS}g}") if isinstance(value, float) else value
