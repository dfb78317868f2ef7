"""The parser of ``testbed``: every verb by name, and the options of the one that is called."""

import argparse
import re
from collections.abc import Mapping
from types import ModuleType
from typing import NoReturn

from testbed.cli import examples
from testbed.cli.verbs import VERBS, command
from testbed.model.exit_codes import EXIT_USAGE
from testbed.model.printable import printable

FIRST_STEPS = """first steps:
  testbed list                      what there is to run
  testbed run smoke                 two seconds: does everything work here?
  testbed run region --backend sim  a first study, simulated
  testbed init                      a scenario of your own, every key explained

`testbed help VERB` lists the options of a verb, with examples."""


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line and where to read more."""

    def error(self, message: str) -> NoReturn:
        """Exit 2 with ``message``, in which no word is endless."""
        brief = printable(re.sub(r"(\S{80})\S+", r"\1…", message))
        self.exit(EXIT_USAGE, f"{self.prog}: {brief}\n  see `{self.prog} --help`\n")


def parser_for(verb: str, summaries: Mapping[str, str] = VERBS) -> tuple[Parser, Parser, ModuleType | None]:
    """The parser of the whole command line, that of ``verb`` with its options, and the module of ``verb``.

    Without a verb the second is the first, and there is no module. Verbs that are not called have no options: their
    modules are not imported.
    """
    parser = Parser(
        prog="testbed",
        description="An emulated mobile-edge-computing testbed.",
        epilog=FIRST_STEPS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="store_true", help="print the version")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", parser_class=Parser)
    module: ModuleType | None = None
    chosen = parser
    for name, summary in summaries.items():
        added = verbs.add_parser(
            name,
            help=summary,
            description=summary,
            epilog=examples.shown(name) if name in examples.EXAMPLES else None,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        if name == verb and name in VERBS:
            module, chosen = command(name), added
            module.add(added)
    return parser, chosen, module
