"""Removes data files of coverage.py whose process was killed while it wrote: one of them fails ``coverage combine``.

``python tools/coverage_files.py FOLDER``, before ``coverage combine``.
"""

import argparse
import sqlite3
from contextlib import closing
from pathlib import Path


def is_whole(file: Path) -> bool:
    """Whether ``file`` is a database with lines in it that SQLite finds nothing wrong with."""
    try:
        with closing(sqlite3.connect(file)) as db:
            db.execute("SELECT count(*) FROM line_bits").fetchone()
            return bool(db.execute("PRAGMA integrity_check").fetchone() == ("ok",))
    except sqlite3.DatabaseError:
        return False


def main() -> None:
    """Remove what is not whole, and say how many there were."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    broken = [file for file in parser.parse_args().folder.glob("data.*") if not is_whole(file)]
    for file in broken:
        file.unlink()
    if broken:
        print(f"{len(broken)} processes were killed while they wrote which lines they had run: left out")


if __name__ == "__main__":
    main()
