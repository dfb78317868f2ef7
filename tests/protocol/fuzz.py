"""Mutated frames at every decoder of a socket: ``python -m tests.protocol.fuzz 10_000_000`` goes on where it was ended.

Frames are those of a simulated run, of sessions, telemetry and orders, changed in one to four places. A decoder may
refuse them in one line, and raise nothing else. What it believes must be in range; what the validator then lets pass is
told to a living core, which must bear it. The validator may let pass what a role could honestly have said.
"""

import argparse
import re
import sys
import time
from collections import Counter
from pathlib import Path
from random import Random

import msgspec

from controller.server import DecisionServer
from edge_server.server import Server
from testbed.hosts.lines import HostReady, KillRole, Lines, LogTail, Probed, RoleDied, StartRole, encode_line
from testbed.model.system import Fault, Plan
from testbed.node.assignment import Assignment, Pieces, pieces
from testbed.node.bundles import Bundles
from testbed.node.socket import envelope
from testbed.policy.heuristics import Priced
from testbed.policy.loading import load
from testbed.protocol import codec
from testbed.protocol.codec import Envelope, FrameError
from testbed.protocol.messages import Bye, Heartbeat, Hello, Orders, Ready, Rows, Start, Stop
from testbed.protocol.placement import crowds_of
from testbed.protocol.rows import EventRow
from testbed.protocol.validation import Validator
from testbed.record.fault_requests import FaultRequest, _parsed
from tests.crowd.simulated import Crowded, crowded
from tests.protocol.honest import overheard
from tests.support import MS, plan, region
from ue_agent.agent import Agent
from ue_agent.crowd.crowd import Crowd

BLOCK = 100_000
EDGES = (
    0,
    1,
    0x7F,
    0x80,
    0x90,
    0x91,
    0x9F,
    0xC0,
    0xC2,
    0xC3,
    0xCA,
    0xCB,
    0xCF,
    0xD3,
    0xDB,
    0xDC,
    0xDD,
    0xDF,
    0xE0,
    0xFF,
)
LONG = bytes.fromhex("cfffffffffffffffff")
DEEP = b"\x91" * 3000, b"[" * 3000, b'{"a":' * 3000
PRINTABLE = re.compile(r"[^\n]+")


class Sums(msgspec.Struct, kw_only=True):
    """What came of the frames of blocks ``first`` on: by decoder, and what of it was refused, let pass or failed."""

    first: int
    frames: int = 0
    outcomes: dict[str, int] = {}
    failures: list[str] = []
    cpu_s: float = 0.0


def a_plan() -> Plan:
    """A small run in which everything happens: second offload, deaths, restarts."""
    hardware, tasks = region(0.9, 3, 8, access="shared")
    faults = (Fault("es-3", 2_500 * MS, 4_000 * MS), Fault("ue-1-2", 3_000 * MS, 5_000 * MS))
    whole: Plan = crowded(plan(hardware, tasks, "offload", faults=faults), 0, 4, 0)
    return whole


class Fuzzer:
    """Honest frames of one run, and what takes them in."""

    def __init__(self, arguments: Plan) -> None:
        self.plan = arguments
        crowds = Crowded(arguments, load(arguments.policy)[0])
        crowds.run()
        self.envelopes = [output for _, output in (*overheard(arguments), *crowds.said)]
        starts = [envelope("launcher", 0, "es-1", body) for body in (Start(0, 1.0, 0), Stop(5, "done"), Heartbeat(1))]
        tells = [envelope("es-1", 0, "launcher", body) for body in (Hello("es-1", 7, "edge_server"), Ready(), Bye("x"))]
        rows = envelope("es-1", 0, "launcher", Rows((EventRow(1, "es-1", "died", "x", 0.5),)))
        self.frames = [codec.encode(one) for one in (*self.envelopes, *starts, *tells, rows)]
        self.lines = [
            encode_line(one)
            for one in (
                StartRole("ue_agent", "ue-1-1", 0),
                KillRole("es-1"),
                Probed(3, 10**15),
                HostReady(7, "boot", "1"),
                RoleDied("es-1", 0, crashed=True, log=("x",)),
                LogTail("es-1", ("a", "b")),
            )
        ]
        self.asked = [
            msgspec.json.encode(FaultRequest("kill", "es-1", 5.0)),
            msgspec.json.encode(FaultRequest("pause", "x")),
        ]
        small = msgspec.structs.replace(arguments, workload=arguments.workload[:3])
        self.orders = msgspec.msgpack.encode(Assignment(plan=small, processes={"es-1": ("es-1",)}))

    def block(self, first: int) -> Sums:
        """Try `BLOCK` frames, drawn by the number of the ``first``."""
        rng, sums, begun = Random(first), Sums(first=first), time.process_time()
        takers = Takers(self.plan)
        counts: Counter[str] = Counter()
        for _ in range(BLOCK):
            kind = rng.random()
            if kind < 0.9:
                name, data = "message", changed(rng, self.frames)
            elif kind < 0.95:
                name, data = "host agent's line", changed(rng, self.lines)
            elif kind < 0.99:
                name, data = "request", changed(rng, self.asked)
            else:
                name, data = "orders", changed(rng, [self.orders])
            try:
                counts[f"{name}: {takers.take(name, data, rng)}"] += 1
            except Exception as error:  # noqa: BLE001 - whatever a decoder raises beside its own errors is a failure
                sums.failures.append(f"{type(error).__name__}: {error} for {name} {data[:200].hex()}")
        sums.frames, sums.outcomes, sums.cpu_s = BLOCK, dict(counts), time.process_time() - begun
        return sums


