"""5G measurements of a phone: CSV with Timestamp and SNR, about one row a second (Raca et al., MMSys 2020).

The uplink's rate is ``W·min(cap, log2(1 + 10^(SNR/10)))`` for a bandwidth W, or what the phone measured itself
(UL_bitrate, DL_bitrate in kbit/s). "-" is a missing value. Rows are taken in the order of the file. Those that share a
second share it evenly; a value holds until the next one, but no longer than ``hold``: what comes after that is a hole,
which is left out or silent.
"""

import math
import re
from collections.abc import Iterator
from datetime import datetime
from itertools import groupby, pairwise

import msgspec

from testbed.model.delay import NS_PER_S
from testbed.model.errors import ScenarioError
from testbed.scenario.schema import LinkTrace
from testbed.scenario.tables import Table, TableRow
from testbed.trace import rates
from testbed.trace.notes import Say, count, quiet, seconds

TIMESTAMP = "Timestamp"
MEASURED_COLUMNS = {"snr": "SNR", "uplink": "UL_bitrate", "downlink": "DL_bitrate"}
MISSING = frozenset({"", "-", "na", "nan", "none"})
LOWEST_DB, HIGHEST_DB = -100.0, 100.0
SILENCE = "silence"
_TIME = re.compile(r"\d{4}\.\d\d\.\d\d_\d\d\.\d\d\.\d\d", re.ASCII)


class _Sample(msgspec.Struct, frozen=True):
    """What was measured at ``at_ns`` and where it stands; None where the value is missing."""

    at_ns: int
    line: int
    value: float | None


