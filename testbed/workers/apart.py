"""Work that reads and writes files, done in a folder of its own: files come and go as bytes."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from testbed.model.errors import TestbedError
from testbed.record.files import keep, scratch

T = TypeVar("T")


def in_scratch(
    work: Callable[[Path], T], given: Mapping[str, bytes], called: str, folders: tuple[str, ...] = ()
) -> tuple[T, dict[str, bytes]]:
    """What ``work`` comes to in a folder of its own, and the files that it has made or changed there, by name.

    The folder holds the files ``given``, by name, and empty ``folders``. Errors call it ``called``.
    """
    with scratch() as folder:
        for name, content in given.items():
            keep(folder / name, content)
        for name in folders:
            (folder / name).mkdir(parents=True, exist_ok=True)
        try:
            done = work(folder)
        except TestbedError as error:
            raise error.renamed(str(folder), called) from error.__cause__
        there = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    return done, {name: content for name, content in there.items() if given.get(name) != content}
