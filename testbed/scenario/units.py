"""Quantities with units, read into and written from the numbers that the model computes with.

| dimension | number | units |
|---|---|---|
| time | integer nanoseconds | ns us ms s min h |
| frequency | hertz | Hz kHz MHz GHz |
| speed | integer cycles/s | Hz kHz MHz GHz |
| power | watts | W kW mW uW nW dBm dBW |
| data | integer bits | bit kbit Mbit Gbit B kB MB GB KiB MiB GiB |
| rate | bit/s | bit/s kbit/s Mbit/s Gbit/s B/s kB/s MB/s GB/s (bps kbps Mbps Gbps) |
| length | metres | m km |
| cycles | integer cycles | cycles k M G T (with or without "cycles") |
| energy | joules | J mJ kJ |
| level | decibels | dB |

Reading is decimal, so a written number keeps its value: ``parse(exact(x, d), d) == x``. Integers round half up.
"""

import math
import re
from decimal import ROUND_HALF_UP, Context, Decimal

from testbed.model.errors import InvalidError, did_you_mean

_CONTEXT = Context(prec=60)
_QUANTITY = re.compile(r"([+-]?(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*(.*)", re.DOTALL)


def _scales(text: str) -> dict[str, Decimal]:
    return {name: Decimal(scale) for name, scale in (pair.split("=") for pair in text.split())}


UNITS: dict[str, dict[str, Decimal]] = {
    "time": _scales("ns=1 us=1e3 µs=1e3 ms=1e6 s=1e9 min=6e10 h=3.6e12"),
    "frequency": _scales("Hz=1 kHz=1e3 MHz=1e6 GHz=1e9"),
    "speed": _scales("Hz=1 kHz=1e3 MHz=1e6 GHz=1e9"),
    "power": _scales("W=1 kW=1e3 mW=1e-3 uW=1e-6 nW=1e-9 dBm=0 dBW=0"),
    "data": _scales(
        "bit=1 kbit=1e3 Mbit=1e6 Gbit=1e9 B=8 kB=8e3 MB=8e6 GB=8e9 KiB=8192 MiB=8388608 GiB=8589934592 bits=1"
    ),
    "rate": _scales(
        "bit/s=1 kbit/s=1e3 Mbit/s=1e6 Gbit/s=1e9 B/s=8 kB/s=8e3 MB/s=8e6 GB/s=8e9 bps=1 kbps=1e3 Mbps=1e6 Gbps=1e9"
    ),
    "length": _scales("m=1 km=1e3"),
    "cycles": _scales("cycles=1 k=1e3 M=1e6 G=1e9 T=1e12 kcycles=1e3 Mcycles=1e6 Gcycles=1e9 Tcycles=1e12 cycle=1"),
    "energy": _scales("J=1 mJ=1e-3 kJ=1e3"),
    "level": _scales("dB=1"),
}
WHOLE = frozenset({"time", "speed", "data", "cycles"})
DECIBEL = {"dBm": -30.0, "dBW": 0.0}
_SHOWN = {
    "time": "ns us ms s min h",
    "frequency": "Hz kHz MHz GHz",
    "speed": "Hz kHz MHz GHz",
    "power": "W kW mW dBm",
    "data": "bit kbit Mbit Gbit B kB MB GB",
    "rate": "bit/s kbit/s Mbit/s Gbit/s",
    "length": "m km",
    "cycles": "cycles k M G",
    "energy": "J mJ kJ",
    "level": "dB",
}
_WRITTEN = {
    "time": "s ms us ns",
    "frequency": "GHz MHz kHz Hz",
    "speed": "GHz MHz kHz Hz",
    "power": "W",
    "data": "Gbit Mbit kbit bit",
    "rate": "Gbit/s Mbit/s kbit/s bit/s",
    "length": "m",
    "cycles": "G M k cycles",
    "energy": "J",
    "level": "dB",
}


def accepted(dimension: str) -> str:
    """The units of ``dimension`` as a phrase: ``ns, us, ms, s, min or h``."""
    names = _SHOWN[dimension].split()
    return f"{', '.join(names[:-1])} or {names[-1]}"


