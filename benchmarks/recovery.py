"""What each kind of fault does to `region`, and what the UEs' options are worth when servers are full, slow and dead.

``python benchmarks/recovery.py --out recovery.jsonl`` keeps every run in a file and goes on from there, ``--show``
prints the published runs, and ``--write docs/results/recovery.md`` puts the tables into that page. All runs are of the
simulation, and deterministic.

Kinds: one fault from 100 to 110 s of 200, its figures as ``testbed report --json`` has them under ``recovery``.
Options: the same run of troubles for each, and what became of its tasks.
"""

import statistics
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import testbed
from harness import Entry, measure, options, recorded, report, table

DENSITY, LENGTH_SLOTS = 0.5, 200
KINDS = {
    "nothing (a control)": "for: 10 s, degrade: ue-2-1 to 1 Gbit/s",
    "death of an edge server": "kill: es-2, restart_after: 10 s",
    "death of a user equipment": "kill: ue-2-1, restart_after: 10 s",
    "death of the controller": "kill: controller, restart_after: 10 s",
    "slow": "for: 10 s, slow: es-2 to 10%",
    "degrade": "for: 10 s, degrade: ue-2-1 to 100 kbit/s",
    "cut, uplink": "for: 10 s, cut: ue-2-1:es-2",
    "cut, backhaul": "for: 10 s, cut: es-1:es-3",
    "partition": "for: 10 s, partition: cell 1",
    "overload": "for: 10 s, overload: cell 3 x 3",
    "pause of an edge server": "for: 10 s, pause: es-2",
    "pause of a user equipment": "for: 10 s, pause: ue-2-1",
    "loss": "for: 10 s, degrade: ue-2-1 to loss 50%",
}
TROUBLES = (
    "[{at: 40 s, kill: es-2, restart_after: 15 s}, {at: 80 s, for: 15 s, slow: es-3 to 20%}, "
    "{at: 120 s, for: 10 s, cut: ue-1-1:es-1}, {at: 120 s, for: 10 s, cut: ue-3-2:es-3}, "
    "{at: 150 s, for: 10 s, overload: cell 1 x 3}]"
)
FULL = {f"cells.{n}.es.queue_limit": 2 for n in range(3)}
RETRY, LOOK, HEDGE = "{retry: {times: 3, backoff: 100 ms, factor: 2}}", "{retry: {times: 5, backoff: 200 ms}}", "1.5 s"
BREAKER = "{failures: 3, open: 5 s}"
OPTIONS: dict[str, dict[str, str]] = {
    "none": {"ue.hedge": "1000 s"},  # which no task takes: so the energy in vain is told here too
    "on_reject: retry": {"ue.on_reject": RETRY},
    "on_cut: wait": {"ue.on_cut": "wait"},
    "on_cut: recover": {"ue.on_cut": "recover"},
    "on_cut: retry": {"ue.on_cut": LOOK},
    "hedge": {"ue.hedge": HEDGE},
    "breaker": {"ue.breaker": BREAKER},
    "hedge, breaker": {"ue.hedge": HEDGE, "ue.breaker": BREAKER},
    "all": {"ue.on_reject": RETRY, "ue.on_cut": LOOK, "ue.hedge": HEDGE, "ue.breaker": BREAKER},
}
KINDS_HEAD = (
    "fault",
    "goodput before",
    "dip",
    "recovered after",
    "steady after",
    "recovered",
    "lost",
    "measured",
)
OPTIONS_HEAD = ("options", "deadlines kept", "mean delay", "p99", "mean energy", "in vain", "rejected", "MTTR")


def played(entry: Entry) -> Entry:
    """One run of the simulation."""
    changes: dict[str, object] = {"density": DENSITY}
    if entry["table"] == "kinds":
        changes["faults"] = f"[{{at: 100 s, {KINDS[entry['name']]}}}]"
    else:
        changes |= {"faults": TROUBLES, **FULL, **OPTIONS[entry["name"]]}
    with tempfile.TemporaryDirectory() as folder:
        scenario = testbed.load_scenario("region", changes)
        run = testbed.run_scenario(
            scenario, entry["policy"], slots=LENGTH_SLOTS, seed=entry["seed"], out=Path(folder) / "run"
        )
        return {name: run.summary[name] for name in KEPT[entry["table"]]}


