"""What ``testbed import`` does, without its options."""

from pathlib import Path

from testbed.cli.commands.import_ import converted
from testbed.scenario.load import load_scenario
from testbed.trace.convert import ConversionOptions
from testbed.trace.notes import quiet

SWF = """; Version: 2
;
1 5094 -1 1207 16 -1 -1 -1 -1 -1 1 -1 -1 -1 0 -1 -1 -1
  2   5100  12   40   1 12.5 -1  4 3600 -1 1 5 2 -1 1 0 -1 -1
3 5100 -1 -1 -1 -1 -1 8 7200 -1 5 6 2 -1 1 0 -1 -1
4 9000 3 0 2 -1 -1 2 60 -1 0 6 2 -1 1 0 -1 -1
5 9001 3 10 -1 -1 -1 2 60 -1 1 6 2 -1 1 0 -1 -1
"""


def convert(kind, files, out, options=None, say=quiet):
    """Convert ``files`` into ``out``; returns the line that says what is in it."""
    return converted(kind, files, Path(out), options or ConversionOptions(), say)


def written(tmp_path, kind, *texts, columns=(), **workload):
    """The rows that ``texts`` become, what is said of them, and the line about them."""
    names: list[str] = []
    messages: list[str] = []
    for n, text in enumerate(texts):
        names.append(str(tmp_path / f"{n}.txt"))
        (tmp_path / f"{n}.txt").write_text(text)
    region = load_scenario(
        "region", [f"workload.trace={names[0]}", *(f"workload.{k}={v}" for k, v in workload.items())]
    )
    out = tmp_path / "w.csv"
    summary = converted(kind, names, out, ConversionOptions(scenario=region, columns=columns), messages.append)
    return [line.split(",") for line in out.read_text().splitlines()[1:]], messages, summary.partition(": ")[2]
