"""The verbs of ``testbed`` and their options in Markdown, from the parsers themselves."""

import argparse

from testbed.cli import examples
from testbed.cli.parser import parser_for
from testbed.cli.verbs import VERBS


def verbs() -> str:
    """Every verb: what it does, its arguments and its options, and examples."""
    return "\n\n".join(_verb(name, summary) for name, summary in VERBS.items())


def _verb(name: str, summary: str) -> str:
    _, parser, _ = parser_for(name)
    rows = [row for group in parser._action_groups for row in _group(parser, group)]
    heading = f"## testbed {name}\n\n{summary[0].upper()}{summary[1:]}{'' if summary.endswith('?') else '.'}"
    table = ["| argument | meaning |", "|---|---|", *rows]
    return "\n".join([heading, "", *table, "", "```sh", *_examples(name), "```"])


def _examples(name: str) -> list[str]:
    """The examples of a verb, a line each, with what they do as a comment."""
    abouts = examples.EXAMPLES[name]
    widest = max(len(command) for command, about in abouts.items() if about)
    return [f"{command.ljust(widest)}  # {about}" if about else command for command, about in abouts.items()]


def _group(parser: argparse.ArgumentParser, group: argparse._ArgumentGroup) -> list[str]:
    """The rows of one group of options, with its title where it has one of its own."""
    actions = [action for action in group._group_actions if not isinstance(action, argparse._HelpAction)]
    rows = [f"| {_spelling(parser, action)} | {_meaning(parser, action)} |" for action in actions]
    if not rows or group.title in ("positional arguments", "options"):
        return rows
    return [f"| *{group.title}* | |", *rows]


def _spelling(parser: argparse.ArgumentParser, action: argparse.Action) -> str:
    """How ``action`` is written on a command line."""
    formatter = parser._get_formatter()
    if not action.option_strings:
        value = formatter._format_args(action, action.dest.upper())
        return f"`{value}`".replace("|", "\\|")
    value = "" if action.nargs == 0 else f" {formatter._format_args(action, action.dest.upper())}"
    return ", ".join(f"`{option}{value}`" for option in action.option_strings).replace("|", "\\|")


def _meaning(parser: argparse.ArgumentParser, action: argparse.Action) -> str:
    text = parser._get_formatter()._expand_help(action) if action.help else ""
    return " ".join(text.split()).replace("|", "\\|")