KEPT = {
    "kinds": ("recovery", "tasks"),
    "options": ("tasks", "delay_s", "energy_j", "deadline_hit_rate", "attempts", "mttr_s", "recovery"),
}


def wanted(seeds: int, policies: Sequence[str]) -> list[Entry]:
    """What to run, each once: kinds under the first policy, options under all."""
    rows = [{"table": "kinds", "name": name, "policy": policies[0]} for name in KINDS]
    rows += [{"table": "options", "name": name, "policy": policy} for policy in policies for name in OPTIONS]
    return [{**row, "seed": seed} for row in rows for seed in range(1, 1 + seeds)]


def mean(values: Sequence[float | None], how: Callable[[float], str]) -> str:
    """The mean with the half-width of its 95 % interval (normal), of what was measured."""
    known = [value for value in values if value is not None]
    if not known:
        return "–"
    half = 1.96 * statistics.stdev(known) / len(known) ** 0.5 if len(known) > 1 else 0.0
    return f"{how(statistics.fmean(known))} ± {how(half)}"


def percent(value: float) -> str:
    """A share."""
    return f"{100 * value:.1f} %"


def seconds(value: float) -> str:
    """A time."""
    return f"{value:.1f} s"


def kinds_line(name: str, rows: Sequence[Entry]) -> Sequence[str]:
    """One kind of fault."""
    recoveries = [row["recovery"][0] for row in rows]
    both = sum(one["recovered_after_s"] is not None and one["steady_after_s"] is not None for one in recoveries)
    return (
        name,
        mean([one["goodput_before"] for one in recoveries], percent),
        mean([one["goodput_dip"] for one in recoveries], percent),
        mean([one["recovered_after_s"] for one in recoveries], seconds),
        mean([one["steady_after_s"] for one in recoveries], seconds),
        mean([one["tasks_recovered"] for one in recoveries], lambda value: f"{value:.1f}"),
        mean([one["tasks_lost"] for one in recoveries], lambda value: f"{value:.1f}"),
        f"{both} of {len(recoveries)}",
    )


def options_line(name: str, rows: Sequence[Entry]) -> Sequence[str]:
    """One set of options."""
    return (
        name,
        mean([row["deadline_hit_rate"] for row in rows], percent),
        mean([row["delay_s"]["mean"] for row in rows], lambda value: f"{value:.3f} s"),
        mean([row["delay_s"]["p99"] for row in rows], lambda value: f"{value:.2f} s"),
        mean([row["energy_j"]["mean"] for row in rows], lambda value: f"{value:.3f} J"),
        mean([row["attempts"]["energy_in_vain_j"] for row in rows], lambda value: f"{value:.1f} J"),
        mean([row["tasks"]["rejected"] for row in rows], lambda value: f"{value:.0f}"),
        mean([row["mttr_s"] for row in rows], seconds),
    )


def shown(rows: Sequence[Entry], policies: Sequence[str]) -> str:
    """All tables."""

    def of(which: str, name: str, policy: str) -> list[Entry]:
        return [row for row in rows if (row["table"], row["name"], row["policy"]) == (which, name, policy)]

    kinds = table(KINDS_HEAD, [kinds_line(name, of("kinds", name, policies[0])) for name in KINDS])
    blocks = [f"### Kinds of fault, `{policies[0]}`\n\n{kinds}"]
    for policy in policies:
        lines = table(OPTIONS_HEAD, [options_line(name, of("options", name, policy)) for name in OPTIONS])
        blocks.append(f"### Options, `{policy}`\n\n{lines}")
    return "\n\n".join(blocks)


def main() -> None:
    """Measure and print."""
    parser = options("recovery from faults, on the simulation", "--seeds", page="the tables", default=10)
    parser.add_argument("--policies", nargs="+", default=["greedy-do", "offload-do"])
    args = parser.parse_args()
    if args.show:
        rows = recorded(args.out, "recovery.jsonl")
    else:
        rows = measure(wanted(args.seeds, args.policies), args.out, played)
    report(args, rows, shown(rows, args.policies), "recovery")


if __name__ == "__main__":
    main()
