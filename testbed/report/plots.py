"""Plots for a paper: one column wide, in colours that everybody can tell apart, as SVG, PDF and PNG, beside their data.

Matplotlib draws them without a screen. Lines differ in their dashes too, for paper without colours.
"""

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from testbed.analysis.parts import PART_COLOURS
from testbed.model.packages import naming_extras
from testbed.record import directory
from testbed.record.files import replacing, unwritable
from testbed.report import charts, series
from testbed.report.reported import Reported
from testbed.report.series import BUSY, LEARNT, TASKS_WAITING, Series
from testbed.report.svg import words

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.typing import RcKeyType

COLUMN_INCHES = (3.45, 2.3)
ENDINGS = ("svg", "pdf", "png")
OKABE_ITO = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#999999")
STROKES = ("-", "--", "-.", ":")
LEGEND_LINES = 10
STYLE: "dict[RcKeyType, object]" = {
    "font.size": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.linewidth": 0.4,
    "grid.alpha": 0.5,
    "legend.frameon": False,
    "pdf.fonttype": 42,  # fonts that publishers accept
    "savefig.dpi": 300,
    "svg.hashsalt": "testbed",
    "text.parse_math": False,  # a name with a dollar is a name
}
_TIME, _SHARE = "emulated time (s)", "share of tasks"
Rows = list[tuple[str | float, ...]]


class Plot(msgspec.Struct, frozen=True):
    """One plot: the stem of its files, the rows of its CSV file, title first, and what draws it."""

    stem: str
    rows: Rows
    draw: Callable[["Axes"], None]


def write(listed: Sequence[Reported], folder: Path) -> list[Path]:
    """Draw every plot that the runs have data for into ``folder``, which may be new; returns the files.

    Raises `StartError` for what cannot be written, `MissingPackageError` without matplotlib.
    """
    written: list[Path] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for plot in plots(listed):
            written += save(plot, folder)
    except OSError as error:
        raise unwritable(folder, error, "--plots DIR") from None
    return written


def plots(listed: Sequence[Reported]) -> Iterator[Plot]:
    """The plots of the runs: those without any data are left out."""
    drawn = [
        _lines("delay_cdf", "delay (s)", _SHARE, [series.delay_cdf(one) for one in listed]),
        _lines("overhead", _TIME, "mean overhead", [series.overhead_series(one) for one in listed]),
        _lines("reward", _TIME, "reward of a slot", [series.reward_series(one) for one in listed]),
        _bars("delay_parts", "mean delay of a task (s)", [(one.label, one.summary.where_time_went) for one in listed]),
        _bars("ue_energy", "energy of UEs (J)", [(one.label, series.ue_energy(one.run)) for one in listed]),
    ]
    drawn += [
        _lines(f"learning_{what}", _TIME, title, [line for one in listed for line in series.learning_series(one, what)])
        for what, title in LEARNT.items()
    ]
    for one, name in zip(listed, _stems(listed), strict=True):
        drawn += [
            _lines(f"delay_cdf_by_ue{name}", "delay (s)", _SHARE, series.delay_cdfs_by_ue(one)),
            _lines(f"queues{name}", _TIME, "tasks waiting", series.server_series(one.run, TASKS_WAITING)),
            _lines(f"utilisation{name}", _TIME, "utilisation", series.server_series(one.run, BUSY)),
            _bars(f"es_energy{name}", "energy of ESs (J)", list(series.es_energy(one).items())),
        ]
    return (plot for plot in drawn if plot is not None)


def _stems(listed: Sequence[Reported]) -> list[str]:
    """What the files of each run's own plots end with: nothing if there is only one run."""
    if len(listed) == 1:
        return [""]
    slugs = [directory.slug(one.label.replace(":", "-")) for one in listed]
    return [f"_{slug}" if slugs.count(slug) == 1 else f"_{slug}-{n + 1}" for n, slug in enumerate(slugs)]


def _lines(stem: str, x_title: str, y_title: str, lines: Sequence[Series]) -> Plot | None:
    drawn = [line for line in lines if line.x]
    if not drawn:
        return None
    rows: Rows = [("line", x_title, y_title)]
    rows += [(line.name, x, y) for line in drawn for x, y in zip(line.x, line.y, strict=True) if y == y]

    def draw(axes: "Axes") -> None:
        named: set[str] = set()
        for n, line in enumerate(drawn):
            grouped = line.group >= 0
            number, name = (line.group, f"cell {line.group + 1}") if grouped else (n, line.name)
            axes.plot(
                line.x,
                line.y,
                color=OKABE_ITO[number % len(OKABE_ITO)],
                linestyle="-" if grouped else STROKES[number % len(STROKES)],
                linewidth=0.5 if grouped else 1.1,
                marker="o" if len(line.x) == 1 else "",
                label="_" if name in named else name,
            )
            named.add(name)
        axes.set_xlabel(x_title)
        axes.set_ylabel(y_title)
        if 1 < len(named) <= LEGEND_LINES:
            legend(axes)

    return Plot(stem, rows, draw)


def legend(axes: "Axes") -> None:
    """A legend above the plot, where it hides nothing."""
    axes.figure.legend(loc="outside upper center", ncols=3, fontsize=6)


def _bars(stem: str, title: str, rows: Sequence[tuple[str, Mapping[str, float]]]) -> Plot | None:
    """Stacked bars; a part that is less than nothing, as errors can be, is in the table only."""
    longest = max((sum(_positive(values).values()) for _, values in rows), default=0.0)
    if not longest > 0.0:
        return None
    colours = {**PART_COLOURS, **charts.ENERGY_COLOURS}
    table: Rows = [("run", "part", title)]
    table += [(name, part, value) for name, values in rows for part, value in values.items() if value == value]

    def draw(axes: "Axes") -> None:
        left = [0.0] * len(rows)
        for part in dict.fromkeys(part for _, values in rows for part in _positive(values)):
            widths = [_positive(values).get(part, 0.0) for _, values in rows]
            shown = words(part) if max(widths) > 0.005 * longest else "_"
            axes.barh([name for name, _ in rows], widths, left=left, color=colours[part], label=shown)
            left = [begin + width for begin, width in zip(left, widths, strict=True)]
        axes.set_xlabel(title)
        axes.invert_yaxis()
        axes.grid(visible=False, axis="y")
        legend(axes)

    return Plot(stem, table, draw)


def _positive(values: Mapping[str, float]) -> dict[str, float]:
    return {part: value for part, value in values.items() if value > 0.0}


def save(plot: Plot, folder: Path, endings: Sequence[str] = ENDINGS) -> list[Path]:
    """Write the files of one plot, drawn in the formats ``endings`` and as CSV; raises `OSError`."""
    with naming_extras():
        import matplotlib
        from matplotlib.figure import Figure as Canvas
    files = [folder / f"{plot.stem}.{ending}" for ending in endings]
    with matplotlib.rc_context(STYLE):
        canvas = Canvas(figsize=COLUMN_INCHES, layout="constrained")
        plot.draw(canvas.add_subplot())
        for file, ending in zip(files, endings, strict=True):
            with replacing(file, through_links=False) as beside:
                undated = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(ending)
                canvas.savefig(beside, format=ending, metadata=undated)
    table = folder / f"{plot.stem}.csv"
    with replacing(table, through_links=False) as beside, beside.open("w", newline="", encoding="utf-8") as out:
        csv.writer(out, lineterminator="\n").writerows(plot.rows)
    return [*files, table]
