"""`region` under greedy with second offload as a SimPy model: what `benchmarks/twin.py` compares the twin with.

Written as SimPy is meant to be used: a process per task, a `Resource` per local CPU and radio, a `PriorityResource` per
edge server (own-cell tasks first). Times are integer nanoseconds, equations those of `testbed.model`, so that every
task's delay is the same integer as on the twin. It knows what `region` needs: dedicated radio, one core, no limits.
"""

from collections import defaultdict
from collections.abc import Generator

import simpy

from testbed.model.delay import duration_ns, transfer_ns
from testbed.model.energy import compute_energy_j, overhead, transmit_energy_j
from testbed.model.queue import expected_wait_ns, second_offload
from testbed.model.system import Es, System
from testbed.model.task import Task
from testbed.policy import expected_costs


class Clock(simpy.Environment):
    """SimPy's, which only ever tells whole nanoseconds here."""

    _now: int

    @property
    def now(self) -> int:
        return self._now


class Server:
    """An edge server and what it knows of itself."""

    def __init__(self, env: Clock, es: Es) -> None:
        self.env, self.es = env, es
        self.cpu = simpy.PriorityResource(env, 1)
        self.own_cycles = self.forwarded_cycles = self.own_waiting = 0
        self.busy_until = 0

    def remaining_ns(self) -> int:
        return max(0, self.busy_until - self.env.now)

    def backlog_ns(self) -> int:
        return self.remaining_ns() + duration_ns(self.own_cycles + self.forwarded_cycles, self.es.cpu_hz)

    def wait_ns(self) -> int:
        busy = int(self.busy_until > self.env.now)
        return expected_wait_ns(self.remaining_ns(), busy, self.own_waiting, self.own_cycles, self.es.cpu_hz, 1)

    def execute(self, cycles: int, *, own: bool) -> Generator[simpy.Event]:
        """Wait for the CPU, own-cell tasks before forwarded ones, and use it."""
        self.own_waiting += own
        self.own_cycles += cycles * own
        self.forwarded_cycles += cycles * (not own)
        with self.cpu.request(priority=0 if own else 1) as request:
            yield request
            self.own_waiting -= own
            self.own_cycles -= cycles * own
            self.forwarded_cycles -= cycles * (not own)
            duration = duration_ns(cycles, self.es.cpu_hz)
            self.busy_until = self.env.now + duration
            yield self.env.timeout(duration)


class Region:
    """The whole model; `run` returns every task's delay by (UE, number)."""

    def __init__(self, system: System, tasks: tuple[Task, ...]) -> None:
        self.system, self.env = system, Clock()
        self.servers = [Server(self.env, es) for es in system.edge_servers]
        self.cpus = [simpy.Resource(self.env, 1) for _ in system.ues]
        self.radios = [simpy.Resource(self.env, 1) for _ in system.ues]
        self.local_free = [0] * len(system.ues)
        self.radio_free = [0] * len(system.ues)
        self.announced = [0] * len(system.edge_servers)
        self.alive = [True] * len(system.edge_servers)
        self.due: dict[int, list[Task]] = defaultdict(list)
        for task in tasks:
            self.due[-(-task.generated_ns // system.slot_ns)].append(task)
        self.left = len(tasks)
        self.delays: dict[tuple[int, int], int] = {}

    def run(self) -> dict[tuple[int, int], int]:
        self.env.process(self.slots())
        self.env.run()
        return self.delays

    def slots(self) -> Generator[simpy.Event]:
        """At every boundary servers announce, then every cell's agent decides, UE after UE."""
        slot = 0
        while self.left:
            self.announced = [server.backlog_ns() for server in self.servers]
            sent = [0] * len(self.servers)
            for task in self.due.pop(slot, ()):
                self.decide(task, sent)
            slot += 1
            yield self.env.timeout(self.system.slot_ns)

    def decide(self, task: Task, sent: list[int]) -> None:
        """Greedy: the lower of both expected overheads."""
        ue, now = self.system.ues[task.ue], self.env.now
        es = self.system.edge_servers[ue.cell]
        local_ns = duration_ns(task.cycles, ue.cpu_hz)
        local_end = max(now, self.local_free[ue.index]) + local_ns
        energy = compute_energy_j(ue.kappa, ue.cpu_hz, task.cycles)
        local = overhead(ue.weight_delay, local_end - task.generated_ns, energy)
        airtime = transfer_ns(task.input_bits, ue.rate_bps)
        sent_at = max(now, self.radio_free[ue.index]) + airtime
        wait = expected_costs.es_wait_ns(self.announced[es.index], sent[es.index], es.cpu_hz, 1, sent_at - now)
        end = sent_at + wait + duration_ns(task.cycles, es.cpu_hz)
        offload = overhead(ue.weight_delay, end - task.generated_ns, transmit_energy_j(ue.tx_power_w, airtime))
        if offload < local:
            sent[es.index] += task.cycles
            self.radio_free[ue.index] = sent_at
            self.env.process(self.offload(task, airtime))
        else:
            self.local_free[ue.index] = local_end
            self.env.process(self.local(task, local_ns))

    def local(self, task: Task, duration: int) -> Generator[simpy.Event]:
        with self.cpus[task.ue].request() as request:
            yield request
            yield self.env.timeout(duration)
        self.end(task)

    def offload(self, task: Task, airtime: int) -> Generator[simpy.Event]:
        with self.radios[task.ue].request() as request:
            yield request
            yield self.env.timeout(airtime)
        system = self.system
        home = system.ues[task.ue].cell
        wait = self.servers[home].wait_ns()
        target = second_offload(home, wait, system.threshold_ns, self.announced, self.alive)
        if target != home:
            yield self.env.timeout(transfer_ns(task.input_bits, system.backhaul.rate_bps) + system.backhaul.latency_ns)
        yield from self.servers[target].execute(task.cycles, own=target == home)
        self.end(task)

    def end(self, task: Task) -> None:
        self.delays[task.ue, task.number] = self.env.now - task.generated_ns
        self.left -= 1


def simulate(system: System, tasks: tuple[Task, ...]) -> dict[tuple[int, int], int]:
    """Delays in ns by (UE index, task number)."""
    return Region(system, tasks).run()
