"""Sizes and durations as people read them: three digits or so, in the unit that fits (pure)."""

import math

SIZE_UNITS = ("B", "kB", "MB", "GB", "TB")
MINUTE_S, HOUR_S, DAY_S = 60, 3600, 86400
KIB, MB = 1024, 1_000_000


def size(bytes_: float) -> str:
    """A number of bytes, like "1.3 GB"."""
    if not math.isfinite(bytes_):
        return "unlimited"
    value, unit = bytes_, 0
    while value >= 999.5 and unit < len(SIZE_UNITS) - 1:
        value, unit = value / 1000.0, unit + 1
    return f"{value:,.{1 if unit and value < 99.95 else 0}f} {SIZE_UNITS[unit]}"


def duration(seconds: float) -> str:
    """A number of seconds, like "0.4 s", "12 s", "2 min 5 s" or "3 h 20 min"."""
    if not math.isfinite(seconds):
        return "unknown"
    if abs(seconds) < 9.95:
        return f"{seconds:.1f}".removesuffix(".0") + " s"
    whole = round(seconds)
    if whole < MINUTE_S:
        return f"{whole} s"
    if whole < HOUR_S:
        return _two(whole, (MINUTE_S, "min"), (1, "s"))
    minutes = MINUTE_S * round(whole / MINUTE_S)
    if minutes < 2 * DAY_S:
        return _two(minutes, (HOUR_S, "h"), (MINUTE_S, "min"))
    return _two(HOUR_S * round(whole / HOUR_S), (DAY_S, "d"), (HOUR_S, "h"))


def _two(whole: int, large: tuple[int, str], small: tuple[int, str]) -> str:
    """``whole`` seconds in two units; the small one is left out where there is none of it."""
    rest = whole % large[0] // small[0]
    return f"{whole // large[0]} {large[1]}" + (f" {rest} {small[1]}" if rest else "")
