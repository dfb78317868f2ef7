"""Links: rate, size, latency, jitter, loss, a shared band and a rate trace, each on real processes."""

from collections import defaultdict
from collections.abc import Iterator

from testbed.model import link
from testbed.model.delay import NS_PER_MS, NS_PER_S
from testbed.model.system import SHARED, Radio
from testbed.protocol.rows import TaskRow
from testbed.verify import theory
from testbed.verify.bench import Check, compared, evaluated, link_ns, room, run, system, task

MBIT, KB = 1e6, 8_000
RATES = (1, 5, 20, 100, 1000)
SIZES = (1, 50, 400, 1000)
WELL_KNOWN = ((24, 400), (96, 50))
LATENCY_NS = 10 * NS_PER_MS
LONGEST_S = 1.0
RATE_LIMIT, KNOWN_LIMIT, DELAY_LIMIT, PULSE_LIMIT = 0.005, 0.002, 0.01, 0.01
PULSE_BPS, PULSE_BITS = 80e6, 100 * KB
EDGES_NS, TRACE_BPS, PERIOD_NS = (0, 150 * NS_PER_MS, 250 * NS_PER_MS), (8e6, 0.0, 40e6), 400 * NS_PER_MS
TRACED_SIZES = (10, 100, 300)
LOSS, SAMPLED, SAMPLED_BITS = 0.2, 320, 1 * KB


