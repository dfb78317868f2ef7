"""The charts of a page, each with its title (pure)."""

from collections.abc import Callable, Sequence

from testbed.analysis.parts import PART_COLOURS
from testbed.model.delay import S_PER_NS
from testbed.report import series, svg
from testbed.report.reported import Reported
from testbed.report.series import BUSY, LEARNT, TASKS_WAITING, Marker
from testbed.report.svg import Scale

_TIME = "emulated time, s"
_SENDING, COMPUTING, _IDLE = "#e69f00", "#009e73", "#999999"
ENERGY_COLOURS = {"sending": _SENDING, "computing": COMPUTING, "idle": _IDLE}
Charts = list[tuple[str, str]]
Part = Callable[[Reported], str]


def delays(listed: Sequence[Reported]) -> Charts:
    """Distributions of delays: by run, and by UE of each run."""
    scale = Scale("delay, s", "share of tasks", 0.0, 1.0)
    charts = [("Delays", svg.lines([series.delay_cdf(one) for one in listed], scale))]
    for one in listed:
        cells = [f"cell {n + 1}" for n in range(len(one.run.resolved.system.edge_servers))]
        by_ue = svg.lines(series.delay_cdfs_by_ue(one), scale, groups=cells)
        charts.append((titled("Delays of each UE", one, listed), by_ue))
    return charts


def over_time(listed: Sequence[Reported]) -> Charts:
    """Overhead and reward of all runs, then queues and utilisation of each."""
    marked = [marker for one in listed for marker in series.markers(one.run)]
    overheads = svg.lines([series.overhead_series(one) for one in listed], Scale(_TIME, "overhead", 0.0), marked)
    rewards = svg.lines([series.reward_series(one) for one in listed], Scale(_TIME, "reward"), marked)
    charts = [("Mean overhead of the tasks that ended", overheads), ("Reward of a slot", rewards)]
    for one in listed:
        own = series.markers(one.run)
        queues = svg.lines(series.server_series(one.run, TASKS_WAITING), Scale(_TIME, "tasks", 0.0), own)
        busy = svg.lines(series.server_series(one.run, BUSY), Scale(_TIME, "share of core time", 0.0, 1.0), own)
        charts.append((titled("Tasks waiting at edge servers", one, listed), queues))
        charts.append((titled("Utilisation of edge servers", one, listed), busy))
    return charts


def learning(listed: Sequence[Reported]) -> Charts:
    """What the learners of the runs that learned told of themselves."""
    learners = [one for one in listed if one.run.record.updates]
    marked = [marker for one in learners for marker in series.markers(one.run)]
    if not learners:
        return []
    return [
        (
            f"Learning: {title}",
            svg.lines(
                [line for one in learners for line in series.learning_series(one, what)], Scale(_TIME, title), marked
            ),
        )
        for what, title in LEARNT.items()
    ]


def parts(listed: Sequence[Reported]) -> Charts:
    """Where the time of a task and the energy of the region went."""
    times = [(one.label, one.summary.where_time_went) for one in listed]
    ues = [(one.label, series.ue_energy(one.run)) for one in listed]
    charts = [
        ("Mean delay of a task by part", svg.bars(times, PART_COLOURS, "s")),
        ("Energy of the user equipments", svg.bars(ues, ENERGY_COLOURS, "J")),
    ]
    for one in listed:
        servers = svg.bars(list(series.es_energy(one).items()), ENERGY_COLOURS, "J")
        charts.append((titled("Energy of the edge servers", one, listed), servers))
    return charts


def events(one: Reported, markers: Sequence[Marker]) -> str:
    """The events of a run's processes on the time axis, with the spans in which they were dead."""
    end_s = max(one.run.end_ns * S_PER_NS, markers[-1].at_s)
    dead = {
        source: [
            (died * S_PER_NS, end_s if back < 0 else back * S_PER_NS) for died, back in one.run.absences.get(source, ())
        ]
        for source in dict.fromkeys(marker.source for marker in markers)
    }
    return svg.lives(dead, markers, end_s)


def titled(title: str, one: Reported, listed: Sequence[Reported]) -> str:
    """A title that names the run where there are several."""
    return title if len(listed) == 1 else f"{title}: {one.label}"
