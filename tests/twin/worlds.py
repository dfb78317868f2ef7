"""Random small systems, workloads and policies: instants of a few nanoseconds, so that ties and zero lengths abound."""

import msgspec
from hypothesis import strategies as st

from testbed.model import random
from testbed.model.changing_link import RateTrace
from testbed.model.system import Backhaul, Es, Plan, Radio, System, Ue
from testbed.model.task import Task
from testbed.policy.choosing import PricedAny, Shortest
from testbed.policy.heuristics import Coin, FixedChoice, Priced

HZ = (1_000_000_000, 500_000_000, 2_000_000_000, 3_000_000_000, 12_000_000_000)
CAPS = st.sampled_from((1.5, float("inf")))
BPS = (1e9, 5e8, 1.5e9, 1e12)


class Hashed:
    """A policy of a user's own: arbitrary but deterministic choices that depend on what the agent sees."""

    def __repr__(self):
        return "Hashed()"

    def decide(self, cell, rng):
        seen = sum(
            es.backlog_ns + es.own_cycles + es.forwarded_cycles + es.air_cycles + es.senders for es in cell.edge_servers
        )
        chosen = {}
        for ue in cell.ues:
            mark = seen + ue.queue_ns + 3 * ue.radio_wait_ns + 5 * len(ue.tasks) + 7 * ue.last_choice
            drawn = random.uniform(cell.seed, 5, ue.index, mark, cell.slot) + rng.random()
            chosen[ue.name] = int(drawn * cell.actions / 2.0) if cell.chosen_target else int(drawn < 1.0)
        return chosen


def number(low, high):
    return st.integers(low, high)


@st.composite
def traces(draw):
    """Edges, rates and period of a rate trace with at least one rate above 0, or none at all."""
    if draw(st.booleans()):
        return {}
    lengths = draw(st.lists(number(1, 12), min_size=1, max_size=4))
    rates = [draw(st.sampled_from((0.0, 1e9, 4e8))) for _ in lengths]
    rates[draw(number(0, len(rates) - 1))] = 7e8
    edges = tuple(sum(lengths[:i]) for i in range(len(lengths)))
    return {"trace_edges_ns": edges, "trace_bps": tuple(rates), "trace_period_ns": sum(lengths)}


@st.composite
def varying(draw):
    """What changes a radio's rates over time: traces of single UEs, fading, both or neither."""
    own = [draw(traces()) for _ in range(draw(st.sampled_from((0, 0, 1, 3))))]
    result = [
        RateTrace(edges_ns=one["trace_edges_ns"], bps=one["trace_bps"], period_ns=one["trace_period_ns"])
        for one in own
        if one
    ]
    fades = {"bandwidth_hz": 5e8, "coherence_ns": draw(number(1, 20)), "max_spectral_efficiency": draw(CAPS)}
    return {"traces": tuple(result), **(fades if draw(st.sampled_from((False, False, True))) else {})}


@st.composite
def radios(draw):
    """Any radio: access, latencies, jitter, loss, traces, fading, results with a size."""
    return Radio(
        access=draw(st.sampled_from(("dedicated", "shared"))),
        latency_ns=draw(number(0, 4)),
        return_latency_ns=draw(st.sampled_from((0, 0, 1, 5, 23))),
        jitter_kind=draw(number(0, 3)),
        jitter_low_ns=draw(number(0, 3)),
        jitter_high_ns=draw(number(3, 15)),
        loss=draw(st.sampled_from((0.0, 0.3))),
        result_bits=draw(st.sampled_from((0, 0, 3))),
        **draw(traces()),
        **draw(varying()),
    )


@st.composite
def systems(draw):
    """One to four cells with none to three UEs each."""
    radio = draw(radios())
    counts = draw(st.lists(number(0, 3), min_size=1, max_size=4).filter(any))
    ues: list[Ue] = []
    edge_servers = []
    for cell, count in enumerate(counts):
        edge_servers.append(
            Es(
                name=f"es-{cell + 1}",
                index=cell,
                cpu_hz=draw(st.sampled_from(HZ)),
                cores=draw(st.sampled_from((1, 1, 1, 2, 3))),
                queue_limit=draw(st.sampled_from((-1, -1, 0, 1, 3))),
                discipline=draw(number(0, 1)),
            )
        )
        for n in range(count):
            name, hz, bps = f"ue-{cell + 1}-{n + 1}", draw(st.sampled_from(HZ)), draw(st.sampled_from(BPS))
            weight = draw(st.sampled_from((0.0, 0.5, 1.0)))
            ues.append(
                Ue(
                    name=name,
                    index=len(ues),
                    cell=cell,
                    cpu_hz=hz,
                    rate_bps=bps,
                    tx_power_w=0.2,
                    kappa=1e-27,
                    weight_delay=weight,
                    distance_m=100.0,
                    snr=draw(st.sampled_from((0.5, 3.0, 40.0))),
                    trace=draw(number(-1, len(radio.traces) - 1)),
                )
            )
    backhaul = Backhaul(draw(st.sampled_from((1e9, float("inf")))), draw(st.sampled_from((0, 0, 2))))
    return System(
        name="random",
        seed=draw(number(0, 2**63 - 1)),
        hardware_seed=1,
        slots=draw(number(1, 6)),
        slot_ns=draw(st.sampled_from((10, 16, 30))),
        threshold_ns=draw(st.sampled_from((0, 3, 12))),
        detection_ns=1,
        epoch="slot",
        radio=radio,
        backhaul=backhaul,
        ues=tuple(ues),
        edge_servers=tuple(edge_servers),
    )


@st.composite
def workloads(draw, system):
    """Tasks at slot boundaries and between them, some without bits or cycles."""
    tasks = []
    for ue in system.ues:
        instants = draw(st.lists(number(0, system.end_ns - 1), max_size=8))
        if draw(st.booleans()):
            instants = [at - at % system.slot_ns for at in instants]
        for n, at in enumerate(sorted(instants)):
            bits, cycles = draw(st.sampled_from((0, 1, 4, 9, 30))), draw(st.sampled_from((0, 1, 5, 8, 20, 60)))
            tasks.append(
                Task(
                    ue=ue.index,
                    number=n,
                    generated_ns=at,
                    input_bits=bits,
                    cycles=cycles,
                    deadline_ns=draw(number(1, 60)),
                )
            )
    return tuple(sorted(tasks, key=lambda task: (task.generated_ns, task.ue, task.number)))


@st.composite
def policies(draw):
    """Every heuristic, and one that the twin cannot compile."""
    price = draw(st.sampled_from((0.0, 0.5)))
    return draw(
        st.sampled_from(
            (
                FixedChoice(0),
                FixedChoice(1),
                FixedChoice(1),
                Coin(0.5),
                Coin(0.8),
                Priced(),
                Priced(price, -1e-8),
                Hashed(),
            )
        )
    )


@st.composite
def plans(draw):
    """A plan with a policy."""
    system = draw(systems())
    tasks = draw(workloads(system))
    return Plan(
        system=system, workload=tasks, policy="random", second_offload=draw(st.sampled_from((True, True, False)))
    ), draw(policies())


@st.composite
def choosing(draw):
    """A plan whose agents choose targets, with a policy that does."""
    system = msgspec.structs.replace(draw(systems()), chosen_target=True)
    plan = Plan(system=system, workload=draw(workloads(system)), policy="random", second_offload=True)
    price = draw(st.sampled_from((0.0, 0.5)))
    every = (PricedAny(), PricedAny(price, -1e-8, 1e-9), Shortest(), Shortest(sampled=True), Hashed(), Hashed())
    return plan, draw(st.sampled_from(every))
