"""Scenarios of extreme values on the twin and the simulation: ``python -m tests.twin.fuzz FIRST COUNT``.

To be run in a process of its own: compiled code that touches what is not its own ends the process without a word. The
last line tells how many scenarios were played and how many refused; what differs is printed and gives exit code 1.
"""

import math
import sys
from random import Random

import msgspec
import numpy as np

from testbed.model.errors import TestbedError
from testbed.policy.heuristics import FixedChoice, Priced
from testbed.scenario.load import parse_scenario
from testbed.scenario.workload import columns_of
from testbed.sim.simulation import simulate
from testbed.trace import inputs
from testbed.twin import build
from testbed.twin.rows import task_rows
from testbed.twin.twin import Twin

WORLDS, LATER = 2, 12
UNFINISHED = -1


def log(rng, low, high):
    """Log-uniform, with the ends themselves now and then."""
    mark = rng.random()
    return low if mark < 0.05 else high if mark > 0.95 else math.exp(rng.uniform(math.log(low), math.log(high)))


def whole(rng, low, high):
    return min(int(high), max(int(low), round(log(rng, low, high))))


def maybe(rng, usual, extreme):
    """Mostly something usual, so that not all is refused."""
    return usual if rng.random() < 0.9 else extreme()


def task(rng):
    bits = [maybe(rng, "300 kB", lambda: f"{whole(rng, 1, 2**53)} bit") for _ in range(2)]
    cycles = maybe(rng, "1 G", lambda: f"{whole(rng, 1, 2**53)} cycles")
    kinds = (f"{{choice: [{bits[0]}, {bits[1]}]}}", bits[0])
    per_bit = f"{{per_bit: {log(rng, 1e-9, 1e9):.6g}}}"
    deadline = maybe(rng, "1 s", lambda: f"{whole(rng, 1, 3e17)} ns")
    return f"{{input: {rng.choice(kinds)}, cycles: {maybe(rng, cycles, lambda: per_bit)}, deadline: {deadline}}}"


def radio(rng):
    latency = maybe(rng, "1 ms", lambda: f"{whole(rng, 1, 3e17)} ns")
    jitter = rng.choice(("exponential: {0}", "normal: [{0}, {0}]", "uniform: [0 s, {0}]")).format(latency)
    parts = [f"latency: {latency}", f"loss: {maybe(rng, 0, lambda: rng.uniform(0, 0.99)):.3g}"]
    parts.append(f"bandwidth: {maybe(rng, 2e6, lambda: log(rng, 1e-3, 1e12)):.6g} Hz")
    parts.append(f"noise: {maybe(rng, 1e-13, lambda: log(rng, 1e-30, 1e9)):.6g} W")
    parts.append(f"result_bits: {maybe(rng, 0, lambda: whole(rng, 1, 2**53))} bit")
    if rng.random() < 0.5:
        parts.append(f"jitter: {{{jitter}}}")
    if rng.random() < 0.3:
        parts.append("access: shared")
    elif rng.random() < 0.5:
        count = rng.randint(1, 4)
        durations = ", ".join(f"{maybe(rng, 10**9, lambda: whole(rng, 1, 3e17))} ns" for _ in range(count))
        rates = ", ".join(
            f"{rng.choice((0, 1e6, 1e7, maybe(rng, 1e5, lambda: log(rng, 1e-300, 1e300)))):.6g} bit/s"
            for _ in range(count)
        )
        parts.append(f"trace: {{durations: [{durations}], rates: [{rates}]}}")
    return f"{{{', '.join(parts)}}}"