def number(text: str) -> float:
    """A plain number or a percentage ("50%" is 0.5). Raises `InvalidError`."""
    body = text.strip()
    percent = body.endswith("%")
    match = _QUANTITY.fullmatch(body[:-1].strip() if percent else body)
    if match is None or match[2]:
        raise InvalidError(f'"{text}" is not a number', 'write a number like 0.5 or "50%"')
    value = _decimal(match[1])
    return _finite(float(value / 100 if percent else value), text)


def parse(text: str, dimension: str) -> float:
    """The value of a quantity like "20 ms" in the unit of ``dimension`` (an int where the table says so).

    Raises `InvalidError` naming the accepted units when the unit is missing, unknown, or the text is no quantity.
    """
    match = _QUANTITY.fullmatch(text.strip())
    if match is None:
        raise InvalidError(f'"{text}" is not a quantity', f"write a number and one of {accepted(dimension)}")
    value, unit = _decimal(match[1]), match[2].strip()
    if not unit:
        raise InvalidError(f'"{text}" needs a unit', f"write {accepted(dimension)}")
    name = _unit(unit, dimension)
    if name in DECIBEL:
        return _finite(_decibel(float(value) + DECIBEL[name]), text)
    scaled = _CONTEXT.multiply(value, UNITS[dimension][name])
    if dimension in WHOLE:
        if abs(scaled) >= 2**63:
            raise InvalidError(f'"{text}" is too large', f"write less than {exact(2**63, dimension)}")
        return int(scaled.to_integral_value(ROUND_HALF_UP))
    return _finite(float(scaled), text)


def _unit(unit: str, dimension: str) -> str:
    known = UNITS[dimension]
    squeezed = unit.replace(" ", "")
    if squeezed in known:
        return squeezed
    others = [name for name, units in UNITS.items() if squeezed in units and name != dimension]
    if others:
        raise InvalidError(f'"{unit}" is a unit of {others[0]}, not of {dimension}', f"write {accepted(dimension)}")
    hint = did_you_mean(unit, known)
    raise InvalidError(f'unknown unit "{unit}"', hint if hint.startswith("did") else f"write {accepted(dimension)}")


def _decimal(text: str) -> Decimal:
    value = Decimal(text.replace("_", ""))
    if value and abs(value.adjusted()) > 400:
        size = "large" if value.adjusted() > 0 else "small"
        raise InvalidError(f'"{text}" is too {size}', "write a number between 1e-308 and 1e308, or 0")
    return value


def _decibel(bel: float) -> float:
    try:
        return float(10.0 ** (bel / 10.0))
    except OverflowError:
        return math.inf


def _finite(value: float, text: str) -> float:
    if not math.isfinite(value):
        raise InvalidError(f'"{text}" is too large', "write less than 1e308")
    return value


def exact(value: float, dimension: str) -> str:
    """Write ``value`` so that `parse` returns the very same number, in the largest decimal unit that suits it."""
    if math.isinf(value):
        return "unlimited"
    amount = Decimal(value) if isinstance(value, int) else Decimal(repr(value))
    names = _WRITTEN[dimension].split()
    if value == 0:
        return f"0 {'s' if dimension == 'time' else names[-1]}"
    for name in names:
        scaled = _CONTEXT.divide(amount, UNITS[dimension][name])
        if name == names[-1] or abs(scaled) >= 1:
            return f"{_plain(scaled)} {name}"
    raise AssertionError("unreachable: the last unit always serves")


def _plain(value: Decimal) -> str:
    if value == 0:
        return "0"
    digits = value.normalize(_CONTEXT)
    return f"{digits:f}" if -7 <= digits.adjusted() < 21 else str(digits)


def human(value: float, dimension: str, digits: int = 3) -> str:
    """``value`` for a reader, rounded to ``digits`` significant digits: ``1.25 s``, ``400 kbit``, ``unlimited``."""
    if math.isinf(value):
        return "unlimited"
    if dimension == "power" and 0 < value < 1e-6:
        return f"{round(10 * math.log10(value) + 30, digits):g} dBm"
    for name in _WRITTEN[dimension].split():
        scaled = value / float(UNITS[dimension][name])
        if abs(scaled) >= 1:
            break
    return f"{scaled:.{digits}g} {name}" if abs(scaled) < 10**digits else f"{scaled:,.0f} {name}"
