"""CPUs and queues: cycles asked against achieved, and the waits of an edge server against queueing theory."""

from collections.abc import Iterator

import msgspec

from testbed.analysis.grading import burnt
from testbed.model import random
from testbed.model.delay import NS_PER_MS, NS_PER_S
from testbed.model.statistics import mean
from testbed.model.system import Emulation, Es, Plan, Radio, System
from testbed.model.task import Task
from testbed.policy.heuristics import FixedChoice
from testbed.protocol.rows import TaskRow
from testbed.sim.simulation import simulate
from testbed.verify import theory
from testbed.verify.bench import Check, compared, evaluated, room, run, system, task

EXECUTIONS_MS = (10, 100, 500)
CYCLES_LIMIT, BURNT_LIMIT, BURN_LIMIT, SAMPLE_LIMIT = 0.005, 0.01, 0.05, 0.02
UTILISATION, SERVICE_NS = 0.7, NS_PER_S
QUEUE_BATCHES = 20


def cycles(repeats: int) -> Iterator[Check]:
    """Local executions on three UEs of 1 GHz, a tenth of the time really burnt."""
    bench = system([1e9] * len(EXECUTIONS_MS), repeats * 0.7, Radio())
    tasks = [
        task(ue, n, n * 700 * NS_PER_MS + ue * 30 * NS_PER_MS, 8_000, length * NS_PER_MS)
        for ue, length in enumerate(EXECUTIONS_MS)
        for n in range(repeats)
    ]
    taken = run(bench, tasks, "lc", Emulation(burn=0.1, drain_limit_ns=60 * NS_PER_S))
    for ue, length in enumerate(EXECUTIONS_MS):
        rows = [row for row in taken.tasks if row.ue == f"ue-1-{ue + 1}"]
        asked = length * 1e-3
        yield evaluated(
            "cycles",
            f"{length} Mcycles at 1 GHz",
            asked,
            list(map(_local_s, rows)),
            "s",
            room(CYCLES_LIMIT, length * NS_PER_MS),
        )
    cpu = burnt(taken.events)
    yield evaluated("burn", "a tenth of three UEs' time", cpu.asked_s, [cpu.achieved_s], "CPU s", BURN_LIMIT)


def burning() -> Iterator[Check]:
    """One UE that burns all of its time."""
    bench = system([1e9], 1.0, Radio())
    tasks = [task(0, n, n * 250 * NS_PER_MS, 8_000, 200 * NS_PER_MS) for n in range(4)]
    taken = run(bench, tasks, "lc", Emulation(burn=1.0, drain_limit_ns=60 * NS_PER_S))
    cpu = burnt(taken.events)
    yield evaluated("burn", "all of one UE's time", cpu.asked_s, [cpu.achieved_s], "CPU s", BURN_LIMIT)
    yield evaluated("cycles", "200 Mcycles, all burnt", 0.2, [_local_s(row) for row in taken.tasks], "s", BURNT_LIMIT)


def _local_s(row: TaskRow) -> float:
    return (row.measured_ns - row.slot_wait_ns - row.decision_ns - row.local_wait_ns) / NS_PER_S


def queues(tasks: int, live_tasks: int) -> Iterator[Check]:
    """One server at ρ = 0.7: long simulations against closed forms, and a live run against Lindley's recursion."""
    expected = {
        "M/D/1": theory.wait_md1_s(UTILISATION, SERVICE_NS / NS_PER_S),
        "M/M/1": theory.wait_mm1_s(UTILISATION, SERVICE_NS / NS_PER_S),
    }
    for name, asked in expected.items():
        bench, workload = poisson(name, tasks)
        rows = simulate(
            Plan(system=bench, workload=workload, policy="offload", second_offload=False), FixedChoice(1)
        ).tasks
        waits = [row.es_wait_ns / NS_PER_S for row in rows]
        mean_wait, error = mean(waits), standard_error(waits)
        off = abs(mean_wait - asked) / asked
        limit = 3.0 * error / asked
        yield Check(
            kind="queue",
            what=f"{name}, simulated",
            asked=asked,
            measured=mean_wait,
            unit="s wait",
            error=off,
            limit=limit,
            samples=len(waits),
            ok=off <= limit,
        )
    bench, workload = poisson("M/M/1", live_tasks)
    speed = Emulation(speed=20.0, payload="declared", burn=0.0, drain_limit_ns=600 * NS_PER_S)
    rows = sorted(run(bench, workload, "offload", speed).tasks, key=lambda row: row.number)
    lindley = theory.lindley_s(
        [row.ready_ns / NS_PER_S for row in rows], [row.cycles / bench.edge_servers[0].cpu_hz for row in rows]
    )
    pairs = [
        (wait + row.cycles / NS_PER_S, (row.measured_ns - row.slot_wait_ns - row.decision_ns) / NS_PER_S)
        for wait, row in zip(lindley, rows, strict=True)
    ]
    yield compared("queue", "M/M/1, live at speed 20: wait and service", pairs, "s", SAMPLE_LIMIT)


def poisson(name: str, count: int) -> tuple[System, tuple[Task, ...]]:
    """Poisson arrivals of one UE, over a radio that takes no time, at one core; service constant or exponential."""
    bench = system([1e18], 1.0, Radio())
    at, drawn = 0.0, []
    for n in range(count):
        gap, work = (random.exponential(random.uniform(9, random.ARRIVALS, 0, n, field)) for field in (0, 1))
        at += gap * SERVICE_NS / UTILISATION
        length = SERVICE_NS if name == "M/D/1" else max(1, round(work * SERVICE_NS))
        drawn.append(task(0, n, round(at), 1, length))
    slots = round(at / NS_PER_S) + 1
    return msgspec.structs.replace(
        bench, slots=slots, edge_servers=(Es(name="es-1", index=0, cpu_hz=NS_PER_S),)
    ), tuple(drawn)


def standard_error(waits: list[float]) -> float:
    """Of the mean of correlated waits, by batch means."""
    size = len(waits) // QUEUE_BATCHES
    means = [mean(waits[i * size : (i + 1) * size]) for i in range(QUEUE_BATCHES)]
    middle = mean(means)
    return float((sum((one - middle) ** 2 for one in means) / (QUEUE_BATCHES - 1) / QUEUE_BATCHES) ** 0.5)
