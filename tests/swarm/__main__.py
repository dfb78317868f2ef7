"""``python -m tests.swarm``: play seeds, resume, or play one file again; a failure is shrunk to a scenario file.

- ``python -m tests.swarm 0..99999`` plays these seeds, and goes on where it was ended;
- ``python -m tests.swarm --forever`` plays new seeds until it is ended;
- ``python -m tests.swarm build/swarm/seed-7.yaml`` plays one case again and says what is wrong;
- ``python -m tests.swarm --table`` prints the sums of what was played.

Exit code 1: something failed.
"""

import argparse
import sys
from concurrent.futures import ProcessPoolExecutor
from itertools import islice
from pathlib import Path

from tests.swarm.campaign import blocks, complaints, digest, failure, kept, line_of, play_block, smallest, table
from tests.swarm.cases import read

FIRST_OF_FOREVER = 1_000_000


def main(argv: list[str]) -> int:
    """Do what the arguments say."""
    parser = argparse.ArgumentParser(prog="python -m tests.swarm", description=__doc__.partition("\n")[0])
    parser.add_argument("what", nargs="?", default="0..1999", help="seeds FIRST..LAST, or the file of a case")
    parser.add_argument("--forever", action="store_true", help="new seeds until it is ended")
    parser.add_argument("--table", action="store_true", help="print the sums of what was played")
    parser.add_argument("--jobs", type=int, default=1, help="processes; default: 1")
    parser.add_argument("--out", type=Path, default=Path("build/swarm"), help="folder of results; default: build/swarm")
    given = parser.parse_args(argv)
    results = given.out / "swarm.jsonl"
    if given.table:
        print(table(kept(results, digest())))
        return 0
    if not given.forever and Path(given.what).is_file():
        return again(Path(given.what))
    first, last = (FIRST_OF_FOREVER, None) if given.forever else map(int, given.what.split(".."))
    given.out.mkdir(parents=True, exist_ok=True)
    try:
        return campaign(results, first, last, given.jobs)
    except KeyboardInterrupt:
        print("ended; the same command goes on")
        return 130


def again(file: Path) -> int:
    """Play the case of a file; what is wrong with it is printed."""
    found = complaints(read(file.read_text()))
    print(*(found or ["nothing is wrong"]), sep="\n")
    return 1 if found else 0


def campaign(results: Path, first: int, last: int | None, jobs: int) -> int:
    """Play what is missing in ``results``; failures are shrunk as they come."""
    of, failed = digest(), 0
    done = {(block.first, block.seeds): block for block in kept(results, of)}
    failed += sum(len(block.failed) for block in done.values())
    missing = (one for one in blocks(first, last) if one not in done)
    with results.open("a", encoding="utf-8") as file, ProcessPoolExecutor(jobs) as pool:
        while some := list(islice(missing, jobs)):
            for block in pool.map(play_block, *zip(*some, strict=True), [of] * len(some)):
                print(line_of(block), file=file, flush=True)
                failed += len(block.failed)
                print(f"seeds {block.first} to {block.first + block.seeds - 1}: {len(block.failed)} failed", flush=True)
                for seed in block.failed:
                    shrink(seed, results.parent)
    print(table(kept(results, of)))
    return 1 if failed else 0


def shrink(seed: int, folder: Path) -> None:
    """Write the smallest case that fails as that of ``seed`` does."""
    case = smallest(seed)
    path = folder / f"seed-{seed}.yaml"
    path.write_text(case.text, encoding="utf-8")
    print(f"  seed {seed}: {failure(case)}\n    python -m tests.swarm {path}", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