def transfers(repeats: int) -> Iterator[Check]:
    """Rates times sizes at 10 ms of latency, every pair a UE of its own."""
    pairs = [(rate, size) for rate in RATES for size in SIZES if size * KB / (rate * MBIT) <= LONGEST_S]
    pairs += WELL_KNOWN
    period = round((LONGEST_S + 0.2) * NS_PER_S)
    tasks = [
        task(ue, n, n * period + ue * period // len(pairs), size * KB)
        for ue, (_, size) in enumerate(pairs)
        for n in range(repeats)
    ]
    bench = system([rate * MBIT for rate, _ in pairs], repeats * 1.2, Radio(latency_ns=LATENCY_NS))
    taken = by_ue(run(bench, tasks).tasks)
    for ue, (rate, size) in enumerate(pairs):
        asked = theory.transfer_s(size * KB, rate * MBIT, LATENCY_NS / NS_PER_S)
        limit = KNOWN_LIMIT if (rate, size) in WELL_KNOWN else room(RATE_LIMIT, asked * NS_PER_S)
        yield evaluated("transfer", f"{size} kB at {rate} Mbit/s, 10 ms", asked, seconds(taken[ue]), "s", limit)


def latencies(repeats: int, asked_ms: tuple[int, ...]) -> Iterator[Check]:
    """One-way latencies, with a transmission of 4 ms before them."""
    for latency in asked_ms:
        bench = system([100 * MBIT] * 4, 1.0, Radio(latency_ns=latency * NS_PER_MS))
        tasks = [
            task(ue, n, n * 200 * NS_PER_MS + ue * 40 * NS_PER_MS, 50 * KB) for ue in range(4) for n in range(repeats)
        ]
        asked = theory.transfer_s(50 * KB, 100 * MBIT, latency * 1e-3)
        measured = [link_ns(row) / NS_PER_S for row in run(bench, tasks).tasks]
        yield evaluated("latency", f"{latency} ms", asked, measured, "s", room(DELAY_LIMIT, asked * NS_PER_S))


def jitter() -> Iterator[Check]:
    """The shape of jitter, by Kolmogorov and Smirnov's distance; lateness may add a hundredth of the jitter's width."""
    low, width, airtime = 5 * NS_PER_MS, 20 * NS_PER_MS, SAMPLED_BITS / (100 * MBIT)
    radio = Radio(jitter_kind=link.JITTER_UNIFORM, jitter_low_ns=low, jitter_high_ns=low + width)
    latencies_s = [seconds_of(row) - airtime for row in sampled(radio)]
    distance = theory.ks_distance(latencies_s, lambda x: min(1.0, max(0.0, (x - low / NS_PER_S) / (width / NS_PER_S))))
    limit = theory.ks_limit(len(latencies_s)) + 0.3 * NS_PER_MS / width
    yield Check(
        kind="jitter",
        what="uniform, 5 to 25 ms",
        asked=0.0,
        measured=distance,
        unit="KS distance",
        error=distance,
        limit=limit,
        samples=len(latencies_s),
        ok=distance <= limit,
    )


def loss() -> Iterator[Check]:
    """Mean transmissions a task needs at loss p: 1/(1−p), within three standard errors."""
    airtime = 20 * SAMPLED_BITS / (8 * MBIT)
    rows = sampled(Radio(loss=LOSS), rate=8 * MBIT, bits=20 * SAMPLED_BITS)
    tries = [round(seconds_of(row, queued=True) / airtime) for row in rows]
    mean, asked = sum(tries) / len(tries), 1.0 / (1.0 - LOSS)
    limit = 3.0 * (LOSS / len(tries)) ** 0.5
    error = abs(mean - asked) / asked
    yield Check(
        kind="loss",
        what=f"{LOSS:.0%} of transmissions",
        asked=asked,
        measured=mean,
        unit="tries",
        error=error,
        limit=limit,
        samples=len(tries),
        ok=error <= limit,
    )


def shared(repeats: int, most: int = 10) -> Iterator[Check]:
    """1 to 10 senders at once on one band, against processor sharing at their very instants."""
    pulses = [count for count in range(1, most + 1) for _ in range(repeats)]
    tasks, numbers = [], [0] * most
    for pulse, count in enumerate(pulses):
        for ue in range(count):
            tasks.append(task(ue, numbers[ue], pulse * 300 * NS_PER_MS, PULSE_BITS))
            numbers[ue] += 1
    bench = system([PULSE_BPS] * most, len(pulses) * 0.3, Radio(access=SHARED))
    groups: dict[int, list[TaskRow]] = defaultdict(list)
    for row in run(bench, tasks).tasks:
        groups[row.generated_ns].append(row)
    by_count: dict[int, list[tuple[float, float]]] = defaultdict(list)
    for rows in groups.values():
        ready = [row.ready_ns / NS_PER_S for row in rows]
        ends = theory.processor_sharing(ready, [PULSE_BITS / PULSE_BPS] * len(rows))
        by_count[len(rows)] += [(end - at, seconds_of(row)) for end, at, row in zip(ends, ready, rows, strict=True)]
    for count, pairs in sorted(by_count.items()):
        limit = room(PULSE_LIMIT, count * PULSE_BITS / PULSE_BPS * NS_PER_S)
        yield compared("shared radio", f"{count} senders", pairs, "s", limit)


def traced(repeats: int) -> Iterator[Check]:
    """A periodic rate trace, with silence in it, against the integral of the rate."""
    radio = Radio(trace_edges_ns=EDGES_NS, trace_bps=TRACE_BPS, trace_period_ns=PERIOD_NS)
    bench = system([20 * MBIT] * len(TRACED_SIZES), repeats * 0.7, radio)
    tasks = [
        task(ue, n, n * 677 * NS_PER_MS + ue * 70 * NS_PER_MS, size * KB)
        for ue, size in enumerate(TRACED_SIZES)
        for n in range(repeats)
    ]
    edges = [edge / NS_PER_S for edge in EDGES_NS]
    for ue, rows in by_ue(run(bench, tasks).tasks).items():
        pairs = []
        for row in rows:
            begin = row.ready_ns / NS_PER_S
            end = theory.traced_s(begin, row.input_bits, edges, TRACE_BPS, PERIOD_NS / NS_PER_S)
            pairs.append((end - begin, seconds_of(row)))
        limit = room(DELAY_LIMIT, min(asked for asked, _ in pairs) * NS_PER_S)
        yield compared("trace", f"{TRACED_SIZES[ue]} kB", pairs, "s", limit)


def sampled(radio: Radio, rate: float = 100 * MBIT, bits: int = SAMPLED_BITS) -> list[TaskRow]:
    """Many small transfers of eight UEs under one radio."""
    each = SAMPLED // 8
    gap = max(60 * NS_PER_MS, round(4 * bits / rate * NS_PER_S))
    tasks = [task(ue, n, n * gap + ue * gap // 8, bits, 40 * NS_PER_MS) for ue in range(8) for n in range(each)]
    return run(system([rate] * 8, each * gap / NS_PER_S, radio), tasks).tasks


def by_ue(rows: list[TaskRow]) -> dict[int, list[TaskRow]]:
    """Rows by the UE's index (the bench has one cell)."""
    rows_of_ue: dict[int, list[TaskRow]] = defaultdict(list)
    for row in rows:
        rows_of_ue[int(row.ue.rsplit("-", 1)[1]) - 1].append(row)
    return dict(sorted(rows_of_ue.items()))


def seconds(rows: list[TaskRow]) -> list[float]:
    """What the link took of each, s."""
    return [seconds_of(row) for row in rows]


def seconds_of(row: TaskRow, *, queued: bool = False) -> float:
    """What the link took, s; with ``queued`` less what the task waited for its UE's radio."""
    return (link_ns(row) - (row.radio_wait_ns if queued else 0)) / NS_PER_S
