"""The shipped network against tuned ``priced-do``: ``python benchmarks/one_network.py [--network FILE] [--json]``.

On every shipped scenario, and on `region` by density, size and speed. ``priced`` is tuned for each on training
workloads; both then meet the same evaluation workloads, 1 to 10. Those of a trace differ in which UE has which task,
and in what the trace does not tell. Intervals are 95 %, paired by workload.
"""

import argparse
from pathlib import Path
from typing import Any

import msgspec

from harness import report, table
from learning import DENSITIES, ELSEWHERE, region
from testbed.analysis.comparison import compare
from testbed.experiments import tune
from testbed.experiments.rounds import Rounds
from testbed.policy import checkpoint, shipped
from testbed.record.backends import TWIN
from testbed.scenario import load
from testbed.scenario.load import load_scenario
from testbed.scenario.schema import Scenario

NETWORK, HEURISTIC = "a3c-do", "priced-do"
SEEDS, SLOTS, EQUAL = range(1, 11), 1000, 0.005


def places(slots: int) -> dict[str, Scenario]:
    """The scenarios by their names in the table, none with faults; those whose tasks are drawn have ``slots``."""
    asked: dict[str, tuple[str, list[str]]] = {}
    for density in DENSITIES:
        asked[f"region, density={density}"] = ("region", [f"density={density}"])
    for name, change in ELSEWHERE.items():
        asked[f"region, density=0.9, {name}"] = ("region", ["density=0.9", *region(*change)])
    for name in load.shipped():
        if name != "region":
            asked[name] = (name, [])
    results = {title: load_scenario(name, changes) for title, (name, changes) in asked.items()}
    return {
        title: msgspec.structs.replace(one, faults=(), slots=one.slots if one.workload.trace else slots)
        for title, one in results.items()
    }


def measured(network: Path, scenario: Scenario) -> dict[str, Any]:
    """Both means, and the ratio with its interval."""
    tuned = tune.tune(msgspec.structs.replace(scenario, slots=min(200, scenario.slots)), HEURISTIC, 0, lambda *_: None)
    rounds = Rounds([], TWIN, lambda text: None)
    rounds.add(NETWORK, checkpoint.load_policy(network, "a3c"), double=True)
    rounds.add(HEURISTIC, tune.policy_of(tuned.policy, tuple(tuned.values.values())), double=True)
    rounds.play(scenario, SEEDS)
    compared = compare(rounds.samples)
    means = {name: compared.policies[name].overhead.mean for name in (NETWORK, HEURISTIC)}
    pair = next(one for one in compared.pairs if (one.a, one.b, one.metric) == (NETWORK, HEURISTIC, "overhead"))
    low, high = (bound - 1 for bound in pair.ci95)
    return {**means, "change": pair.ratio - 1, "low": low, "high": high, "values": tuned.values}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="the shipped network against tuned priced-do")
    parser.add_argument("--network", type=Path, default=shipped.path_of(NETWORK))
    parser.add_argument("--slots", type=int, default=SLOTS)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    results = {title: measured(args.network, scenario) for title, scenario in places(args.slots).items()}
    rows = [
        (
            title,
            f"{one[NETWORK]:.4f}",
            f"{one[HEURISTIC]:.4f}",
            f"{one['change']:+.1%} [{one['low']:+.1%}, {one['high']:+.1%}]",
            "yes" if one["change"] <= EQUAL else "no",
        )
        for title, one in results.items()
    ]
    report(args, results, table(("scenario", NETWORK, f"tuned {HEURISTIC}", "change", "at most +0.5 %"), rows))


if __name__ == "__main__":
    main()
