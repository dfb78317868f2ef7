"""Recompute every delay of a recorded run on its own: standard library only, nothing of the testbed imported.

    python examples/oracle.py runs/demo-greedy-do

From ``run.db`` it takes the inputs alone: the constants of the system, each task's generation instant, size and work,
and what was decided when. Links, queues, second offload and execution are computed here again, in exact fractions with
each duration rounded half up to nanoseconds. Exit code 0: no delay differs by more than 20 ns; 1: one does; 2: not a
run it understands (a shared radio, deaths of user equipments or edge servers, retries, hedges, circuit breakers).
"""

import heapq
import itertools
import json
import math
import sqlite3
import sys
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

System = dict[str, Any]  # as the run has written it down
Task = dict[str, int]
Key = tuple[int, int]  # of a task: its UE's index and its number

TOLERANCE_NS, FOREVER = 20, 2**62
STEADY = {"trace_period_ns": 0, "trace_edges_ns": [], "trace_bps": []}
FAULT, EXEC_END, ARRIVAL, ANNOUNCE, DECIDE, START = 0, 1, 2, 3, 5, 6  # order of events at one instant


def half_up(x: Fraction) -> int:
    return math.floor(x + Fraction(1, 2))


def time_ns(amount: int, per_second: float | None) -> int:
    """Nanoseconds for bits at bit/s, or cycles at cycles/s; an unlimited rate is recorded as null."""
    return half_up(amount * 10**9 / Fraction(per_second)) if per_second is not None else 0


def uniform(seed: int, *key: int) -> float:
    """A keyed draw in [0, 1): splitmix64's finaliser over seed, stream, UE, task number, field."""
    h = 0
    for part in (seed, *key):
        z = ((h ^ part) + 0x9E3779B97F4A7C15) % 2**64
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 % 2**64
        z = (z ^ z >> 27) * 0x94D049BB133111EB % 2**64
        h = z ^ z >> 31
    return (h >> 11) / 2**53


def jitter_ns(system: System, ue: int, number: int) -> int:
    kind, low, high = (system["radio"]["jitter_" + key] for key in ("kind", "low_ns", "high_ns"))
    u, v = (uniform(system["seed"], 4, ue, number, field) for field in (0, 1))
    normal = math.sqrt(-2 * math.log(1 - u)) * math.cos(2 * math.pi * v)
    drawn = (0, low + u * (high - low), -math.log(1 - u) * high, max(0, low + normal * high))[kind]
    return math.floor(drawn + 0.5)


def faded_bps(system: System, ue: System, block: int) -> float:
    """Rate in a coherence block, whose power is exponential of unit mean."""
    radio, cap = system["radio"], system["radio"]["max_spectral_efficiency"]
    efficiency = math.log2(1 - ue["snr"] * math.log(1 - uniform(system["seed"], 4, ue["index"], block, 2)))
    return float(radio["bandwidth_hz"] * (efficiency if cap is None else min(cap, efficiency)))


def when_open(at: int, spans: list[list[int]]) -> int:
    """The first instant from ``at`` on that is in none of the spans."""
    while closed := [until for begin, until in spans if begin <= at < until]:
        at = max(closed)
    return at


def in_force(changes: System, edges: str, values: str, at: int, usual: Any) -> Any:
    """The value of what changes over time at an instant."""
    known = zip(changes.get(edges) or [], changes.get(values) or [], strict=True)
    return max(((edge, value) for edge, value in known if edge <= at), key=lambda one: one[0], default=(0, usual))[1]


def last_bit_ns(system: System, start: int, bits: int, ue: System) -> int:
    """End of a transmission begun at ``start``: along a rate trace, through block fading, or at the UE's rate."""
    radio = system["radio"]
    own = radio["traces"][ue["trace"]] if ue.get("trace", -1) >= 0 else {}
    names = ("edges_ns", "bps", "period_ns")
    edges, rates, period = (own[name] if own else radio["trace_" + name] for name in names)
    caps = list(zip(ue.get("cap_edges_ns") or [0], ue.get("caps_bps") or [None], strict=True))
    coherence = 0 if period else radio.get("coherence_ns", 0)
    if not period and not coherence:
        edges, rates, period = [0], [ue["rate_bps"]], FOREVER
    left, at = bits * Fraction(10**9), start
    while True:
        lap, offset = divmod(at, coherence or period)
        i = max(i for i, edge in enumerate(edges or (0,)) if edge <= offset)
        stop = (lap + 1) * coherence if coherence else lap * period + (*edges, period)[i + 1]
        stop = min([stop, *(edge for edge, _ in caps if edge > at)])
        cap = next(most for edge, most in reversed(caps) if edge <= at)
        full = faded_bps(system, ue, lap) if coherence else rates[i]
        rate = Fraction(full if cap is None else min(cap, full))
        moved = rate * (stop - at)
        if rate and moved >= left:
            return at + half_up(left / rate)
        left, at = left - moved, stop


