"""A run's summary as text (pure)."""

import math

from testbed.analysis.attempts import Attempts
from testbed.analysis.decision_latency import Spread
from testbed.analysis.grading import Fidelity
from testbed.analysis.learning_progress import Learning, WorkerProgress
from testbed.analysis.recovery import MEANING, reasons
from testbed.analysis.summary import Summary
from testbed.analysis.threshold_checks import NOT_GRADED
from testbed.cli.exit_code import shown
from testbed.cli.labels import checkpoints, labels
from testbed.cli.layout import wrapped
from testbed.cli.text_table import table
from testbed.record.backends import VIRTUAL

MOST_FAULTS = 6


def text(summary: Summary, columns: int = 0, most_faults: int | None = MOST_FAULTS) -> str:
    """The summary in plain lines, for a terminal of ``columns`` (0: any), with ``most_faults`` (None: all)."""
    blocks = [
        _head(summary),
        _tasks(summary, most_faults),
        _means(summary),
        _parts(summary, columns),
        _servers(summary, columns),
        _recovery(summary, columns, most_faults),
        _thresholds(summary, columns),
        _fidelity(summary),
    ]
    return wrapped("\n\n".join(block for block in blocks if block) + "\n", columns)


def percent(share: float, digits: int = 1) -> str:
    """A share as percents."""
    return f"{100 * share:.{digits}f} %"


def count(number: int, what: str) -> str:
    """A number of things, in the plural where there is not one."""
    return f"{number} {what}{'s' if number != 1 else ''}"


def _head(summary: Summary) -> str:
    speed = "" if summary.backend in VIRTUAL else f", speed {summary.speed:g}"
    labelled = labels([summary.policy])
    head = (
        f"{summary.run}: {labelled[summary.policy]} on {summary.scenario}, seed {summary.seed}, {summary.slots} slots, "
        f"backend {summary.backend}{speed}; {summary.ended} after {summary.end_s:.1f} s"
    )
    return "\n".join(part for part in (head, checkpoints(labelled)) if part)


def _tasks(summary: Summary, most_faults: int | None) -> str:
    counts = summary.tasks
    words = ("completed", "late", "failed", "local", "offloaded", "forwarded", "rejected", "recovered", "fallback")
    fates = ", ".join(f"{counts[word]} {word}" for word in words if counts[word] or word in words[:5])
    reasons = ", ".join(f"{count} because: {why}" for why, count in summary.failures.items())
    lines = [f"tasks      {counts['generated']} generated: {fates}"]
    if reasons:
        lines.append(f"failed     {reasons}")
    lines += [_attempts(summary.attempts)] if summary.attempts is not None else []
    told = summary.faults[:most_faults]
    lines += [f"fault      {fault}" for fault in told]
    if len(summary.faults) > len(told):
        lines.append(f"           and {len(summary.faults) - len(told)} more: testbed report lists them")
    lines += [f"WARNING    {warning}" for warning in summary.warnings]
    if counts["unaccounted"]:
        lines.append(f"LEDGER     {counts['unaccounted']} unaccounted: {'; '.join(summary.problems[:3])}")
    return "\n".join(lines)


def _attempts(made: Attempts) -> str:
    """What the options for failures did."""
    return (
        f"attempts   retried {made.retries}, copied {made.copies}, breaker opened {made.breaker_opened}; "
        f"in vain {made.energy_in_vain_j:.1f} J, and {made.cycles_in_vain * 1e-9:.1f} G cycles of copies"
    )


def _means(summary: Summary) -> str:
    delay, energy = summary.delay_s, summary.energy_j
    stable = "stable" if summary.stable else "UNSTABLE: the backlog grows, so means depend on the length of the run"
    if math.isnan(delay.mean):
        return f"delay      no task finished; {stable}\nenergy     {_metered(summary)}"
    return "\n".join(
        [
            f"delay      mean {delay.mean:.3f} s, p50 {delay.p50:.3f}, p95 {delay.p95:.3f}, "
            f"p99 {delay.p99:.3f}; {stable}",
            f"energy     mean {energy.mean:.3f} J, measured {summary.energy_measured_j.mean:.3f} J (both modelled); "
            + _metered(summary),
            f"overhead   mean {summary.overhead.mean:.4f}; reward {summary.reward_per_slot:.3f} a slot",
            f"deadlines  {100 * summary.deadline_hit_rate:.1f} % met; fairness {summary.fairness:.3f}",
        ]
    )


def _metered(summary: Summary) -> str:
    metered = summary.energy_metered
    if metered.package_j is None:
        return f"not metered: {metered.unmetered}"
    return f"CPU packages {metered.package_j:.0f} J (metered)"


def _parts(summary: Summary, columns: int) -> str:
    parts = [(name, value) for name, value in summary.where_time_went.items() if value and value == value]
    if not parts:
        return ""
    whole = summary.delay_s.mean
    rows = [(name.replace("_", " "), f"{1e3 * value:.2f}", f"{100 * value / whole:.1f} %") for name, value in parts]
    return table(("where time went", "ms", "share"), rows, columns)


def _servers(summary: Summary, columns: int) -> str:
    head = ("edge server", "busy", "idle while other over", "tasks", "in", "out", "wait s", "energy J")
    rows = [
        (
            name,
            percent(es.utilisation),
            percent(es.idle_while_other_over_threshold),
            str(es.executed),
            str(es.forwarded_in),
            str(es.forwarded_out),
            f"{es.mean_wait_s:.3f}",
            f"{es.energy_j:.1f}",
        )
        for name, es in summary.es.items()
    ]
    return table(head, rows, columns)


