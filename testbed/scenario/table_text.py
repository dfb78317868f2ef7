"""The text of a workload table (pure): tasks as lines, and plain lines as columns, many at once.

Plain is what `lines` writes: whole seconds, nine decimals, a name without quotes, numbers of at most 15 digits. A table
that is written in another way is read cell by cell.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from testbed.model.delay import NS_PER_S
from testbed.model.system import System
from testbed.scenario import decimals
from testbed.scenario.compressed import READ_AT_ONCE
from testbed.scenario.decimals import Ints, Letters
from testbed.scenario.ranges import TaskLimits

WORKLOAD_COLUMNS = ("time_s", "ue", "input_bits", "cycles", "deadline_s")
HEADER_LINE = ",".join(WORKLOAD_COLUMNS).encode() + b"\n"
NS_DIGITS, MOST_S = 9, 2**33
COMMA, LINE_END = ord(","), ord("\n")
_SIGNS = np.frombuffer(b".,,,,.\n", np.uint8)


class Names:
    """The names of UEs as letters (U, L), 0 behind short ones."""

    def __init__(self, names: Sequence[str]) -> None:
        listed = [name.encode() for name in names]
        self.longest = max(map(len, listed), default=0)
        self.length = np.array([len(name) for name in listed], np.int64)
        self.letters = np.zeros((len(listed), self.longest), np.uint8)
        for place, name in enumerate(listed):
            self.letters[place, : len(name)] = np.frombuffer(name, np.uint8)
        self._keys = _keys(self.letters.T)
        self._order = np.argsort(self._keys)

    def places(self, letters: Letters, begin: Ints, end: Ints) -> Ints | None:
        """Which name stands from ``begin`` to ``end`` in each line; None if any is none of them."""
        if not len(self.length) or int((end - begin).max(initial=0)) > self.longest:
            return None
        found = np.zeros((self.longest, len(begin)), np.uint8)
        for step in range(self.longest):
            place = np.minimum(begin + step, end)  # behind a cell is its comma
            found[step] = np.where(place < end, letters[place], 0)
        at = np.searchsorted(self._keys, _keys(found), sorter=self._order)
        chosen = self._order[np.minimum(at, len(self._order) - 1)]
        return chosen if np.array_equal(self.letters.T[:, chosen], found) else None


def _keys(letters: Letters) -> Ints:
    """A number for each column of ``letters`` (L, n): of different names nearly always different ones."""
    keys = np.zeros(letters.shape[1], np.uint64)
    for row in letters:
        keys = keys * np.uint64(0x100000001B3) ^ row
    return keys.view(np.int64)


def lines(columns: Mapping[str, Ints], names: Names) -> bytes:
    """The lines of tasks, without the header."""
    count = len(columns["ue"])
    if not count:
        return b""
    ue = columns["ue"]
    pieces = [
        *_seconds(columns["generated_ns"]),
        _sign(COMMA, count),
        names.letters[ue],
        _sign(COMMA, count),
        _whole(columns["input_bits"]),
        _sign(COMMA, count),
        _whole(columns["cycles"]),
        _sign(COMMA, count),
        *_seconds(columns["deadline_ns"]),
        _sign(LINE_END, count),
    ]
    matrix: Letters = np.concatenate(pieces, axis=1)
    found: Letters = matrix[matrix != 0]
    return found.tobytes()


def _sign(letter: int, count: int) -> Letters:
    return np.broadcast_to(np.uint8(letter), (count, 1))


def _whole(value: Ints) -> Letters:
    return decimals.written(value, decimals.room_of(value))


def _seconds(ns: Ints) -> tuple[Letters, ...]:
    """Seconds with nine decimals."""
    whole = ns // NS_PER_S
    rest = decimals.written(ns - whole * NS_PER_S, NS_DIGITS, filled=True)
    return _whole(whole), _sign(decimals.POINT, len(ns)), rest


class PlainReader:
    """Reads plain lines of a workload table for ``system``, whose UEs have most bits and cycles by ``limits``."""

    def __init__(self, system: System, limits: TaskLimits) -> None:
        self._names = Names([ue.name for ue in system.ues])
        most = np.array([limits.most(ue.index) for ue in system.ues], np.float64).reshape(-1, 2)
        self._most_bits, self._most_cycles = np.floor(most.T).astype(np.int64)

    def columns(self, text: bytes) -> dict[str, Ints] | None:
        """The columns of a whole table but ``number``; None if it is not plain throughout."""
        if not text.startswith(HEADER_LINE) or not text.endswith(b"\n") or len(text) == len(HEADER_LINE):
            return None
        found, begin = [], len(HEADER_LINE)
        while begin < len(text):
            end = text.rfind(b"\n", begin, begin + READ_AT_ONCE) + 1 or text.index(b"\n", begin) + 1
            part = self.rows(text[begin:end])
            if part is None:
                return None
            found.append(part)
            begin = end
        return {name: np.concatenate([part[name] for part in found]) for name in found[0]}

    def rows(self, text: bytes) -> dict[str, Ints] | None:
        """The columns of whole lines without a header, but ``number``; None if one is not plain, or holds a value that
        no task has or that is beyond the most bits and cycles of its UE.
        """
        letters = np.frombuffer(text, np.uint8)
        signs = np.flatnonzero((letters == COMMA) | (letters == decimals.POINT) | (letters == LINE_END))
        count = len(signs) // len(_SIGNS)
        if len(signs) != count * len(_SIGNS) or not text.endswith(b"\n"):
            return None
        at = np.ascontiguousarray(signs.reshape(count, len(_SIGNS)).T)
        if not (letters[at] == _SIGNS[:, None]).all():
            return None
        begin = np.concatenate([[0], at[-1, :-1] + 1])
        ue = self._names.places(letters, at[1] + 1, at[2])
        edges = ((begin, at[0]), (at[0] + 1, at[1]), (at[2] + 1, at[3]), (at[3] + 1, at[4]), (at[4] + 1, at[5]))
        found = [_digits(letters, *edge) for edge in (*edges, (at[5] + 1, at[6]))]
        nine = (at[1] - at[0] == NS_DIGITS + 1) & (at[6] - at[5] == NS_DIGITS + 1)
        values = [value for value in found if value is not None]
        if ue is None or len(values) < len(found) or not nine.all():
            return None
        s, ns, bits, cycles, deadline_s, deadline_ns = values
        deadline = deadline_s * NS_PER_S + deadline_ns
        good = (bits >= 1) & (bits <= self._most_bits[ue]) & (cycles >= 1) & (cycles <= self._most_cycles[ue])
        if not (good & (deadline > 0) & (s < MOST_S) & (deadline_s < MOST_S)).all():
            return None
        instant = s * NS_PER_S + ns
        return {"ue": ue, "generated_ns": instant, "input_bits": bits, "cycles": cycles, "deadline_ns": deadline}


def _digits(letters: Letters, begin: Ints, end: Ints) -> Ints | None:
    """Whole numbers; None if any is something else, like one with a sign."""
    found = None if (letters[begin] == decimals.MINUS).any() else decimals.parsed(letters, begin, end)
    return None if found is None else found.digits