class Server:
    """One edge server: who waits, when its running tasks end, and the backlog that it announced last."""

    def __init__(self, es: dict[str, Any]) -> None:
        self.cores, self.limit, self.fcfs = es["cores"], es["queue_limit"], es["discipline"] == 1
        self.speeds = list(zip(es.get("speed_edges_ns") or [0], es.get("speeds_hz") or [es["cpu_hz"]], strict=True))
        self.pauses = es.get("pauses_ns", [])
        self.waiting: list[tuple[bool, int, int, int, Task]] = []
        self.ends: list[int] = []
        self.announced: Fraction | int = 0

    def wait(self, now: int, *, everyone: bool) -> Fraction | int:
        """Expected wait of an own-cell arrival, or with ``everyone`` the total backlog, in ns."""
        ahead = [task["cycles"] for forwarded, *_, task in self.waiting if everyone or self.fcfs or not forwarded]
        if not everyone and len(self.ends) + len(ahead) < self.cores:
            return 0
        rest = sum(half_up(self.work(now, end) / self.hz(now)) for end in self.ends)
        return Fraction(rest + time_ns(sum(ahead), self.hz(now)), self.cores)

    def hz(self, now: int) -> Any:
        """The speed at an instant, in cycles/s."""
        return next(hz for edge, hz in reversed(self.speeds) if edge <= now)

    def work(self, begin: int, end: int) -> Fraction:
        """What a core does between two instants, in cycles times 10^9."""
        until = [edge for edge, _ in self.speeds[1:]] + [end]
        spans = zip(self.speeds, until, strict=True)
        return Fraction(sum(hz * max(0, min(end, stop) - max(begin, edge)) for (edge, hz), stop in spans))

    def end(self, start: int, cycles: int) -> int:
        """When work that begins at ``start`` is done."""
        left, at = Fraction(cycles * 10**9), start
        for edge, _ in self.speeds:
            if edge > at and self.work(at, edge) < left:
                left, at = left - self.work(at, edge), edge
        return at + half_up(left / self.hz(at))  # where the speed is 0 something is left until that is over

    def take(self) -> Task:
        """Remove and return the task that the discipline serves next."""
        first = min(self.waiting, key=lambda entry: entry[1:4] if self.fcfs else entry[:4])
        self.waiting.remove(first)
        return first[-1]


