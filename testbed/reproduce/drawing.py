"""Figures as files, drawn as reports draw their plots, and as charts of a page."""

from pathlib import Path
from typing import TYPE_CHECKING

from testbed.record.files import unwritable
from testbed.report import plots, svg
from testbed.report.series import Series
from testbed.reproduce.study_figure import StudyFigure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_FORMATS, FIGURES_FOLDER = ("svg", "pdf"), "figures"
FILLED = 0.18


def save(figure: StudyFigure, folder: Path) -> list[Path]:
    """Write a figure's files below ``folder``; raises `StartError`, `MissingPackageError` without matplotlib."""
    place = folder / FIGURES_FOLDER
    try:
        place.mkdir(parents=True, exist_ok=True)
        return plots.save(plots.Plot(figure.stem, list(figure.rows), lambda axes: _draw(axes, figure)), place, _FORMATS)
    except OSError as error:
        raise unwritable(place, error) from None


def _draw(axes: "Axes", figure: StudyFigure) -> None:
    for n, line in enumerate(figure.lines):
        colour = plots.OKABE_ITO[n % len(plots.OKABE_ITO)]
        axes.plot(
            line.x,
            line.y,
            color=colour,
            linestyle="" if line.dots else plots.STROKES[n % len(plots.STROKES)],
            linewidth=1.0,
            marker="v" if line.dots else "o" if len(line.x) < 12 else "",
            markersize=3.0,
            label=line.name,
        )
        if line.low and not line.dots:
            axes.fill_between(line.x, line.low, line.high, color=colour, alpha=FILLED, linewidth=0.0)
    if figure.y_range:
        axes.set_ylim(figure.y_range)
    axes.set_xlabel(figure.x_title)
    axes.set_ylabel(figure.y_title)
    plots.legend(axes)


def chart(figure: StudyFigure) -> str:
    """A figure as a chart of a page: means as lines, the bounds of their intervals as thin ones."""
    series = [Series(line.name, line.x, line.y) for line in figure.lines]
    for n, line in enumerate(figure.lines):
        series += [
            Series(f"{line.name}, 95 % interval", line.x, bound, n)
            for bound in (line.low, line.high)
            if bound and not line.dots
        ]
    scale = svg.Scale(figure.x_title, figure.y_title, *(figure.y_range or ()))
    return svg.lines(series, scale, groups=[line.name for line in figure.lines])
