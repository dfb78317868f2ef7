"""The family of scenarios that the shipped network was trained in: ``python benchmarks/family.py > family.yaml``.

Sizes, speeds, densities, radios, thresholds and tasks are drawn with a fixed seed; the scenarios whose tasks are drawn
are there as they are shipped, and `region` by size, speed and density. Where there are few tasks prices are hardest to
beat: such places have more turns, and others are like them.
"""

import random

from learning import DENSITIES, ELSEWHERE, region

SEED, DRAWN = 19, 28
SHIPPED = ("region-matched", "paper-like", "shared-radio", "melbourne", "lte-drive", "smoke")
MORE_TURNS = 3  # turns in a cycle where there are few tasks
WEAK: tuple[tuple[str, list[str]], ...] = (("region", ["density=0.3"]), ("paper-like", []))
LIKE_THEM: tuple[tuple[str, list[str]], ...] = (
    ("region", ["density=0.2"]),
    ("region", ["density=0.4"]),
    ("region", ["density=0.3", "hardware_seed=2"]),
    ("region", ["density=0.3", *region(10, 2.0)]),
    ("region", ["density=0.3", *region(2, 0.4)]),
    ("paper-like", ["hardware_seed=2"]),
    ("paper-like", ["density=0.3"]),
    ("paper-like", ["density=0.6", "hardware_seed=3"]),
)
UES = (2, 3, 4, 5, 8, 12, 20, 35, 50)
MOST_UES = 160


def drawn(rng: random.Random) -> list[str]:
    """Changes of `region` that make another place of it."""
    cells = rng.randint(2, 8)
    ues = rng.choice([size for size in UES if size * cells <= MOST_UES])
    strength, device = rng.uniform(0.35, 0.9), rng.uniform(0.7, 1.6)
    hosts = []
    for _ in range(cells):
        speed = ues * strength * rng.uniform(0.6, 1.5)
        hosts.append(
            f"{{es: {{cpu: {max(0.5, speed):.2f} GHz}}, ues: {ues}, density_factor: {rng.uniform(0.6, 1.4):.2f}}}"
        )
    bits, work = rng.uniform(0.3, 1.6), rng.uniform(0.6, 1.3)
    low, high = rng.choice(((50, 200), (100, 300), (200, 400)))
    changes = [
        f"cells=[{', '.join(hosts)}]",
        f"density={rng.uniform(0.3, 0.75 if device * work < 0.8 else 0.9):.2f}",
        f"hardware_seed={rng.randint(2, 10**6)}",
        f"second_offload.threshold={rng.choice((0.25, 0.5, 1, 2, 4))} s",
        f"ue.cpu={{uniform: [{0.8 * device:.2f} GHz, {1.2 * device:.2f} GHz]}}",
        f"ue.distance={{uniform: [{low} m, {high} m]}}",
        f"task.input={{uniform: [{300 * bits:.0f} kB, {500 * bits:.0f} kB]}}",
        f"task.cycles={{uniform: [{0.5 * work:.2f} G, {1.5 * work:.2f} G]}}",
        f"radio.bandwidth={rng.uniform(1.5, 5):.1f} MHz",
    ]
    if rng.random() < 0.25:
        changes[-1] = f"radio.bandwidth={ues * rng.uniform(0.6, 1.5):.1f} MHz"
        changes += ["radio.access=shared", "radio.latency=5 ms", "radio.loss=0.02"]
    return changes


def members() -> list[tuple[str, list[str], int]]:
    """Every scenario of the family, with its changes and its turns in a cycle."""
    rng = random.Random(SEED)
    chosen: list[tuple[str, list[str]]] = [("region", [f"density={density}"]) for density in sorted(DENSITIES)]
    chosen += [("region", ["density=0.9", *region(*change)]) for change in ELSEWHERE.values()]
    chosen += [("region", ["density=0.7", *region(ues, ues / 5)]) for ues in (2, 10, 20)]
    chosen += [(name, []) for name in SHIPPED]
    chosen += [("region", drawn(rng)) for _ in range(DRAWN)]
    chosen += LIKE_THEM
    return [(name, changes, MORE_TURNS if (name, changes) in WEAK else 1) for name, changes in chosen]


def main() -> None:
    """Print the family as YAML."""
    for scenario, changes, turns in members():
        print(f"- scenario: {scenario}")
        if turns > 1:
            print(f"  turns: {turns}")
        if changes:
            print("  set:")
            for change in changes:
                print(f'    - "{change}"')


if __name__ == "__main__":
    main()
