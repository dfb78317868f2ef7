"""What a shell completes when Tab is pressed: verbs and options from the parser, values from what there is."""

import argparse
import os
from collections.abc import Callable, Iterable

from argcomplete.completers import FilesCompleter
from argcomplete.finders import CompletionFinder

from testbed.cli.parser import parser_for
from testbed.cli.verbs import VERBS

HELP_ABOUT = {"help": "what a verb does, its options, and examples"}
Values = Callable[[], Iterable[str]]


def scenarios() -> list[str]:
    """The shipped scenarios."""
    from testbed.scenario.load import shipped

    return list(shipped())


def policies() -> list[str]:
    """Every policy that can be used as it stands, and those that have a checkpoint here, with that."""
    from testbed.cli.commands.list import policies_known

    return [written for row in policies_known() for written in row["usable"]]


def tuned() -> list[str]:
    """The policies that can be tuned."""
    from testbed.experiments.tune import STRATEGIES

    return list(STRATEGIES)


def networks() -> list[str]:
    """The networks that can be trained."""
    from testbed.cli.commands.train import NETWORK_POLICIES

    return list(NETWORK_POLICIES)


def heads() -> list[str]:
    """The heads that a network can have."""
    from testbed.cli.commands.train import HEAD_NAMES

    return list(HEAD_NAMES)


def claims() -> list[str]:
    """The numbers of the paper's claims."""
    from testbed.reproduce.catalogue import CLAIMS

    return list(map(str, CLAIMS))


def runs() -> list[str]:
    """The runs below ``runs/``, by name."""
    from testbed.record import directory

    return sorted(path.parent.name for path in directory.RUNS.glob(f"*/{directory.RECORD}"))


def processes() -> list[str]:
    """The processes of the runs below ``runs/`` that go on, or those that every run has."""
    import msgspec

    from testbed.protocol.codec import UNDECODABLE
    from testbed.record import directory

    names = {"controller", "es-1"}
    for table in directory.RUNS.glob("*/processes.json"):
        try:
            names |= {str(row["name"]) for row in msgspec.json.decode(table.read_bytes(), type=list[dict[str, object]])}
        except (OSError, KeyError, *UNDECODABLE):
            continue
    return sorted(names)


def addresses() -> list[str]:
    """The scheduler that Dask itself would ask, or the usual place of one."""
    return [os.environ.get("DASK_SCHEDULER_ADDRESS", "tcp://127.0.0.1:8786")]


def keys() -> list[str]:
    """The keys of a scenario that hold a value, each with its sign of equality."""
    from testbed.scenario.parse import paths
    from testbed.scenario.schema import Scenario

    known = paths(Scenario)
    return [f"{path}=" for path in known if not any(other.startswith(f"{path}.") for other in known)]


class Completer:
    """Completes one argument: by any of ``values``, of a list the last, and by files where those can be given too."""

    def __init__(self, *values: Values, files: bool = False, listed: bool = False) -> None:
        self._values, self._files, self._listed = values, files, listed

    def __call__(self, prefix: str, **parsed: object) -> list[str]:
        """Every completion of ``prefix``."""
        before, comma, _ = prefix.rpartition(",") if self._listed else ("", "", "")
        taken = set(before.split(","))
        completions = [f"{before}{comma}{value}" for values in self._values for value in values() if value not in taken]
        return completions + (list(FilesCompleter()(prefix)) if self._files else [])


FILES, _NOTHING = Completer(files=True), Completer()
COMPLETERS = {
    "SCENARIO": Completer(scenarios, files=True),
    "SCENARIO|RUN": Completer(scenarios, runs, files=True),
    "RUN|TRACE": Completer(runs, files=True),
    "RUN": Completer(runs, files=True),
    "P": Completer(policies),
    "A,B,…": Completer(policies, listed=True),
    "A": Completer(networks),
    "CLAIM": Completer(claims),
    "KEY=VALUE": Completer(keys),
    "KEY=A..B:N": Completer(keys),
    "ADDRESS": Completer(addresses),
}
OF_VERB = {
    ("tune", "P"): Completer(tuned),
    ("train", "H"): Completer(heads),
    ("fault", "WHAT"): Completer(processes),
}
ALIKE = {"S": "SCENARIO", "scenario": "SCENARIO", "run": "RUN", "runs": "RUN"}
NAMES_FILES = ("FILE", "FILES", "TRACE", "DIR", "OUT", "CHECKPOINT")


def completer(verb: str, action: argparse.Action) -> Completer:
    """What completes the value of ``action``, by the words that its help has for it; nothing does for a number."""
    word = action.metavar if isinstance(action.metavar, str) else action.dest
    if (verb, word) in OF_VERB:
        return OF_VERB[verb, word]
    if action.dest == "option":
        return _NOTHING
    return COMPLETERS.get(ALIKE.get(word, word), FILES if word in NAMES_FILES else _NOTHING)


def parser_of(line: str) -> argparse.ArgumentParser:
    """The parser of what stands on the command ``line``, each of its arguments with a completer."""
    words = line.split()[1:]
    verb = next((word for word in words if not word.startswith("-")), "")
    parser, chosen, _ = parser_for(verb, VERBS | HELP_ABOUT)
    if verb == "help":
        [subparsers] = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
        subparsers.choices[verb].add_argument("of", choices=tuple(VERBS))
    for action in chosen._actions:
        if not action.choices:
            action.completer = completer(verb, action)  # type: ignore[attr-defined]
    return parser


def complete() -> None:
    """Answer the shell that asks, and end the process."""
    CompletionFinder()(parser_of(os.environ.get("COMP_LINE", "")), always_complete_options="long")