class Region:
    """All cells on one heap of (instant, phase, UE, number, age, action, arguments)."""

    def __init__(self, system: System, tasks: Sequence[Task], *, second_offload: bool) -> None:
        self.system, self.second_offload = system, second_offload
        self.ues, self.radio = system["ues"], system["radio"]
        self.servers = [Server(es) for es in system["ess"]]
        self.local = [Server({"cores": 1, "queue_limit": -1, "discipline": 1, **ue}) for ue in self.ues]
        self.heap: list[tuple[int, int, int, int, int, Callable[..., None], tuple[Any, ...]]] = []
        self.age, self.tasks, self.finished = 0, len(tasks), dict[Key, int]()
        self.radio_free, self.local_free = [0] * len(self.ues), [0] * len(self.ues)
        self.at(0, ANNOUNCE, 0, 0, self.announce)
        for task in sorted(tasks, key=lambda task: (task["ready"], task["number"])):
            if task["choice"] == 0 or self.is_known(self.ues[task["ue"]].get("cuts_ns", []), task["ready"]):
                self.at(task["ready"], DECIDE, task["ue"], task["number"], self.run_locally, task)
            else:
                self.transmit(task)

    def at(self, when: int, phase: int, ue: int, number: int, action: Callable[..., None], *arguments: object) -> None:
        self.age += 1
        heapq.heappush(self.heap, (when, phase, ue, number, self.age, action, arguments))

    def run(self) -> dict[Key, int]:
        """Act on events in order until every task has its end; returns the ends by (UE, number)."""
        while len(self.finished) < self.tasks:
            now, *_, action, arguments = heapq.heappop(self.heap)
            action(now, *arguments)
        return self.finished

    def announce(self, now: int) -> None:
        for server in self.servers:
            if when_open(now, server.pauses) == now:
                server.announced = server.wait(now, everyone=True)
        self.at(now + self.system["slot_ns"], ANNOUNCE, 0, 0, self.announce)

    def run_locally(self, now: int, task: Task) -> None:
        start = max(now, self.local_free[task["ue"]])
        self.local_free[task["ue"]] = self.local[task["ue"]].end(start, task["cycles"])
        self.finished[task["ue"], task["number"]] = self.local_free[task["ue"]]

    def transmit(self, task: Task) -> None:
        ue, number = task["ue"], task["number"]
        start = max(task["ready"], self.radio_free[ue])
        tries = self.tries(task, in_force(self.ues[ue], "loss_edges_ns", "losses", start, self.radio["loss"]), 16)
        self.radio_free[ue] = last_bit_ns(self.system, start, task["bits"] * tries, self.ues[ue])
        if held := self.known_while_sending(self.ues[ue], task["ready"], self.radio_free[ue]):
            self.radio_free[ue] = held[0]
            return self.at(held[0], FAULT, ue, number, self.run_locally, task)  # it is taken back
        later = in_force(self.ues[ue], "added_edges_ns", "added_ns", self.radio_free[ue], 0)
        arrival = self.radio_free[ue] + self.radio["latency_ns"] + jitter_ns(self.system, ue, number) + later
        self.at(when_open(arrival, self.servers[self.ues[ue]["cell"]].pauses), ARRIVAL, ue, number, self.arrive, task)

    def known_while_sending(self, ue: System, ready: int, last: int) -> list[int]:
        cuts = ue.get("cuts_ns", []) if self.system.get("resilience", {}).get("recovers_from_cuts") else []
        known = [(when_open(begin + self.system["detection_ns"], ue.get("pauses_ns", [])), end) for begin, end in cuts]
        return [at for at, end in known if ready < at < min(end, last)]

    def tries(self, task: Task, loss: float, field: int) -> int:
        """How often it is sent until nothing of it is lost."""
        seed, ue, number = self.system["seed"], task["ue"], task["number"]
        lost = (uniform(seed, 4, ue, number, field + n) < loss for n in range(1, 1000))
        return 1 + sum(1 for _ in itertools.takewhile(bool, lost))

    def arrive(self, now: int, task: Task) -> None:
        home = target = self.ues[task["ue"]]["cell"]
        away = [j for j in range(len(self.servers)) if j != home and not self.is_known(self.cuts(home, j), now)]
        wait = self.servers[home].wait(now, everyone=False)
        if self.system.get("chosen_target"):
            chosen = sorted(range(len(self.servers)), key=lambda j: (j != home, j))[task["choice"] - 1]
            target = chosen if chosen in away else home
        elif self.second_offload and wait > self.system["threshold_ns"]:
            target = min([(self.servers[j].announced, 1, j) for j in away] + [(wait, 0, home)])[2]
        if target == home:
            return self.enter(now, task, home)
        sent = self.over(now, time_ns(task["bits"], self.system["backhaul"]["rate_bps"]), self.standing(home, target))
        there = when_open(sent + self.system["backhaul"]["latency_ns"], self.servers[target].pauses)
        return self.at(there, ARRIVAL, task["ue"], task["number"], self.enter, task, target)

    def enter(self, now: int, task: Task, j: int) -> None:
        server, ue, number = self.servers[j], task["ue"], task["number"]
        if 0 <= server.limit <= len(server.waiting) + len(server.ends) - server.cores:
            self.at(self.returned(now, task, j), ARRIVAL, ue, number, self.run_locally, task)
        else:
            server.waiting.append((j != self.ues[ue]["cell"], now, ue, number, task))
            self.at(now, START, j, 0, self.start, j)

    def start(self, now: int, j: int) -> None:
        server = self.servers[j]
        while server.waiting and len(server.ends) < server.cores:
            task = server.take()
            end = server.end(now, task["cycles"])
            server.ends.append(end)
            self.at(end, EXEC_END, task["ue"], task["number"], self.release, j)
            self.finished[task["ue"], task["number"]] = self.returned(end, task, j)

    def release(self, now: int, j: int) -> None:
        self.servers[j].ends.remove(now)
        self.at(now, START, j, 0, self.start, j)

    def cuts(self, one: int, other: int) -> list[list[int]]:
        """The spans in which no bit moves between two ESs."""
        known = self.system.get("backhaul_cuts", [])
        return next((cut["cuts_ns"] for cut in known if {one, other} == {cut["one"], cut["other"]}), [])

    def standing(self, one: int, other: int) -> list[list[int]]:
        """The spans in which nothing moves between two ESs: it is cut, or one of them stands still."""
        return [*self.cuts(one, other), *self.servers[one].pauses, *self.servers[other].pauses]

    def is_known(self, cuts: list[list[int]], now: int) -> bool:
        """Whether a cut has lasted for long enough to be known."""
        return any(begin + self.system["detection_ns"] <= now < end for begin, end in cuts)

    def over(self, now: int, needed: int, closed: list[list[int]]) -> int:
        """When what needs so many ns of an open link has passed it."""
        while True:
            now = when_open(now, closed)
            stop = min((begin for begin, _ in closed if begin > now), default=FOREVER)
            if now + needed <= stop:
                return now + needed
            needed, now = needed - (stop - now), stop

    def returned(self, end: int, task: Task, j: int) -> int:
        """When the result of what ended at server ``j`` is at its UE: it waits until its whole way is open."""
        ue = self.ues[task["ue"]]
        end = when_open(end, [*self.standing(j, ue["cell"]), *ue.get("cuts_ns", [])])
        back = {"rate_bps": ue["rate_bps"], **(ue.get("back") or {})}
        bits = self.radio["result_bits"] * self.tries(task, in_force(back, "loss_edges_ns", "losses", end, 0), 2048)
        last = last_bit_ns({"radio": STEADY}, end, bits, back)
        at = last + self.radio["return_latency_ns"] + in_force(back, "added_edges_ns", "added_ns", last, 0)
        return when_open(at, ue.get("pauses_ns", []))


