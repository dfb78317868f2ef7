"""Small systems and workloads for tests, built by hand so that tests do not depend on the scenario loader."""

import msgspec

from testbed.model import random
from testbed.model.delay import NS_PER_S, uplink_rate
from testbed.model.system import Backhaul, Es, Fault, Plan, Radio, System, Ue
from testbed.model.task import Task
from testbed.protocol.session_types import SessionTiming
from testbed.sim.network_conditions import Cut, NetworkConditions

MS = 1_000_000


def system(ues=(2,), speeds=(2_000_000_000,), slots=20, seed=7, **fields) -> System:
    """Cells of ``ues`` UEs (1 GHz, 8 Mbit/s) with ESs of ``speeds``; ``fields`` are `System`'s or every `Es`'s."""
    whole = {name: value for name, value in fields.items() if name in System.__struct_fields__}
    es = {name: value for name, value in fields.items() if name not in whole}
    users: list[Ue] = []
    for cell, count in enumerate(ues):
        for n in range(count):
            name = f"ue-{cell + 1}-{n + 1}"
            users.append(
                Ue(
                    name=name,
                    index=len(users),
                    cell=cell,
                    cpu_hz=1_000_000_000,
                    rate_bps=8e6,
                    tx_power_w=0.2,
                    kappa=1e-27,
                    weight_delay=0.5,
                    distance_m=100.0,
                )
            )
    result = System(
        name="test",
        seed=seed,
        hardware_seed=1,
        slots=slots,
        slot_ns=NS_PER_S,
        threshold_ns=NS_PER_S,
        detection_ns=100 * MS,
        epoch="slot",
        radio=Radio(),
        backhaul=Backhaul(1e9, MS),
        ues=tuple(users),
        edge_servers=tuple(Es(name=f"es-{i + 1}", index=i, cpu_hz=hz, **es) for i, hz in enumerate(speeds)),
    )
    return msgspec.structs.replace(result, **whole)


def region(density=0.7, seed=7, slots=50, **radio) -> tuple[System, tuple[Task, ...]]:
    """The hardware and a workload of the scenario `region` (3 cells × 5 UEs; the busiest has the weakest ES)."""
    hardware = system((5, 5, 5), (4 * NS_PER_S, 3 * NS_PER_S, 2 * NS_PER_S), slots, seed, radio=Radio(**radio))
    users = []
    for ue in hardware.ues:
        hz = int(0.8e9 + random.uniform(1, random.HARDWARE, ue.index, 0, 0) * 0.4e9 + 0.5)
        distance = 100 + random.uniform(1, random.HARDWARE, ue.index, 0, 1) * 400
        rate = uplink_rate(2e6, 0.2, distance**-4.0, 1e-13, 7.4)
        snr = 0.2 * distance**-4.0 / 1e-13
        users.append(msgspec.structs.replace(ue, cpu_hz=hz, rate_bps=rate, distance_m=distance, snr=snr))
    hardware = msgspec.structs.replace(hardware, ues=tuple(users))
    factors = (0.6, 1.0, 1.4)
    return hardware, workload(hardware, [density * factors[ue.cell] for ue in hardware.ues])


def workload(result: System, probability: list[float]) -> tuple[Task, ...]:
    """Bernoulli tasks with `region`'s values, one probability per UE."""
    tasks = []
    for ue in result.ues:
        number = 0
        for slot in range(result.slots):
            if random.uniform(result.seed, random.ARRIVALS, ue.index, slot, 0) >= probability[ue.index]:
                continue
            u = [random.uniform(result.seed, random.VALUES, ue.index, number, field) for field in range(3)]
            bits, cycles = int(2.4e6 + u[0] * 1.6e6 + 0.5), int(0.5e9 + u[1] * 1e9 + 0.5)
            tasks.append(
                Task(
                    ue=ue.index,
                    number=number,
                    generated_ns=slot * result.slot_ns,
                    input_bits=bits,
                    cycles=cycles,
                    deadline_ns=int(1e9 + u[2] * 2e9 + 0.5),
                )
            )
            number += 1
    return ordered(tasks)


def ordered(tasks) -> tuple[Task, ...]:
    """Workload order: generation, UE, number."""
    return tuple(sorted(tasks, key=lambda t: (t.generated_ns, t.ue, t.number)))


def random_faults(result: System, seed: int, *, ues: bool) -> tuple[Fault, ...]:
    """Up to four deaths of random roles at random instants, some with a restart; one at a time per process."""
    names = [es.name for es in result.edge_servers] + ["controller"] + ([ue.name for ue in result.ues] if ues else [])

    def u(n: int, field: int) -> float:
        return random.uniform(seed, random.FAULTS, n, 0, field)

    faults: dict[str, Fault] = {}
    for n in range(int(u(0, 0) * 4) + 1):
        name = names[int(u(n, 1) * len(names))]
        at = int(u(n, 2) * result.end_ns)
        if u(n, 3) < 0.3:
            at -= at % result.slot_ns
        back = at + int(u(n, 4) ** 2 * 5 * NS_PER_S) if u(n, 5) < 0.6 else -1
        faults.setdefault(name, Fault(name, at, back))
    return tuple(faults.values())


def random_conditions(result: System, seed: int) -> NetworkConditions:
    """A network that loses up to 30 % of frames, repeats some, delays them up to 0.4 s, and is cut here and there."""

    def u(n: int, field: int) -> float:
        return random.uniform(seed, random.NETWORK, n, 1, field)

    names = [ue.name for ue in result.ues] + [es.name for es in result.edge_servers]
    cuts = []
    for n in range(1, int(u(0, 0) * 4) + 1):
        a, b = (
            names[int(u(n, 1) * len(names))],
            ("controller", *(es.name for es in result.edge_servers))[int(u(n, 2) * 4)],
        )
        start = int(u(n, 3) * result.end_ns)
        cuts.append(Cut(a, b, start, start + int(u(n, 4) * 8 * NS_PER_S)))
    session = SessionTiming(
        heartbeat_ns=NS_PER_S,
        suspect_ns=3 * NS_PER_S,
        timeout_ns=8 * NS_PER_S,
        retry_ns=300 * MS,
        retry_max_ns=2 * NS_PER_S,
    )
    return NetworkConditions(
        seed=seed,
        drop=0.3 * u(0, 1),
        repeat=0.2 * u(0, 2),
        delay_ns=int(400 * MS * u(0, 3) ** 3),
        cuts=tuple(cuts),
        session=session,
    )


def plan(result: System, tasks, policy="greedy", *, double=True, faults=()) -> Plan:
    """A plan on default emulation."""
    return Plan(system=result, workload=tuple(tasks), policy=policy, second_offload=double, faults=tuple(faults))


def task_of(ue, number, at=0, cycles=NS_PER_S, bits=8_000_000, deadline=NS_PER_S) -> Task:
    """One task with round numbers: 1 Gcycle, 1 MB, 1 s."""
    return Task(ue=ue, number=number, generated_ns=at, input_bits=bits, cycles=cycles, deadline_ns=deadline)
