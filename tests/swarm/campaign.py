"""Many seeds, in blocks whose results are kept in a file, so that whoever goes on later begins where it ended."""

import hashlib
import json
import time
import traceback
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path

import msgspec

from tests.swarm.cases import Case, drawn
from tests.swarm.ends import found_in, problems
from tests.swarm.faults import kind_of
from tests.swarm.play import play
from tests.swarm.shrink import shrunk

ROOT = Path(__file__).parents[2]
SOURCES = ("testbed", "ue_agent", "edge_server", "controller", "tests/swarm")
BLOCK = 200


class Block(msgspec.Struct, kw_only=True):
    """What came of the seeds from ``first`` on, with the code of ``digest``: sums, and the seeds that failed."""

    digest: str
    first: int
    seeds: int = 0
    tasks: int = 0
    events: int = 0
    simulated_s: float = 0.0
    cpu_s: float = 0.0
    faults: dict[str, int] = {}
    networks: int = 0
    failed: list[int] = []

    def add(self, other: "Block") -> None:
        """Count another block in."""
        for name in ("seeds", "tasks", "events", "simulated_s", "cpu_s", "networks"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.faults = dict(Counter(self.faults) + Counter(other.faults))
        self.failed += other.failed


def digest() -> str:
    """What tells this code from any other: results of other code count no more."""
    whole = hashlib.sha256()
    for folder in SOURCES:
        for path in sorted((ROOT / folder).rglob("*.py")):
            whole.update(path.read_bytes())
    return whole.hexdigest()[:16]


def complaints(case: Case) -> list[str]:
    """What is wrong with the run of ``case``; a core that raises is wrong too."""
    try:
        return problems(case)
    except AssertionError as error:
        return [f"AssertionError: {error}", traceback.format_exc()]


def play_block(first: int, seeds: int, of: str) -> Block:
    """Play ``seeds`` seeds from ``first`` on."""
    block, begun = Block(digest=of, first=first), time.process_time()
    for seed in range(first, first + seeds):
        case = drawn(seed)
        block.seeds += 1
        block.networks += case.network is not None
        for one in case.scenario.get("faults", ()):
            block.faults[kind_of(one)] = block.faults.get(kind_of(one), 0) + 1
        try:
            played = play(case)
            wrong = bool(found_in(played))
        except Exception:  # noqa: BLE001 - whatever it is, it is a failure of this seed, and the others are tried too
            block.failed.append(seed)
            continue
        block.tasks += len(played.made.tasks)
        block.events += played.made.delivered
        block.simulated_s += played.made.end_ns * 1e-9
        if wrong:
            block.failed.append(seed)
    block.cpu_s = time.process_time() - begun
    return block


def kept(file: Path, of: str) -> list[Block]:
    """The blocks in ``file`` that this code played; a line cut short by a kill is none."""
    found = []
    for line in file.read_text().splitlines() if file.exists() else ():
        try:
            found.append(msgspec.json.decode(line, type=Block))
        except msgspec.DecodeError:
            continue
    return [block for block in found if block.digest == of]


def blocks(first: int, last: int | None) -> Iterator[tuple[int, int]]:
    """(first seed, number of seeds) of every block from ``first`` to ``last``; None: for ever."""
    for begin in count(first, BLOCK):
        if last is not None and begin > last:
            return
        yield begin, BLOCK if last is None else min(BLOCK, last + 1 - begin)


def smallest(seed: int) -> Case:
    """The smallest case found that fails for the same reason, in kind, as that of ``seed``."""
    kind = kind_of_problem(failure(drawn(seed)))
    return shrunk(drawn(seed), lambda case: kind_of_problem(failure(case)) == kind)


def failure(case: Case) -> str:
    """The first thing that is wrong with a case, an exception among them; "" if nothing is."""
    try:
        return next(iter(problems(case)), "")
    except Exception as error:  # noqa: BLE001 - as above
        return f"{type(error).__name__}: {error}"


def kind_of_problem(problem: str) -> str:
    """A problem without its names and numbers."""
    return " ".join(word for word in problem.split() if not any(letter.isdigit() for letter in word))


def table(found: Sequence[Block]) -> str:
    """The sums of all blocks, as a table of a page."""
    whole = Block(digest="", first=0)
    for block in found:
        whole.add(block)
    kinds = ", ".join(f"{kind} {number:,}" for kind, number in sorted(whole.faults.items()))
    rows = {
        "seeds": f"{whole.seeds:,}",
        "tasks": f"{whole.tasks:,}",
        "events": f"{whole.events:,}",
        "simulated hours": f"{whole.simulated_s / 3600:,.1f}",
        "faults by kind": kinds,
        "on a bad network": f"{whole.networks:,}",
        "failures": f"{len(whole.failed):,}",
        "CPU time": f"{whole.cpu_s / 60:,.1f} min, {1e3 * whole.cpu_s / max(1, whole.seeds):.1f} ms a seed",
    }
    return "\n".join(["| what | how many |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows.items())])


def line_of(block: Block) -> str:
    """A block as a line of the file."""
    return json.dumps(msgspec.to_builtins(block))
