"""Pictures of the live screen for the documentation: ``python -m tools.screens`` draws ``docs/images/screen-*.svg``.

They are recorded runs of the simulation, so that they come out the same everywhere.
"""

import argparse
import asyncio
import re
import tempfile
from pathlib import Path

from testbed.experiments import runner
from testbed.experiments.runner import Order
from testbed.record import reader
from testbed.record.backends import SIM
from testbed.record.reader import RecordedRun
from testbed.scenario.load import load_scenario
from testbed.trace import inputs
from testbed.watch.app import WatchApp
from testbed.watch.assessment import best_baseline
from testbed.watch.feed import RecordedFeed

FOLDER = Path(__file__).parent.parent / "docs" / "images"
SIZES = ((80, 24), (120, 40), (200, 60))
THEMES = {"dark": "textual-dark", "light": "textual-light"}
DEATH = "faults=[{at: 25.3 s, kill: es-2, restart_after: 12 s}]"
SLOTS, AT_SLOT = 60, 30
FONT_FROM_ELSEWHERE = re.compile(r"@font-face\s*\{[^}]*\}")


def recorded(ues: int, folder: Path) -> RecordedRun:
    """A run of ``region`` with ``ues`` UEs, in which an edge server dies."""
    changes = [f"slots={SLOTS}", DEATH]
    if ues != 15:
        changes += [f"cells.{cell}.ues={ues // 3}" for cell in range(3)]
        changes += ["density=0.05"]
    resolved = inputs.resolve(load_scenario("region", changes))
    workload = inputs.generate(resolved.scenario, resolved.system)
    path = folder / f"region-{ues}"
    runner.perform(Order(resolved=resolved, workload=workload, policy="greedy-do", backend=SIM, out=str(path)))
    return reader.read_run(path)


async def drawn(run: RecordedRun, size: tuple[int, int], theme: str) -> str:
    """The overview at one instant, as SVG."""
    feed = RecordedFeed(run)
    feed.paused = True
    feed.seek(AT_SLOT)
    feed.telemetry.baseline = best_baseline(run)
    app = WatchApp(feed)
    async with app.run_test(size=size) as pilot:
        app.theme = theme
        for _ in range(3):
            await pilot.pause()
            app.show_frame()
        await pilot.pause()
        return FONT_FROM_ELSEWHERE.sub("", app.export_screenshot(title=f"testbed watch {size[0]}x{size[1]}"))


def main() -> None:
    """Draw every picture."""
    argparse.ArgumentParser(description="Pictures of the live screen for the documentation.").parse_args()
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        for ues in (15, 300):
            run = recorded(ues, Path(folder))
            for size in SIZES:
                for name, theme in THEMES.items():
                    file = FOLDER / f"screen-{size[0]}x{size[1]}-{ues}-{name}.svg"
                    file.write_text(asyncio.run(drawn(run, size, theme)), encoding="utf-8")
                    print(file.relative_to(FOLDER.parent.parent))


if __name__ == "__main__":
    main()
