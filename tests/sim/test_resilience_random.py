"""Random runs of UEs that retry, hedge and break circuits: what must hold of them, and what they cost."""

import msgspec
import pytest

from testbed.model import random
from testbed.model.resilience import Breaker, Resilience, Retry
from testbed.policy.heuristics import FixedChoice
from testbed.protocol.rows import LinkRow
from testbed.sim.simulation import Simulation
from tests.support import MS, plan, region
from tests.swarm import ends
from tests.swarm.cases import drawn
from tests.swarm.play import Notes, play

S = 10**9
OFFLOAD = FixedChoice(1)


def options_of(seed, *, hedges):
    """Random options as a scenario has them, each used by two seeds of three or so."""

    def draw(n):
        return random.uniform(seed, 99, n, 0, 0)

    def held_up(drawn, *, hedges):
        return {"then": "recover"} if hedges and drawn < 0.3 else {"then": "wait"} if drawn < 0.6 else {}

    def retry(n, times, most_ns):
        waits = {"times": 1 + int(times * draw(n)), "backoff": f"{1 + int(most_ns * draw(n + 1))} ns"}
        return {"retry": waits | {"factor": 1 + draw(n + 2)}}

    made = {
        "on_reject": (retry(1, 3, 400 * MS), 0.7),
        "on_cut": (retry(5, 4, 2 * S) | held_up(draw(17), hedges=hedges), 0.7),
        "hedge": ({"after": f"{int(2 * S * draw(9))} ns"}, 0.7 if hedges else 0.0),
        "breaker": ({"failures": 1 + int(3 * draw(11)), "open": f"{1 + int(5 * S * draw(12))} ns"}, 0.5),
    }
    return {name: option for n, (name, (option, likely)) in enumerate(made.items()) if draw(13 + n) < likely}


def careful_case(seed):
    """A case of the swarm whose servers have little room and whose UEs have options."""
    case = drawn(seed)
    shared = case.scenario.get("radio", {}).get("access") == "shared"
    case.scenario["ue"] = options_of(seed, hedges=not shared)
    for n, cell in enumerate(case.scenario["cells"]):
        cell["es"]["queue_limit"] = (seed + n) % 4
    return case


@pytest.mark.parametrize("seed", range(80))
def test_whatever_is_tried_every_task_ends_once_and_is_paid_for(seed):
    case = careful_case(seed)
    played = play(case)
    planned, made = played.given.plan, played.made
    assert list(ends.wrong_ends(planned, made.tasks, played.rows)) == []
    assert list(ends.overlaps(planned, made.tasks)) == []
    assert list(ends.needless(planned, played.executed, made.links)) == []
    assert list(ends.signs_of_the_dead(planned, made)) == []
    for row in made.tasks:
        if row.finished_ns >= 0:
            parts = [getattr(row, part) for part in ends.PARTS]
            assert sum(parts) == row.measured_ns and min(parts) >= 0
            assert bool(row.local_execution_ns) != bool(row.execution_ns)
    if played.given.conditions is None and not case.ghosts:
        assert list(ends.wrong_summary(played)) == []
        assert list(ends.wrong_replay(played)) == []


def test_the_careful_cases_try_everything():
    events = [event for seed in range(80) for event in play(careful_case(seed)).made.events]
    assert {"retried", "hedged", "in_vain", "breaker_opened"} <= {event.kind for event in events}


class Paid(Simulation):
    """A simulation that notes every row, and who executed what."""

    def __init__(self, planned):
        super().__init__(planned, OFFLOAD)
        self.notes = self._log = Notes()
        self.executed = []

    def _emit_at_end(self, source, execute):
        self.executed.append((source, execute.ue, execute.number))
        super()._emit_at_end(source, execute)


@pytest.mark.parametrize("seed", range(8))
def test_a_task_costs_what_was_sent_and_executed_of_it(seed):
    made, tasks = region(0.9, seed, 30)
    servers = tuple(msgspec.structs.replace(es, queue_limit=seed % 3) for es in made.edge_servers)
    options = Resilience(
        on_reject=Retry(1 + seed % 3, 100 * MS, 1.5),
        hedge_after_ns=300 * MS * (seed % 4) if seed % 4 else -1,
        breaker=Breaker(2, 3 * S) if seed % 2 else None,
    )
    made = msgspec.structs.replace(made, edge_servers=servers, resilience=options)
    simulation = Paid(plan(made, tasks))
    found = simulation.run()
    ues = {ue.name: ue for ue in made.ues}
    sent: dict[tuple[str, int], int] = {}
    for link in simulation.notes.rows:
        if isinstance(link, LinkRow) and link.link == link.ue:
            sent[link.ue, link.number] = sent.get((link.ue, link.number), 0) + link.end_ns - link.start_ns
    for row in found.tasks:
        ue = ues[row.ue]
        by_ue = (row.ue, row.ue, row.number) in simulation.executed
        spent = ue.tx_power_w * sent.get((row.ue, row.number), 0) * 1e-9 + by_ue * ue.kappa * ue.cpu_hz**2 * row.cycles
        assert row.energy_j == pytest.approx(spent, rel=1e-9)