def parse(
    text: str,
    file: str,
    bandwidth_hz: float,
    how: LinkTrace | None = None,
    cap: float = math.inf,
    say: Say = quiet,
) -> LinkTrace:
    """The trace of ``text`` for bandwidth W and the largest spectral efficiency ``cap`` in bit/s/Hz.

    ``how`` chooses the column and treats holes. Raises `ScenarioError` with file, line and column.
    """
    how = how or LinkTrace()
    name = MEASURED_COLUMNS[how.column]
    header = Table(file, text, (TIMESTAMP,))
    if name not in header.columns:
        raise header.error(header.head, 1, f'there is no column "{name}"', _others(how, list(header.columns)))
    rows = list(Table(file, text, (TIMESTAMP, name)).rows())
    samples = list(_samples(rows, name, say))
    known = [sample for sample in samples if sample.value is not None]
    if not known:
        measured = [c for c in MEASURED_COLUMNS.values() if any(not _is_missing(row.get(c, "")) for row in rows)]
        article = "an" if how.column == "snr" else "a"
        raise ScenarioError(f"no row has {article} {name}", file, remedy=_others(how, measured))
    _tell_missing(samples, known, name, how, say)
    if how.column == "snr":
        capped, rate_of = _spectral(known, bandwidth_hz, cap)
        if capped:
            say(f"{count(capped, 'row')} capped at {cap:g} bit/s/Hz (radio.max_spectral_efficiency)")
    else:
        say(f"{name} is taken as kbit/s: what the phone moved, which may be less than what the link could carry")
        rate_of = [1000.0 * (sample.value or 0.0) for sample in known]
    return rates.trace(_segments(known, samples[-1].at_ns // NS_PER_S * NS_PER_S + NS_PER_S, rate_of, how, say), file)


def _others(how: LinkTrace, columns: list[str]) -> str:
    """The remedy of a file without the values that were asked for, but with those of ``columns``."""
    for word, column in MEASURED_COLUMNS.items():
        if word != how.column and column in columns:
            return f"it has {column}: take that by --column {word} (in a scenario radio.trace.column: {word})"
    return "give a trace with measured values"


def _spectral(known: list[_Sample], bandwidth_hz: float, cap: float) -> tuple[int, list[float]]:
    """How many rows are capped, and every row's rate in bit/s."""
    efficiencies = [math.log2(1.0 + 10.0 ** ((sample.value or 0.0) / 10.0)) for sample in known]
    capped = sum(efficiency > cap for efficiency in efficiencies)
    return capped, [bandwidth_hz * min(cap, efficiency) for efficiency in efficiencies]


def _samples(rows: list[TableRow], name: str, say: Say) -> Iterator[_Sample]:
    """Every row with its instant on a clock that never goes back: a step back counts as the second that it hides."""
    shift, before, steps = 0, None, []
    timed: list[tuple[int, TableRow]] = []
    for row in rows:
        at = _second(row) + shift
        if before is not None and at < before:
            steps.append((before - at, row.line))
            shift += before + 1 - at
            at = before + 1
        before = at
        timed.append((at, row))
    if steps:
        say(
            f"the clock goes back {count(len(steps), 'time')} (first by {steps[0][0]:,} s in line {steps[0][1]}): "
            "rows stay in the order of the file, a step back counts as 1 s"
        )
    shared = 0
    for at, same in groupby(timed, key=lambda pair: pair[0]):
        group = [row for _, row in same]
        shared += len(group) > 1
        for i, row in enumerate(group):
            yield _Sample(at * NS_PER_S + NS_PER_S * i // len(group), row.line, _value(row, name))
    if shared:
        say(f"{count(shared, 'second has', 'seconds have')} several rows, which share it evenly")


def _tell_missing(samples: list[_Sample], known: list[_Sample], name: str, how: LinkTrace, say: Say) -> None:
    """Say what is missing and how it is filled."""
    leading = next(i for i, sample in enumerate(samples) if sample.value is not None)
    if leading:
        say(f"{count(leading, 'row')} before the first {name} skipped")
    missing = len(samples) - leading - len(known)
    if missing:
        until = "" if how.hold_ns < 0 else f", for {seconds(how.hold_ns)} at most (--hold)"
        say(f"{count(missing, 'row')} of {len(samples):,} without {name}: the value before holds on{until}")


def _segments(
    known: list[_Sample], end_ns: int, rate_of: list[float], how: LinkTrace, say: Say
) -> Iterator[tuple[int, float]]:
    """(ns, bit/s) from known value to known value, holes left out or silent."""
    holes: list[tuple[int, int]] = []
    ends = [after.at_ns for _, after in pairwise(known)] + [end_ns]
    for sample, rate, end in zip(known, rate_of, ends, strict=True):
        span = end - sample.at_ns
        held = span if how.hold_ns < 0 else min(span, how.hold_ns)
        yield held, rate
        if span > held:
            holes.append((span - held, sample.line))
            if how.holes == SILENCE:
                yield span - held, 0.0
    if holes:
        longest, line = max(holes)
        fate = "are silence" if how.holes == SILENCE else "are left out"
        say(
            f"{count(len(holes), 'hole')} longer than {seconds(how.hold_ns)} (--hold): "
            f"{seconds(sum(ns for ns, _ in holes))} {fate} (--holes), {seconds(longest)} of them after line {line}"
        )


def _second(row: TableRow) -> int:
    """Seconds since some fixed day."""
    text = row[TIMESTAMP].strip()
    try:
        if _TIME.fullmatch(text) is None:
            raise ValueError(text)
        at = datetime.strptime(text, "%Y.%m.%d_%H.%M.%S")
    except ValueError:
        raise row.error(TIMESTAMP, f'"{text}" is not a timestamp', "write it like 2019.12.16_07.22.43") from None
    return at.toordinal() * 86_400 + at.hour * 3_600 + at.minute * 60 + at.second


def _is_missing(text: str) -> bool:
    return text.strip().lower() in MISSING


def _value(row: TableRow, name: str) -> float | None:
    """Signal-to-noise ratio in dB, or a rate in kbit/s; None where it is missing."""
    if _is_missing(row[name]):
        return None
    if name != MEASURED_COLUMNS["snr"]:
        return row.real(name, 0.0)
    snr = row.real(name, LOWEST_DB)
    if snr > HIGHEST_DB:
        raise row.error(name, f'SNR "{row[name]}" is out of range', f"must be at most {HIGHEST_DB:g} dB")
    return snr