def _recovery(summary: Summary, columns: int, most_faults: int | None) -> str:
    """What each fault did to the service, the first ``most_faults`` of them where there are more."""
    if not summary.recovery:
        return ""
    told = summary.recovery[:most_faults]
    head = ("fault", "from s", "to s", "goodput dip", "recovered after", "steady after", "tasks back")
    rows = [
        (
            one.fault,
            f"{one.began_s:.1f}",
            "–" if one.over_s is None else f"{one.over_s:.1f}",
            *one.words(),
            str(one.tasks_recovered),
        )
        for one in told
    ]
    more = len(summary.recovery) - len(told)
    notes = [f"and {count(more, 'more fault')}: testbed report lists all"] if more else []
    if not math.isnan(summary.mttr_s):
        notes.append(f"mean time to recovery {summary.mttr_s:.1f} s")
    notes += [f"unknown (–): {why}" for why in reasons(told)]
    return "\n".join([table(head, rows, columns), *notes, MEANING])


def _thresholds(summary: Summary, columns: int) -> str:
    rows = [
        (outcome.name, outcome.bound, shown(outcome), "holds" if outcome.holds else "FAILS")
        for outcome in summary.thresholds
    ]
    return table(("threshold", "bound", "measured", ""), rows, columns) if rows else ""


def _learning(learning: Learning) -> str:
    restarts = f", learner restarted {learning.restarts} times" if learning.restarts else ""
    lines = [
        f"learning   {learning.mode}: {learning.updates} updates, version {learning.version}; "
        f"{learning.updates_per_s:.1f} a second, policy lag {learning.policy_lag:.1f} versions{restarts}"
    ]
    if len(learning.workers) > 1:
        lines += [f"           {name}: {_worker(worker)}" for name, worker in learning.workers.items()]
    return "\n".join(lines)


def _worker(worker: WorkerProgress) -> str:
    restarts = f", restarted {worker.restarts} times" if worker.restarts else ""
    return (
        f"{worker.updates} updates, {worker.updates_per_s:.1f} a second, lag {worker.policy_lag:.1f}, "
        f"loss {_known(worker.loss)}, entropy {_known(worker.entropy)}{restarts}"
    )


def _known(value: float) -> str:
    return f"{value:.3f}" if math.isfinite(value) else "unknown"


def _spread(spread: Spread) -> str:
    if spread.p50 is None or spread.p99 is None:
        return "unknown"
    return f"p50 {spread.p50:.2f} ms, p99 {spread.p99:.2f}"


def _latest(fidelity: Fidelity) -> str:
    """The kind of event that was latest."""
    kinds = fidelity.lateness_by_kind_ms
    latest = max(kinds, key=lambda kind: kinds[kind].p99, default="")
    return f" (most: {latest} p99 {kinds[latest].p99:.2f})" if latest else ""


def _told(fidelity: Fidelity) -> str:
    """What processes told of themselves, those that did."""
    late, jitter, cpu = fidelity.lateness_ms, fidelity.arrival_jitter_ms, fidelity.cpu
    steal = "unknown" if fidelity.steal is None else percent(fidelity.steal)
    return (
        f"           timers late p50 {late.p50:.2f} ms, p99 {late.p99:.2f}, max {late.max:.1f}{_latest(fidelity)}; "
        f"slipped {fidelity.slipped}; steal {steal}; burnt {cpu.achieved_s:.2f} of {cpu.asked_s:.2f} CPU s\n"
        f"           tasks taken up late p50 {jitter.p50:.2f} ms, p99 {jitter.p99:.2f}, max {jitter.max:.1f}"
    )


def _elsewhere(fidelity: Fidelity) -> list[str]:
    """What limits and clocks of containers and other hosts did, where they did anything."""
    parts = []
    held = fidelity.throttled
    if held is not None:
        parts.append(f"{held.process} held back by its limit of {held.cores:g} CPU in {percent(held.share)} of periods")
    if fidelity.clock_uncertainty_ms > 0.0:
        parts.append(f"clocks of hosts known to {1e3 * fidelity.clock_uncertainty_ms:.0f} µs")
    parts += [f"the clock of {clock.host} was set {clock.steps}×" for clock in fidelity.clocks if clock.steps]
    drifting = [clock for clock in fidelity.clocks if abs(clock.drift_ppm) > clock.drift_error_ppm]
    parts += [f"that of {clock.host} drifts {clock.drift_ppm:+.1f} ppm" for clock in drifting]
    return [f"           {'; '.join(parts)}"] if parts else []


def _fidelity(summary: Summary) -> str:
    fidelity = summary.fidelity
    if summary.backend in VIRTUAL:
        return "fidelity   exact (simulated: nothing to grade)"
    error = fidelity.delay_error
    off = "unknown"
    if error.median is not None and error.p99 is not None:
        off = f"median {percent(error.median, 2)}, p99 {percent(error.p99, 2)}"
    answered, seen = summary.decision_ms.answered, summary.decision_ms.seen
    lines = [
        f"decisions  out after a cell's last ask {_spread(answered)}; seen by the UE {_spread(seen)}",
        f"fidelity   {fidelity.grade or NOT_GRADED} (burn {fidelity.burn:g}, {fidelity.payload}); delay error {off}",
    ]
    if fidelity.slipped is not None:
        lines.append(_told(fidelity))
    lines += _elsewhere(fidelity)
    if summary.learning is not None:
        lines.insert(0, _learning(summary.learning))
    if fidelity.worst:
        lines.append(f"           {fidelity.worst}: {fidelity.remedy}")
    return "\n".join(lines)