def scenario(seed):
    """The text of a scenario with two cells."""
    rng = Random(seed)
    cpu = [maybe(rng, 10**9, lambda: whole(rng, 1, 1e15)) for _ in range(3)]
    slot = maybe(rng, 10**9, lambda: whole(rng, 1, 3e16))
    density = maybe(rng, 0.8, lambda: log(rng, 1e-300, 1))
    return f"""\
seed: {rng.randint(0, 2**63 - 1)}
slots: {rng.randint(1, 6)}
slot: {slot} ns
density: {density:.6g}
second_offload: {{threshold: {maybe(rng, 10**9, lambda: whole(rng, 1, 3e17))} ns}}
task: {task(rng)}
radio: {radio(rng)}
backhaul: {{rate: {maybe(rng, 1e9, lambda: log(rng, 1e-300, 1e300)):.6g} bit/s}}
ue:
  cpu: {cpu[0]} Hz
  distance: {maybe(rng, 200, lambda: log(rng, 1e-3, 1e9)):.6g} m
  tx_power: {maybe(rng, 0.2, lambda: log(rng, 1e-30, 1e9)):.6g} W
workload: {{arrivals: {rng.choice(("bernoulli", "poisson"))}}}
cells:
  - {{es: {{cpu: {cpu[1]} Hz, cores: {maybe(rng, 1, lambda: whole(rng, 1, 1024))}}}, ues: 2}}
  - {{es: {{cpu: {cpu[2]} Hz, queue_limit: {maybe(rng, "unlimited", lambda: whole(rng, 1, 1e9))}}}, ues: 1}}
"""


def wander(twin, slots, actions):
    """Play some slots, seeing everything; a world that is full ends it."""
    twin.reset(np.arange(WORLDS), backlog_ns=10**9)
    for n in range(slots):
        twin.observe("paper")
        seen = twin.observe("full")
        assert not np.isnan(seen).any(), "an observation is NaN"
        twin.step(np.full((WORLDS, len(twin.system.ues)), actions >> n & 1))


def play(text, seed):
    """Play the scenario on both clocks, as far as a few slots go; returns what differs."""
    resolved = inputs.resolve(parse_scenario(text))
    system, workload = resolved.system, inputs.generate(resolved.scenario, resolved.system)
    policy, later = (Priced(), FixedChoice(1), FixedChoice(0))[seed % 3], LATER * system.slot_ns
    plan = resolved.plan(workload, "fuzz", second_offload=True, live=True)
    twin = Twin(system, build.table(system, workload), double=True, capacity=max(1, len(workload)), recording=True)
    twin.use(policy)
    twin.reset(system.seed)
    twin.advance(system.slots + LATER)
    emulation = msgspec.structs.replace(plan.emulation, drain_limit_ns=later)
    made = simulate(msgspec.structs.replace(plan, emulation=emulation), policy)
    columns = columns_of(workload)
    place = twin.fixed.ues["first_row"][columns["ue"]] + columns["number"]
    ended = {(row.ue, row.number): row.finished_ns for row in made.tasks}
    wander(Twin(system, build.generator(resolved.scenario, system, endless=True), WORLDS, double=True), LATER, seed)
    return [
        f"{row.ue}/{row.number}: {row.finished_ns} ns on the twin, {ended[row.ue, row.number]} ns simulated"
        for row in task_rows(system, columns, twin.state.outcomes[0][place])
        if UNFINISHED < row.finished_ns <= system.end_ns + later and row.finished_ns != ended[row.ue, row.number]
    ]


def main(first, count):
    """Try scenarios ``first`` to ``first + count``; returns how many differ."""
    played, refused, wrong = 0, 0, 0
    for seed in range(first, first + count):
        print(f"seed {seed}", flush=True)
        text = scenario(seed)
        try:
            differences = play(text, seed)
        except TestbedError as error:
            refused += 1
            if "nan" in str(error):
                raise AssertionError("no remedy names what is no number") from error
            continue
        played += 1
        if differences:
            wrong += 1
            print(text, *differences, sep="\n", flush=True)
    print(f"{played} played, {refused} refused", flush=True)
    return wrong


if __name__ == "__main__":
    sys.exit(min(1, main(int(sys.argv[1]), int(sys.argv[2]))))