class Takers:
    """The decoders, and living cores behind them."""

    def __init__(self, arguments: Plan) -> None:
        system = arguments.system
        tasks = arguments.tasks_by_ue()
        agents = {ue.name: Agent(system, ue.index, tasks[ue.index]) for ue in system.ues}
        crowds = {
            name: Crowd(system, name, ues, [tasks[ue.index] for ue in ues])
            for name, ues in crowds_of(arguments).items()
        }
        servers = {es.name: Server(system, es.index, second_offload=True) for es in system.edge_servers}
        self._cores: dict[str, Agent | Crowd | Server | DecisionServer] = {
            **agents,
            **crowds,
            **servers,
            "controller": DecisionServer(system, Priced()),
        }
        self._bundles = Bundles(arguments)
        self._validators = {name: Validator(arguments) for name in self._cores}
        self._end_ns = system.end_ns

    def take(self, name: str, data: bytes, rng: Random) -> str:
        """Take ``data`` in; what became of it."""
        if name == "host agent's line":
            try:
                result = [*Lines().requests(data + b"\n")] if rng.random() < 0.5 else [*Lines().reports(data + b"\n")]
            except codec.UNDECODABLE:
                return "refused"
            return "taken" if result else "nothing"
        if name == "request":
            return "refused" if isinstance(_parsed(data), str) else "taken"
        if name == "orders":
            (piece,) = pieces(data, Orders)
            try:
                Pieces(Assignment).take(piece)
            except codec.UNDECODABLE:
                return "refused"
            return "taken"
        return self._message(data, rng)

    def _message(self, data: bytes, rng: Random) -> str:
        try:
            decoded = codec.decode(data)
        except FrameError as error:
            if not PRINTABLE.fullmatch(str(error)):
                raise AssertionError("a refusal of more than a line") from error
            return "refused by the decoder"
        outcome = "for nobody here"
        for single in self._bundles.opened(decoded):
            core = self._cores.get(self._bundles.crowd_of.get(single.to, single.to))
            if core is None:
                return outcome
            if self._validators[core.name].refusal(single, rng.randint(0, self._end_ns)):
                return "refused by the validator"
            bear(core, single)
            outcome = "let pass"
        return outcome


def bear(core: Agent | Crowd | Server | DecisionServer, decoded: Envelope) -> None:
    """Tell a core what it may be told; it must raise nothing."""
    core.handle(max(0, decoded.at_ns), decoded.body)


def changed(rng: Random, frames: list[bytes]) -> bytes:
    """One of ``frames``, changed in one to four places."""
    data = bytearray(rng.choice(frames))
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(data) + 1)
        way = rng.random()
        if way < 0.4 and at < len(data):
            data[at] = rng.choice(EDGES)
        elif way < 0.6 and at < len(data):
            data[at] ^= 1 << rng.randrange(8)
        elif way < 0.7:
            data[at:at] = rng.randbytes(rng.randint(1, 4))
        elif way < 0.8:
            del data[at : at + rng.randint(1, 4)]
        elif way < 0.87:
            data[at : at + 1] = LONG
        elif way < 0.94:
            other = rng.choice(frames)
            begin = rng.randrange(len(other) + 1)
            data[at:] = other[begin:]
        elif way < 0.95:
            data[at:at] = rng.choice(DEEP)
        else:
            del data[at:]
    return bytes(data)


def main(argv: list[str]) -> int:
    """Try so many frames in all, those of earlier calls included; exit code 1 if anything failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.protocol.fuzz", description="fuzz the decoders of sockets")
    parser.add_argument("frames", type=int, nargs="?", default=10_000_000, help="in all; default: 10,000,000")
    parser.add_argument("--out", type=Path, default=Path("build/fuzz.jsonl"), help="results; default: build/fuzz.jsonl")
    arguments = parser.parse_args(argv)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    remaining = (
        [msgspec.json.decode(line, type=Sums) for line in arguments.out.read_text().splitlines()]
        if arguments.out.exists()
        else []
    )
    done, fuzzer = {sums.first for sums in remaining}, Fuzzer(a_plan())
    with arguments.out.open("a", encoding="utf-8") as file:
        for first in range(0, arguments.frames, BLOCK):
            if first not in done:
                remaining.append(fuzzer.block(first))
                print(msgspec.json.encode(remaining[-1]).decode(), file=file, flush=True)
    outcomes = sum((Counter(sums.outcomes) for sums in remaining), Counter[str]())
    for outcome, count in sorted(outcomes.items()):
        print(f"{outcome:45} {count:>12,}")
    failures = [failure for sums in remaining for failure in sums.failures]
    print(
        f"{sum(sums.frames for sums in remaining):,} frames, {len(failures)} failures, "
        f"{sum(sums.cpu_s for sums in remaining):.0f} s of CPU",
        *failures[:10],
        sep="\n",
    )
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
