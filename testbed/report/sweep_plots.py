"""Plots of a sweep: each metric over the values of a key, a line for each policy with its 95 % intervals."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from testbed.analysis.comparison import Comparison
from testbed.experiments.sweep import Grid, Point
from testbed.record import directory
from testbed.record.files import unwritable
from testbed.report.plots import OKABE_ITO, STROKES, Plot, Rows, legend, save

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TITLES = {
    "overhead": "mean overhead",
    "delay_s": "mean delay (s)",
    "delay_p95_s": "p95 of delays (s)",
    "deadline_hit_rate": "share of deadlines met",
}


def write(
    grid: Grid, compared: Sequence[tuple[Point, Comparison]], short: Mapping[str, str], folder: Path
) -> list[Path]:
    """Draw the sweep into ``folder``, which may be new, with the ``short`` name of each policy; returns the files.

    Raises `StartError` for what cannot be written, `MissingPackageError` without matplotlib.
    """
    written: list[Path] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for plot in plots(grid, compared, short):
            written += save(plot, folder)
    except OSError as error:
        raise unwritable(folder, error, "--plots DIR") from None
    return written


def plots(grid: Grid, compared: Sequence[tuple[Point, Comparison]], short: Mapping[str, str]) -> Iterator[Plot]:
    """A plot for each metric, and for each value of the second key if there is one."""
    for others in dict.fromkeys(point[1:] for point, _ in compared):
        row = [(point[0], comparison) for point, comparison in compared if point[1:] == others]
        stem = "".join(f"_{directory.slug(f'{grid.keys[1]}-{value}')}" for value in others)
        key = grid.keys[0] + "".join(f" ({grid.keys[1]} = {value})" for value in others)
        for metric in TITLES:
            yield _plot(f"{metric}{stem}", key, metric, row, short)


def _plot(stem: str, key: str, metric: str, row: Sequence[tuple[str, Comparison]], short: Mapping[str, str]) -> Plot:
    policies = list(dict.fromkeys(name for _, comparison in row for name in comparison.policies))
    rows: Rows = [("policy", key, TITLES[metric], "low", "high")]
    lines: dict[str, tuple[list[int], list[float], list[float], list[float]]] = {}
    for name in policies:
        places, means, lows, highs = lines[name] = [], [], [], []
        for place, (value, comparison) in enumerate(row):
            interval = getattr(comparison.policies[name], metric)
            low, high = (end if end == end else interval.mean for end in interval.ci95)
            places.append(place)
            means.append(interval.mean)
            lows.append(low)
            highs.append(high)
            rows.append((name, value, interval.mean, low, high))

    def draw(axes: "Axes") -> None:
        for n, (name, (places, means, lows, highs)) in enumerate(lines.items()):
            colour = OKABE_ITO[n % len(OKABE_ITO)]
            axes.plot(
                places,
                means,
                color=colour,
                linestyle=STROKES[n % len(STROKES)],
                linewidth=1.1,
                marker="o",
                markersize=3,
                label=short[name],
            )
            axes.fill_between(places, lows, highs, color=colour, alpha=0.2, linewidth=0)
        axes.set_xticks(range(len(row)), [value for value, _ in row])
        axes.set_xlabel(key)
        axes.set_ylabel(TITLES[metric])
        legend(axes)

    return Plot(stem, rows, draw)
