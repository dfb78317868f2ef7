"""A network on the twin, asked or compiled: ``python benchmarks/networks.py [--json]``, CPU time of one core, medians.

Both play the same workload of `region` to its end and record it; their records must be equal before they are timed.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

from harness import report, table
from testbed.experiments.virtual import sample_by_twin
from testbed.model.system import Plan
from testbed.policy.heuristics import Policy
from testbed.policy.learned import Learned
from testbed.policy.network import REGIONAL, initial, layout
from testbed.policy.planned import regional
from testbed.policy.q_network import initial as q_initial
from testbed.policy.regional import RegionalNetwork
from testbed.scenario.load import load_scenario
from testbed.trace import inputs
from testbed.twin.run import run

NETWORKS: dict[str, Policy] = {
    "a3c-do": Learned(initial(1), double=True),
    "a3c-region-do": RegionalNetwork(initial(1, layout(REGIONAL)), double=True),
    "dqn-do": Learned(q_initial(1), double=True, values=True),
}


class Asked:
    """A network that the twin asks in every slot, as it does with a policy of a user's own."""

    def __init__(self, policy: Policy) -> None:
        self.decide = policy.decide
        together = regional(policy)
        if together is not None:
            self.decide_region = together.decide_region


def planned(slots: int) -> Plan:
    """`region` at ρ = 0.7."""
    resolved = inputs.resolve(load_scenario("region", [f"slots={slots}"]))
    workload = inputs.generate(resolved.scenario, resolved.system)
    return resolved.plan(workload, "a3c-do", second_offload=True, live=False)


def seconds(play: Callable[[], object], runs: int) -> float:
    """The median CPU time of ``runs`` plays."""
    spent = []
    for _ in range(runs):
        begun = time.process_time()
        play()
        spent.append(time.process_time() - begun)
    return statistics.median(spent)


def measured(policy: Policy, slots: int, runs: int) -> dict[str, Any]:
    """Tasks and slots a second: asked, compiled with a record, compiled for a sample alone, as `compare` needs it."""
    plan = planned(slots)
    if list(run(plan, policy).tasks) != list(run(plan, Asked(policy)).tasks):
        raise SystemExit("asked and compiled decide differently")
    plays: dict[str, Callable[[], object]] = {
        "asked": lambda: run(plan, Asked(policy)),
        "compiled": lambda: run(plan, policy),
        "compiled, sample": lambda: sample_by_twin(plan, policy),
    }
    results = {}
    for name, play in plays.items():
        play()
        spent = seconds(play, 3 if name == "asked" else runs)
        results[name] = {"tasks_per_s": len(plan.workload) / spent, "slots_per_s": slots / spent}
    return results


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="networks on the twin")
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--slots", type=int, default=2000)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    results = {name: measured(policy, args.slots, args.runs) for name, policy in NETWORKS.items()}
    rows = [
        (
            name,
            how,
            f"{one['tasks_per_s']:,.0f}",
            f"{one['slots_per_s']:,.0f}",
            f"{one['tasks_per_s'] / each['asked']['tasks_per_s']:.0f}",
        )
        for name, each in results.items()
        for how, one in each.items()
    ]
    report(args, results, table(("network", "how", "tasks/s", "slots/s", "times as fast"), rows))


if __name__ == "__main__":
    main()
