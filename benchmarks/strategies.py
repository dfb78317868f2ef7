"""Mean overhead of every untrained strategy on a scenario, by density, on the twin.

``python benchmarks/strategies.py [SCENARIO]``: ``priced`` is tuned for each density on its training workloads, which no
row uses. "unstable": the backlog of most workloads grew with the run's length, so that a mean says nothing.
"""

import argparse
import tempfile

from harness import PLAIN, Entry, report, table, testbed

DENSITIES = (0.3, 0.5, 0.7, 0.9)
TUNED = ("priced", "priced-do")


def row(scenario: str, density: float, seeds: int) -> dict[str, Entry]:
    """Every strategy's mean overhead at ``density``: ``{name: {mean, ci95, stable}}``."""
    asked = ("--set", f"density={density}")
    with tempfile.TemporaryDirectory() as folder:
        names = {name: name for name in PLAIN}
        for name in TUNED:
            tuned = testbed("train", scenario, "--algorithm", name, "--out", folder, *asked)
            names[f"{name}:{tuned['checkpoint']}"] = name
        comparison = testbed(
            "compare", scenario, *asked, "--seeds", str(seeds), "--on", "twin", "--policies", ",".join(names)
        )
    return {
        names[policy]: {**result["overhead"], "stable": result["stable"]}
        for policy, result in comparison["policies"].items()
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="mean overhead of untrained strategies by density")
    parser.add_argument("scenario", nargs="?", default="region")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    rows = {density: row(args.scenario, density, args.seeds) for density in DENSITIES}
    cells = [
        [str(density), *(f"{one['mean']:.3f}" if one["stable"] else "unstable" for one in results.values())]
        for density, results in rows.items()
    ]
    report(args, rows, table(("ρ", *PLAIN, *TUNED), cells))


if __name__ == "__main__":
    main()
