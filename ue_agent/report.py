"""The record of one task, from what its UE knows at its end: breakdown, energy, overhead (pure)."""

import msgspec

from testbed.model.energy import compute_energy_j, overhead, transmit_energy_j
from testbed.model.system import Ue
from testbed.model.task import COMPLETED, DECIDED, LATE, Task
from testbed.protocol.messages import Outcome, Result, Trip
from testbed.protocol.rows import TaskRow


class Flight(msgspec.Struct, kw_only=True):
    """A decided task on its way: where it is, and what is known of it so far."""

    task: Task
    slot: int
    asked_ns: int
    think_ns: int
    choice: int
    version: int
    log_probability: float
    fallback: str
    ready_ns: int
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

    def is_with(self, es: str, incarnation: int, own_es: str) -> bool:
        """Whether the death of this incarnation of ``es`` takes the task with it.

        A task on its way from its cell's ES ``own_es`` to another is with both until the other has it.
        """
        if self.es == es:
            return self.incarnation <= incarnation
        return self.forwarded and not self.arrived and es == own_es and self.via_incarnation <= incarnation

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
    def lost_airtime_ns(self) -> int:
        """Airtime spent on an ES that died, as far as the UE knows."""
        return self.tx_end_ns - self.tx_start_ns if self.lost_ns >= 0 and self.tx_start_ns >= 0 else 0


def decided(flight: Flight, ue: Ue) -> TaskRow:
    """The row of a task that is decided and on its way; what is planned of it by now lies in the future."""
    task = flight.task
    return TaskRow(
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
        recovered=flight.recovered,
        log_probability=flight.log_probability,
        fallback=flight.fallback,
        es=flight.es,
        ready_ns=flight.ready_ns,
        slot_wait_ns=flight.asked_ns - task.generated_ns,
        decision_ns=flight.ready_ns - flight.asked_ns,
        tx_start_ns=flight.tx_start_ns,
        tx_end_ns=flight.tx_end_ns,
        reentry_ns=flight.reentry_ns,
        start_ns=flight.start_ns,
        end_ns=flight.end_ns,
        rejected=flight.result is not None and flight.result.rejected,
    )


def ended(flight: Flight, ue: Ue, finished_ns: int) -> TaskRow:
    """The complete row of a finished task."""
    row = decided(flight, ue)
    result = flight.result
    if result is not None:
        row = _travelled(row, result)
    energy, airtime = 0.0, row.airtime_ns + flight.lost_airtime_ns
    if airtime:
        energy += transmit_energy_j(ue.tx_power_w, airtime)
    measured_energy = energy + transmit_energy_j(ue.tx_power_w, result.trip.late_ns if result is not None else 0)
    if flight.start_ns >= 0:
        entered = flight.reentry_ns if flight.reentry_ns >= 0 else flight.ready_ns
        executed = compute_energy_j(ue.kappa, ue.cpu_hz, flight.task.cycles)
        energy, measured_energy = energy + executed, measured_energy + executed
        row = msgspec.structs.replace(
            row,
            start_ns=flight.start_ns,
            end_ns=flight.end_ns,
            local_wait_ns=flight.start_ns - entered,
            local_execution_ns=flight.end_ns - flight.start_ns,
        )
    if flight.recovered:
        row = msgspec.structs.replace(
            row, reentry_ns=flight.reentry_ns, recovery_ns=flight.reentry_ns - flight.ready_ns
        )
    row = msgspec.structs.replace(
        row, finished_ns=finished_ns, forwarded=flight.forwarded, energy_j=energy, energy_measured_j=measured_energy
    )
    return measured(row, finished_ns, ue)


def _travelled(row: TaskRow, result: Result) -> TaskRow:
    trip: Trip = result.trip
    row = msgspec.structs.replace(
        row,
        es=result.es,
        attempts=trip.attempts,
        tx_start_ns=trip.tx_start_ns,
        tx_end_ns=trip.tx_end_ns,
        arrival_ns=trip.arrival_ns,
        es_arrival_ns=result.es_arrival_ns,
        rejected=result.rejected,
        radio_wait_ns=trip.tx_start_ns - trip.ready_ns,
        airtime_ns=trip.tx_end_ns - trip.tx_start_ns,
        latency_ns=trip.arrival_ns - trip.tx_end_ns,
        backhaul_ns=result.es_arrival_ns - trip.arrival_ns,
        return_ns=result.at_ns - result.end_ns,
    )
    if result.rejected:
        return msgspec.structs.replace(row, reentry_ns=result.at_ns)
    return msgspec.structs.replace(
        row,
        start_ns=result.start_ns,
        end_ns=result.end_ns,
        es_wait_ns=result.start_ns - result.es_arrival_ns,
        execution_ns=result.end_ns - result.start_ns,
    )


def measured(row: TaskRow, actual_ns: int, ue: Ue) -> TaskRow:
    """The row as it really ended at emulated instant ``actual_ns``: measured delay, overhead and state.

    A local execution that ended late used the CPU for longer: ``energy_measured_j`` grows by κ·f³ times the lag.
    """
    delay = actual_ns - row.generated_ns
    lag = actual_ns - row.finished_ns
    energy = row.energy_measured_j + _lag_energy_j(ue, lag, by_ue=row.local_execution_ns > 0)
    return msgspec.structs.replace(
        row,
        measured_ns=delay,
        emulation_ns=lag,
        energy_measured_j=energy,
        overhead=overhead(ue.weight_delay, delay, energy),
        state=COMPLETED if delay <= row.deadline_ns else LATE,
    )


def outcome(row: TaskRow, task: Task) -> Outcome:
    """What the controller learns from: a finished task with its last row."""
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


def measured_outcome(told: Outcome, actual_ns: int, ue: Ue) -> Outcome:
    """What `measured` makes of a row, for the outcome that is told of it."""
    delay, lag = actual_ns - told.task.generated_ns, actual_ns - told.finished_ns
    energy = told.energy_j + _lag_energy_j(ue, lag, by_ue=told.by_ue)
    state = COMPLETED if delay <= told.task.deadline_ns else LATE
    return msgspec.structs.replace(told, delay_ns=delay, energy_j=energy, state=state)


def _lag_energy_j(ue: Ue, lag_ns: int, *, by_ue: bool) -> float:
    return ue.kappa * float(ue.cpu_hz) ** 3 * lag_ns * 1e-9 if by_ue and lag_ns > 0 else 0.0
