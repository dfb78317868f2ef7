"""Mutation testing of the cores and the codec: ``python -m tools.mutation`` changes one place at a time, and tests.

Each mutant lives in a process forked from one that has imported everything. It must be noticed by the swarm, by the
fuzzer, or by the fast tests of its module; all of these must be silent where nothing is changed, which is tried first.
Who survives has to be explained in `EXPLAINED`, by its key, or a test has to be written. Results are kept in
``build/mutation.jsonl``: the command goes on where it was ended. Exit code 1: some survivor is not explained.
"""

import argparse
import contextlib
import importlib
import io
import os
import resource
import signal
import sys
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import pytest

from testbed.node.clock import die_with_parent
from tests.protocol import fuzz
from tests.swarm.campaign import failure
from tests.swarm.cases import Case, drawn, read
from tools.mutants import Mutant, mutants, put_in

ROOT = Path(__file__).parents[1]
EXPLAINED = ROOT / "tools" / "mutants-explained.toml"
RESULTS = Path("build/mutation.jsonl")
SEEDS, FRAMES = 120, 4000
MUTANT_CPU_S, MUTANT_WALL_S = 120, 3600  # on a busy host a mutant that takes long does not hang
CORES = (
    "tests/cores/test_boundaries.py",
    "tests/cores/test_outcome.py",
    "tests/cores/test_server.py",
    "tests/cores/test_orders.py",
    "tests/cores/test_revisions.py",
    "tests/sim/test_faults.py",
    "tests/sim/test_cuts.py",
    "tests/sim/test_closed_loop.py",
)
CODEC = ("tests/protocol/test_codec.py", "tests/node/test_socket.py")
CONTROLLER = ("tests/cores/test_controller.py", "tests/cores/test_gather.py", "tests/planning/test_region.py")
TARGETS: dict[str, Sequence[str]] = {
    "ue_agent/agent.py": CORES,
    "ue_agent/report.py": CORES,
    "edge_server/server.py": (*CORES, "tests/cores/test_late.py"),
    "edge_server/queue.py": (*CORES, "tests/cores/test_late.py"),
    "edge_server/peers.py": (*CORES, "tests/cores/test_peers.py"),
    "controller/server.py": (*CORES, *CONTROLLER),
    "controller/gather.py": (*CORES, *CONTROLLER),
    "testbed/protocol/lives.py": (*CORES, "tests/protocol/test_lives.py"),
    "testbed/protocol/codec.py": CODEC,
}


class Result(msgspec.Struct, kw_only=True):
    """What became of a mutant: ``killer`` noticed it ("" if nobody did)."""

    key: str
    killer: str


def main(argv: list[str]) -> int:
    """Try what is missing in the results."""
    parser = argparse.ArgumentParser(prog="python -m tools.mutation", description=__doc__.partition("\n")[0])
    parser.add_argument("files", nargs="*", default=list(TARGETS), help="files to change; default: cores and codec")
    parser.add_argument("--every", type=int, default=1, help="try each N-th mutant of a file; default: 1, all of them")
    parser.add_argument("--out", type=Path, default=RESULTS, help=f"results; default: {RESULTS}")
    given = parser.parse_args(argv)
    given.out.parent.mkdir(parents=True, exist_ok=True)
    kept = {one.key: one for one in results(given.out)}
    cases = [*(read(path.read_text()) for path in sorted((ROOT / "tests/swarm/kept").glob("*.yaml")))]
    cases += [drawn(seed) for seed in range(SEEDS)]
    if complaint := complaint_without_any(cases, given.files):
        print(f"what notices mutants objects to the code as it is, so it would object to any: {complaint}")
        return 1
    with given.out.open("a", encoding="utf-8") as out:
        for file in given.files:
            module = importlib.import_module(file.removesuffix(".py").replace("/", "."))
            for mutant in list(mutants(file, (ROOT / file).read_text()))[:: given.every]:
                if mutant.key not in kept:
                    kept[mutant.key] = Result(key=mutant.key, killer=fate(module, mutant, cases))
                    print(msgspec.json.encode(kept[mutant.key]).decode(), file=out, flush=True)
    return told(list(kept.values()))


def complaint_without_any(cases: list[Case], files: list[str]) -> str:
    """Who objects to the code with nothing changed, and to what; "" if nobody does. Cases are read once, for all."""
    swarm = next(filter(None, map(failure, cases)), "")
    if swarm:
        return f"the swarm: {swarm}"
    tests = sorted({test for file in files for test in TARGETS[file]})
    return "" if _apart(lambda: _tested(tests)) == "-" else "a test"


def results(file: Path) -> list[Result]:
    """The results in ``file``."""
    lines = file.read_text().splitlines() if file.exists() else []
    return [msgspec.json.decode(line, type=Result) for line in lines]


def told(found: list[Result]) -> int:
    """Print the sums and who survived; 1 if one of these is not explained."""
    explained = tomllib.loads(EXPLAINED.read_text()) if EXPLAINED.exists() else {}
    survivors = [one.key for one in found if not one.killer]
    killers = {word: sum(one.killer == word for one in found) for word in sorted({one.killer for one in found})}
    print(f"{len(found)} mutants, {len(found) - len(survivors)} noticed: {killers}")
    strange = [key for key in survivors if key not in explained]
    print(*(f"survived: {key}" for key in strange), sep="\n")
    print(f"{len(survivors)} survived, {len(survivors) - len(strange)} of them explained")
    return 1 if strange else 0


def fate(module: object, mutant: Mutant, cases: list[Case]) -> str:
    """Who notices the mutant."""
    said = _apart(lambda: noticed_by(module, mutant, cases))
    return "" if said == "-" else said or "its process ended, or hung"


def _apart(ask: Callable[[], str]) -> str:
    """What ``ask`` says in a process of its own, "-" for nothing; "" if that ends, or hangs."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        die_with_parent(signal.SIGKILL)
        resource.setrlimit(resource.RLIMIT_CPU, (MUTANT_CPU_S, MUTANT_CPU_S))
        signal.alarm(MUTANT_WALL_S)
        with contextlib.suppress(BaseException):
            os.write(writer, ask().encode() or b"-")
        os._exit(0)
    os.close(writer)
    with open(reader, encoding="utf-8") as pipe:
        said = pipe.read()
    os.waitpid(child, 0)
    return said


def noticed_by(module: object, mutant: Mutant, cases: list[Case]) -> str:
    """Let the mutant in, and ask all who could notice; the first who does, or ""."""
    if not put_in(sys.modules[module.__name__], mutant):  # type: ignore[attr-defined]
        return "not tried"
    tests = TARGETS[mutant.file]
    if tests is CODEC:
        fuzz.BLOCK = FRAMES
        if fuzz.Fuzzer(fuzz.a_plan()).block(0).failures:
            return "the fuzzer"
    elif any(failure(case) for case in cases):
        return "the swarm"
    return _tested(tests)


def _tested(tests: Sequence[str]) -> str:
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        code = pytest.main(["-x", "-q", "-p", "no:cacheprovider", *tests])
    return "a test" if code == 1 else "" if code == 0 else f"pytest ended with {code}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
