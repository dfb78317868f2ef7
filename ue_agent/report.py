"""The record of one task, from what its UE knows at its end: breakdown, energy, overhead (pure)."""

import msgspec

from testbed.model.energy import compute_energy_j, overhead, transmit_energy_j
from testbed.model.system import Ue
from testbed.model.task import COMPLETED, DECIDED, LATE, Task
from testbed.protocol.messages import Ask, Decision, Outcome, Result, Trip
from testbed.protocol.rows import STALE, EventRow, TaskRow, UeSlotRow

NO_TRIP = Trip(ready_ns=-1, tx_start_ns=-1, tx_end_ns=-1, arrival_ns=-1, attempts=0)
NO_RESULT = Result(
    ue="", number=-1, es="", incarnation=0, trip=NO_TRIP, es_arrival_ns=-1, start_ns=-1, end_ns=-1, at_ns=-1
)


class Flight(msgspec.Struct, kw_only=True):
    """A decided task on its way: where it is, what is known of it so far, and what the record was ``told`` last.

    ``ready_ns`` is the instant of its last post. ``spent_j`` is energy in J that its UE spent on it and that came to
    nothing: posts that were rejected, and a copy that was not the first to end. It is ``copied`` while its UE executes
    it too, since ``reentry_ns``.
    """

    task: Task
    slot: int
    asked_ns: int
    think_ns: int
    choice: int
    version: int
    log_probability: float
    fallback: str
    ready_ns: int
    spent_j: float = 0.0
    copied: bool = False
    es: str = ""
    incarnation: int = 0
    tx_start_ns: int = -1
    tx_end_ns: int = -1
    forwarded: bool = False
    via_incarnation: int = 0
    arrived: bool = False
    recovered: bool = False
    lost_ns: int = -1
    result: Result | None = None
    reentry_ns: int = -1
    start_ns: int = -1
    end_ns: int = -1
    told: TaskRow | None = None

    @property
    def is_rejected(self) -> bool:
        """Whether an ES had no place for it."""
        return self.result is not None and self.result.rejected

    @classmethod
    def of(cls, task: Task, slot: int, ask: Ask, decision: Decision, think_ns: int) -> "Flight":
        """A task of ``ask``, whose ``decision`` its UE learns ``think_ns`` after it has asked."""
        return cls(
            task=task,
            slot=slot,
            asked_ns=ask.at_ns,
            think_ns=think_ns,
            choice=decision.choice,
            version=decision.version,
            log_probability=decision.log_probability,
            fallback=decision.fallback,
            ready_ns=ask.at_ns + think_ns,
        )

    def is_with(self, es: str, incarnation: int, own_es: str) -> bool:
        """Whether the death of this incarnation of ``es`` takes the task with it.

        A task on its way from its cell's ES ``own_es`` to another is with both until the other has it.
        """
        if self.es == es:
            return self.incarnation <= incarnation
        return self.forwarded and not self.arrived and es == own_es and self.via_incarnation <= incarnation

    def answer(self, result: Result, own_es: str) -> None:
        """An ES executed it, or had no place for it; what the radio did is known now."""
        self.result, self.forwarded = result, result.es != own_es
        self.tx_start_ns, self.tx_end_ns = result.trip.tx_start_ns, result.trip.tx_end_ns
        if result.rejected:
            self.reentry_ns = result.at_ns

    def withdraw(self, energy_j: float) -> None:
        """Its post came to nothing and took ``energy_j``: it is with no ES any more."""
        self.spent_j += energy_j
        self.es, self.result, self.forwarded, self.arrived = "", None, False, False
        self.tx_start_ns = self.tx_end_ns = self.reentry_ns = -1

    def air(self, *, first: bool, at_ns: int) -> None:
        """Its first or last bit was sent, so far as an ES that died meanwhile let it."""
        if 0 <= self.lost_ns <= at_ns:
            return
        if not first:
            self.tx_end_ns = at_ns
            return
        self.tx_start_ns = at_ns
        if self.tx_end_ns < 0:
            self.tx_end_ns = self.lost_ns

    def lose(self, died_ns: int) -> None:
        """The ES that held it died at ``died_ns``: nothing was sent from then on."""
        self.recovered, self.lost_ns = True, died_ns
        if self.tx_start_ns >= died_ns:
            self.tx_start_ns = self.tx_end_ns = -1
        elif self.tx_start_ns >= 0:
            self.tx_end_ns = died_ns if self.tx_end_ns < 0 else min(self.tx_end_ns, died_ns)

    @property
    def decided_ns(self) -> int:
        """When its decision was known to its UE."""
        return self.asked_ns + self.think_ns

    @property
    def recovery_ns(self) -> int:
        """How long it took from then until its UE took it back for good, or posted it for the last time."""
        return (self.reentry_ns if self.recovered or self.copied else self.ready_ns) - self.decided_ns

    @property
    def lost_airtime_ns(self) -> int:
        """Airtime spent on an ES that died, as far as the UE knows."""
        return self.tx_end_ns - self.tx_start_ns if self.lost_ns >= 0 and self.tx_start_ns >= 0 else 0


def seen(ue: str, slot: int, at_ns: int, queue_ns: int, radio_wait_ns: int, earlier: int, undecided: int) -> UeSlotRow:
    """The row of a UE at a boundary: ``earlier`` tasks are on their way, ``undecided`` ones are asked about now."""
    return UeSlotRow(
        ue=ue,
        slot=slot,
        at_ns=at_ns,
        queue_ns=queue_ns,
        radio_wait_ns=radio_wait_ns,
        present=earlier + undecided,
        undecided=undecided,
    )


