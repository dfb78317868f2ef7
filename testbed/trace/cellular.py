"""5G measurements of a phone: CSV with Timestamp and SNR, about one row a second (Raca et al., MMSys 2020).

The uplink's rate is ``W·log2(1 + 10^(SNR/10))`` for a bandwidth W. "-" is a missing value: the last known one holds on.
Rows that share a second share it evenly; a row holds until the next one's second.
"""

import math
import re
from datetime import datetime
from itertools import groupby

from testbed.model.errors import ScenarioError
from testbed.model.schema import LinkTrace
from testbed.model.table import Row, Table
from testbed.trace import rates

COLUMNS = ("Timestamp", "SNR")
MISSING = frozenset({"", "-", "na", "nan", "none"})
NS = 1_000_000_000
LOWEST_DB, HIGHEST_DB = -100.0, 100.0
_TIME = re.compile(r"\d{4}\.\d\d\.\d\d_\d\d\.\d\d\.\d\d", re.ASCII)


def parse(text: str, file: str, bandwidth_hz: float) -> LinkTrace:
    """The trace of ``text`` for bandwidth W. Raises `ScenarioError` with file, line and column."""
    rows = Table(file, text, COLUMNS).rows()
    measured = sorted(((_second(row), _snr(row)) for row in rows), key=lambda pair: pair[0])
    while measured and measured[0][1] is None:
        measured.pop(0)
    if not measured:
        raise ScenarioError("no row has an SNR", file, remedy="give a trace with measured values")
    seconds = [(at, [snr for _, snr in same]) for at, same in groupby(measured, key=lambda pair: pair[0])]
    ends = [at for at, _ in seconds[1:]] + [seconds[-1][0] + 1]
    segments: list[tuple[int, float]] = []
    rate = 0.0
    for (at, values), end in zip(seconds, ends, strict=True):
        span = (end - at) * NS
        for i, snr in enumerate(values):
            if snr is not None:
                rate = bandwidth_hz * math.log2(1.0 + 10.0 ** (snr / 10.0))
            segments.append((span * (i + 1) // len(values) - span * i // len(values), rate))
    return rates.trace(segments, file)


def _second(row: Row) -> int:
    """Seconds since some fixed day."""
    text = row["Timestamp"].strip()
    try:
        if _TIME.fullmatch(text) is None:
            raise ValueError(text)
        at = datetime.strptime(text, "%Y.%m.%d_%H.%M.%S")
    except ValueError:
        raise row.error("Timestamp", f'"{text}" is not a timestamp', "write it like 2019.12.16_07.22.43") from None
    return at.toordinal() * 86_400 + at.hour * 3_600 + at.minute * 60 + at.second


def _snr(row: Row) -> float | None:
    """Signal-to-noise ratio in dB, None where it is missing."""
    if row["SNR"].strip().lower() in MISSING:
        return None
    snr = row.real("SNR", LOWEST_DB)
    if snr > HIGHEST_DB:
        raise row.error("SNR", f'SNR "{row["SNR"]}" is out of range', f"must be at most {HIGHEST_DB:g} dB")
    return snr
