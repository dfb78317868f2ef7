"""Compile everything that is ever compiled, so that nobody waits for it later: ``python -m testbed.cli.compiling``."""

import sys
import tempfile
from pathlib import Path

import numpy as np

from controller.learn.collect import Actor
from controller.learn.evaluate import evaluate
from controller.learn.learner import A3cLearner, TrainConfig
from testbed.experiments.virtual import by_twin, sample_by_twin
from testbed.hindsight import evaluator
from testbed.hindsight.search import SEARCH_BATCH
from testbed.planning.answering import answering
from testbed.policy import loading
from testbed.policy.learned import Learned
from testbed.policy.network import REGIONAL, initial, layout
from testbed.policy.planned import USUAL_BASE, Planned
from testbed.policy.regional import RegionalNetwork
from testbed.record import bulk
from testbed.scenario.load import load_scenario
from testbed.trace import inputs
from testbed.twin import build, run
from testbed.twin.twin import Twin

CHANGES = ("slots=3",)
COMPILED_POLICY = "greedy-do"


def everything() -> None:
    """Call every entry point once, on a scenario of three slots; what is compiled already is only loaded."""
    resolved = inputs.resolve(load_scenario("smoke", CHANGES))
    system = resolved.system
    endless, finite = (build.generator(resolved.scenario, system, endless=kind) for kind in (True, False))
    twin = Twin(system, endless, double=True)
    twin.reset(1)
    twin.observe()
    twin.turn(np.zeros((1, len(system.ues)), np.int8))
    twin.advance(1)
    workload = inputs.generate(resolved.scenario, system)
    played = Twin(system, build.table(system, workload), recording=True)
    played.reset(1)
    shape = (system.slots + 1, len(system.ues))
    played.repeat(np.zeros(shape, np.int8), np.zeros(shape, np.int64))
    evaluate(system, finite, double=True, params=initial(1), actor=Actor(), seeds=[1])
    plan = resolved.plan(workload, COMPILED_POLICY, second_offload=True, live=False)
    with tempfile.TemporaryDirectory(prefix="testbed-") as folder:
        bulk.write(Path(folder) / "run.db", {}, [run.run(plan, loading.load(COMPILED_POLICY)[0]).tasks], [])
    network = Learned(initial(1), double=True)
    by_twin(plan, network)
    sample_by_twin(plan, network)
    for base in (USUAL_BASE, network):
        by_twin(plan, Planned(base))
    answering(system, RegionalNetwork(initial(1, layout(REGIONAL)), double=True))
    regional = TrainConfig(system=system, source=endless, double=True, head=REGIONAL, updates=1)
    A3cLearner(regional, 0).grad(regional.start, 0)
    case = evaluator.of_scenario(resolved, workload, [COMPILED_POLICY])
    evaluator.evaluate(case, SEARCH_BATCH, lambda share, text: False)


def main() -> int:
    """Compile; returns the exit code."""
    everything()
    return 0


if __name__ == "__main__":
    sys.exit(main())
