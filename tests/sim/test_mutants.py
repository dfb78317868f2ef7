"""The fault swarm would notice: each mutant breaks one rule of faults, and the swarm's checks must object.

A mutant that nobody noticed would mean that the rule can be broken without a test that fails.
"""

from pathlib import Path

import msgspec
import pytest

from edge_server.radio import DedicatedRadio
from edge_server.server import Server
from testbed.model import ledger, transmission
from testbed.model.delay import NEVER
from testbed.protocol import endings
from testbed.protocol.actions import Finish, Record
from testbed.protocol.rows import LinkRow, SlotRow, TaskRow
from testbed.sim import simulation
from tests.swarm import campaign, play
from tests.swarm.cases import drawn, read
from ue_agent import report
from ue_agent.agent import Agent
from ue_agent.uplink_queue import UplinkQueue

SEEDS = range(200)
KEPT = Path(__file__).parents[1] / "swarm" / "kept"  # what few seeds meet


def a_result_of_a_dead_incarnation_is_accepted(patch):
    patch.setattr(Agent, "_is_posthumous", lambda self, result: False)


def a_result_is_accepted_for_a_task_that_runs_locally(patch):
    """Its end, when it comes, finds nothing: only the record can tell."""
    accept, end = Agent._result, Agent._end

    def result(self, now_ns, result):
        flight = self._flights.get(result.number)
        if flight is not None and flight.start_ns >= 0:
            flight.start_ns = flight.end_ns = -1
        return accept(self, now_ns, result)

    patch.setattr(Agent, "_result", result)
    patch.setattr(Agent, "_end", lambda self, number, at: end(self, number, at) if number in self._flights else [])


def doubled(kind):
    """A mutant that records every row of ``kind`` twice, of tasks the last ones."""

    def is_one(action):
        if kind is TaskRow:
            return isinstance(action, Finish)
        return isinstance(action, Record) and type(action.row) is kind

    def mutate(patch):
        act = simulation.Simulation._act

        def twice(self, source, actions):
            act(self, source, [*actions, *filter(is_one, actions)])

        patch.setattr(simulation.Simulation, "_act", twice)

    mutate.__name__ = f"a_{kind.__name__}_is_recorded_twice"
    return mutate


def reconcile_is_never_called(patch):
    patch.setattr(ledger, "reconcile", lambda *rows, **options: ledger.Ledger())


def reconcile_believes_the_rows(patch):
    def believe(rows, *_):
        states = [row.state for row in rows]
        completed, late, failed = (states.count(state) for state in ("completed", "late", "failed"))
        return ledger.Ledger(generated=len(states), completed=completed, late=late, failed=failed)

    patch.setattr(ledger, "reconcile", believe)


def a_task_goes_to_an_es_that_is_known_to_be_dead(patch):
    moved = Agent._moved

    def unaware(self, now_ns, event):
        patch_of = self._lives.loss_ns
        self._lives.loss_ns = lambda name, incarnation: None
        try:
            return moved(self, now_ns, event)
        finally:
            self._lives.loss_ns = patch_of

    patch.setattr(Agent, "_moved", unaware)


def a_task_on_the_backhaul_is_with_the_other_es_alone(patch):
    def is_with(self, es, incarnation, own_es):
        return self.es == es and self.incarnation <= incarnation

    patch.setattr(report.Flight, "is_with", is_with)


def a_task_that_was_lost_on_the_backhaul_is_taken_in(patch):
    """Two execute it: its UE has taken it back."""
    patch.setattr(Server, "_was_taken_back", lambda self, now_ns, job: False)


def the_energy_of_the_dead_is_lost(patch):
    failed = endings.failed_row
    patch.setattr(endings, "failed_row", lambda *given: msgspec.structs.replace(failed(*given), energy_j=0.0))


def airtime_lost_with_an_es_costs_nothing(patch):
    patch.setattr(report.Flight, "lost_airtime_ns", 0)


def a_dead_ues_transmission_arrives(patch):
    """Its ES executes for nobody, and others wait for that."""
    patch.setattr(Server, "_silence", lambda self, now_ns, ue, died_ns: [])


def what_a_cut_holds_stays_on_the_air_at_its_es(patch):
    patch.setattr(DedicatedRadio, "_taken_back_ns", lambda self, ue, trip: NEVER)


def what_a_cut_holds_is_never_taken_back(patch):
    patch.setattr(transmission, "taken_back", lambda *given: None)


def what_is_taken_back_pays_until_the_cut_is_known(patch):
    held = UplinkQueue.held_by_cut
    patch.setattr(UplinkQueue, "held_by_cut", lambda self, at: [(at, flight) for _, flight in held(self, at)])


def a_death_is_recorded_late(patch):
    keep = play.Notes.keep

    def late(self, row):
        keep(self, msgspec.structs.replace(row, at_ns=row.at_ns + 1) if getattr(row, "kind", "") == "died" else row)

    patch.setattr(play.Notes, "keep", late)


MUTANTS = (
    a_result_of_a_dead_incarnation_is_accepted,
    a_result_is_accepted_for_a_task_that_runs_locally,
    doubled(TaskRow),
    doubled(LinkRow),
    doubled(SlotRow),
    reconcile_is_never_called,
    reconcile_believes_the_rows,
    a_task_goes_to_an_es_that_is_known_to_be_dead,
    a_task_on_the_backhaul_is_with_the_other_es_alone,
    a_task_that_was_lost_on_the_backhaul_is_taken_in,
    the_energy_of_the_dead_is_lost,
    airtime_lost_with_an_es_costs_nothing,
    what_a_cut_holds_stays_on_the_air_at_its_es,
    what_a_cut_holds_is_never_taken_back,
    what_is_taken_back_pays_until_the_cut_is_known,
    a_death_is_recorded_late,
    a_dead_ues_transmission_arrives,
)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.__name__)
def test_the_swarm_objects_to(mutant, monkeypatch):
    mutant(monkeypatch)
    kept = KEPT / f"{mutant.__name__}.yaml"
    cases = [read(kept.read_text())] if kept.exists() else map(drawn, SEEDS)
    assert any(map(campaign.failure, cases)), f"{len(SEEDS)} seeds and no objection"