def decided(flight: Flight, ue: Ue) -> TaskRow:
    """The row of a task that is decided and on its way; what is planned of it by now lies in the future."""
    task = flight.task
    flight.told = TaskRow(
        ue=ue.name,
        number=task.number,
        cell=ue.cell + 1,
        generated_ns=task.generated_ns,
        input_bits=task.input_bits,
        cycles=task.cycles,
        deadline_ns=task.deadline_ns,
        state=DECIDED,
        slot=flight.slot,
        asked_ns=flight.asked_ns,
        think_ns=flight.think_ns,
        choice=flight.choice,
        version=flight.version,
        log_probability=flight.log_probability,
        fallback=flight.fallback,
        es=flight.es,
        rejected=flight.is_rejected,
        recovered=flight.recovered,
        ready_ns=flight.decided_ns,
        tx_start_ns=flight.tx_start_ns,
        tx_end_ns=flight.tx_end_ns,
        reentry_ns=flight.reentry_ns,
        start_ns=flight.start_ns,
        end_ns=flight.end_ns,
        energy_j=flight.spent_j,
        slot_wait_ns=flight.asked_ns - task.generated_ns,
        decision_ns=flight.think_ns,
    )
    return flight.told


def ended(flight: Flight, ue: Ue, finished_ns: int, actual_ns: int) -> TaskRow:
    """The row of a task that was finished at emulated instant ``actual_ns``, and ideally at ``finished_ns``."""
    task = flight.task
    result = flight.result or NO_RESULT
    trip = result.trip
    start, end, local_wait, executed = result.start_ns, result.end_ns, 0, 0
    if flight.start_ns >= 0:
        start, end = flight.start_ns, flight.end_ns
        local_wait, executed = start - (flight.reentry_ns if flight.reentry_ns >= 0 else flight.ready_ns), end - start
    delay, lag = actual_ns - task.generated_ns, actual_ns - finished_ns
    energy, measured_energy = _energy_j(flight, ue, lag)
    return msgspec.structs.replace(
        flight.told or decided(flight, ue),
        state=COMPLETED if delay <= task.deadline_ns else LATE,
        es=result.es or flight.es,
        forwarded=flight.forwarded,
        rejected=flight.is_rejected,
        recovered=flight.recovered,
        tx_start_ns=flight.tx_start_ns,
        tx_end_ns=flight.tx_end_ns,
        reentry_ns=flight.reentry_ns,
        attempts=trip.attempts,
        arrival_ns=trip.arrival_ns,
        es_arrival_ns=result.es_arrival_ns,
        start_ns=start,
        end_ns=end,
        finished_ns=finished_ns,
        measured_ns=delay,
        energy_j=energy,
        energy_measured_j=measured_energy,
        overhead=overhead(ue.weight_delay, delay, measured_energy),
        radio_wait_ns=trip.tx_start_ns - trip.ready_ns,
        airtime_ns=trip.tx_end_ns - trip.tx_start_ns,
        latency_ns=trip.arrival_ns - trip.tx_end_ns,
        backhaul_ns=result.es_arrival_ns - trip.arrival_ns,
        es_wait_ns=result.start_ns - result.es_arrival_ns,
        execution_ns=result.end_ns - result.start_ns,
        return_ns=result.at_ns - result.end_ns,
        recovery_ns=flight.recovery_ns,
        local_wait_ns=local_wait,
        local_execution_ns=executed,
        emulation_ns=lag,
    )


def _energy_j(flight: Flight, ue: Ue, lag_ns: int) -> tuple[float, float]:
    """The UE's energy by the model, and from achieved times.

    What arrived late was sent for longer; a local execution that ended ``lag_ns`` late took κ·f³ watts for so long.
    """
    trip = NO_TRIP if flight.result is None else flight.result.trip
    energy = transmit_energy_j(ue.tx_power_w, trip.tx_end_ns - trip.tx_start_ns + flight.lost_airtime_ns)
    energy += flight.spent_j
    measured = energy + transmit_energy_j(ue.tx_power_w, trip.late_ns)
    if flight.start_ns >= 0:
        executed = compute_energy_j(ue.kappa, ue.cpu_hz, flight.task.cycles)
        energy, measured = energy + executed, measured + executed
        if lag_ns > 0:
            measured += ue.kappa * float(ue.cpu_hz) ** 3 * lag_ns * 1e-9
    return energy, measured


def posthumous(result: Result, now_ns: int) -> EventRow:
    """The event of a result that was heard at ``now_ns`` and does not count: its ES had died by the end it tells of."""
    return EventRow(now_ns, result.ue, STALE, f"result of task {result.number} by {result.es}, dead by then", 1.0)


def outcome(row: TaskRow, task: Task) -> Outcome:
    """What is learned from: a finished task as its last row has it."""
    return Outcome(
        ue=row.ue,
        task=task,
        slot=row.slot,
        choice=row.choice,
        fallback=row.fallback,
        state=row.state,
        delay_ns=row.measured_ns,
        energy_j=row.energy_measured_j,
        airtime_ns=row.airtime_ns,
        tx_start_ns=row.tx_start_ns,
        finished_ns=row.finished_ns,
        forwarded=row.forwarded,
        rejected=row.rejected,
        by_ue=row.local_execution_ns > 0,
        think_ns=row.think_ns,
    )
