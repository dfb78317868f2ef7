"""What each edge server did in a run (pure)."""

from collections.abc import Mapping, Sequence

import msgspec

from testbed.analysis.server_tally import ServerTally
from testbed.model.delay import S_PER_NS
from testbed.model.energy import compute_energy_j
from testbed.model.ledger import Absence
from testbed.model.system import Es
from testbed.record.reader import RecordedRun


class EsSummary(msgspec.Struct, frozen=True, kw_only=True):
    """One ES. ``utilisation`` is busy core time over the slots of generation; ``idle_while_other_over_threshold`` the
    share of slot boundaries at which it had no work while another's expected wait exceeded the threshold.

    ``energy_j`` is of all that it executed, plus idle power while it lived; waits are seconds. Executions that came to
    nothing count up to the last slot boundary that the ES saw.
    """

    utilisation: float
    idle_while_other_over_threshold: float
    energy_j: float
    executed: int
    forwarded_in: int
    forwarded_out: int
    rejected: int
    mean_wait_s: float
    max_waiting: int


def summarise(run: RecordedRun, tallies: Mapping[str, ServerTally]) -> dict[str, EsSummary]:
    """Every ES's summary, by name, from the tally of each."""
    return {es.name: _one(run, es, tallies[es.name]) for es in run.resolved.system.edge_servers}


def _one(run: RecordedRun, es: Es, tally: ServerTally) -> EsSummary:
    system, gaps = run.resolved.system, run.absences.get(es.name, ())
    span_ns = min(system.end_ns, run.end_ns)
    seen = boundaries_seen(gaps, span_ns, system.slot_ns)
    in_vain_j = compute_energy_j(es.kappa, es.cpu_hz, 1) * es.cpu_hz * tally.in_vain_ns() * S_PER_NS
    return EsSummary(
        utilisation=tally.busy_in_time_ns / (es.cores * span_ns) if span_ns > 0 else 0.0,
        idle_while_other_over_threshold=tally.idle / seen if seen else 0.0,
        energy_j=tally.energy_j() + in_vain_j + es.idle_power_w * lived_ns(run, es) * S_PER_NS,
        executed=tally.executed,
        forwarded_in=tally.forwarded_in,
        forwarded_out=tally.forwarded_out,
        rejected=tally.rejected,
        mean_wait_s=tally.mean_wait_s(),
        max_waiting=tally.max_waiting,
    )


def boundaries_seen(gaps: Sequence[Absence], span_ns: int, slot_ns: int) -> int:
    """How many slot boundaries from 0 to ``span_ns`` come in no interval [death, restart) of ``gaps``."""
    if span_ns < 0:
        return 0
    last = span_ns // slot_ns
    missed = 0
    for died, back in gaps:
        after = last + 1 if back < 0 else min(-(-back // slot_ns), last + 1)
        missed += max(0, after - -(-died // slot_ns))
    return last + 1 - missed


def lived_ns(run: RecordedRun, es: Es) -> int:
    """How long ``es`` lived during the run."""
    end = max(0, run.end_ns)
    gaps = ((died, end if back < 0 else back) for died, back in run.absences.get(es.name, ()))
    return end - sum(max(0, min(back, end) - min(died, end)) for died, back in gaps)