def read(path: Path) -> tuple[System, bool, list[Task], dict[Key, tuple[int, int]]]:
    """The system, whether second offload was on, every decided task, and the recorded ends of the finished ones."""
    db = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
    meta = dict(db.execute("SELECT key, value FROM meta"))
    system, second_offload = json.loads(meta["system"]), json.loads(meta["second_offload"])
    if system["radio"]["access"] != "dedicated":
        raise NotImplementedError("the cells share their radio; only dedicated access is recomputed here")
    used = sorted(name for name, option in system.get("resilience", {}).items() if option not in (None, False, -1))
    if used not in ([], ["recovers_from_cuts"]):
        raise NotImplementedError(f"UEs have options for failures ({', '.join(used)}), which are not recomputed here")
    died = {name for (name,) in db.execute("SELECT source FROM events WHERE kind = 'died'")}
    if who := sorted(died & {one["name"] for one in system["ues"] + system["ess"]}):
        raise NotImplementedError(f"{', '.join(who)} died; of deaths only the controller's is without consequence here")
    index = {ue["name"]: ue["index"] for ue in system["ues"]}
    tasks, recorded = [], {}
    query = "SELECT ue, number, input_bits, cycles, choice, asked_ns + think_ns, generated_ns, finished_ns FROM tasks"
    for ue, number, bits, cycles, choice, ready, generated, finished in db.execute(query + " WHERE choice >= 0"):
        task = {"ue": index[ue], "number": number, "bits": bits, "cycles": cycles, "choice": choice, "ready": ready}
        tasks.append(task)
        if finished >= 0:
            recorded[index[ue], number] = generated, finished
    return system, second_offload, tasks, recorded


def main(run: str | Path = "") -> int:
    path = Path(run) / "run.db" if Path(run).is_dir() else Path(run)
    try:
        system, second_offload, tasks, recorded = read(path)
    except (NotImplementedError, sqlite3.Error, KeyError) as reason:
        print(f"oracle: {path}: {reason}", file=sys.stderr)
        return 2
    computed = Region(system, tasks, second_offload=second_offload).run()
    off = {key: abs((computed[key] - born) - (finished - born)) for key, (born, finished) in recorded.items()}
    worst = max(off.values(), default=0)
    forwarding = "with" if second_offload else "without"
    print(f"{len(off)} tasks {forwarding} second offload, max |difference| of delay: {worst} ns")
    return int(worst > TOLERANCE_NS or not off)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2]))
