"""YAML text as a tree of nodes that know their place, and ``--set`` arguments grafted onto it."""

from typing import cast

import yaml
from yaml.error import Mark
from yaml.events import Event
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from testbed.model.errors import ScenarioError, brief, text_error

ARGUMENT = "--set"
DEEPEST = 20
MOST_REPEATS = 100_000
TAGS = frozenset(f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null", "seq", "map"))


class _Refused(yaml.MarkedYAMLError):
    """YAML that a scenario has no use for; ``note`` is the remedy."""


class _Loader(yaml.SafeLoader):
    """Composes nodes no deeper than `DEEPEST`, so that no file exhausts the stack, and knows no tags but YAML's own."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = 0

    def compose_node(self, parent: Node | None, index: int) -> Node | None:
        """See `yaml.composer.Composer`; raises `_Refused`."""
        event = cast(Event, self.peek_event())  # type: ignore[no-untyped-call] # its stub has no types
        mark = cast(Mark, event.start_mark)
        tag = getattr(event, "tag", None)
        if tag not in (None, "!") and tag not in TAGS:
            raise _Refused(problem=f'unknown tag "{tag}"', problem_mark=mark, note="leave the tag out")
        if self._depth > DEEPEST:
            note = f"nest no more than {DEEPEST} brackets or indents"
            raise _Refused(problem="nested too deeply", problem_mark=mark, note=note)
        self._depth += 1
        node: Node | None = super().compose_node(parent, index)
        self._depth -= 1
        return node


class Sources:
    """The texts that nodes come from, by the name in their marks, so that an error can quote them."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}

    def compose(self, name: str, text: str, shown: str = "") -> Node | None:
        """The root node of ``text`` (None when it holds nothing), quoted in errors as ``shown``.

        Raises `ScenarioError` for a syntax error, an unknown tag, or nesting deeper than `DEEPEST`.
        """
        self._texts[name] = shown or text
        try:
            loader = _Loader(text)
            loader.name = name
            try:
                return loader.get_single_node()
            finally:
                loader.dispose()
        except yaml.reader.ReaderError as error:
            raise self._unreadable(name, error, text) from None
        except yaml.MarkedYAMLError as error:
            raise self._malformed(name, error) from None

    def _malformed(self, name: str, error: yaml.MarkedYAMLError) -> ScenarioError:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)
        problem = str(error.problem or error.context)
        if isinstance(error, _Refused):
            return text_error(name, self._texts[name], line, column, problem, str(error.note))
        hint = "indent with spaces" if "\\t" in problem else "check indentation, brackets and quotes"
        return text_error(name, self._texts[name], line, column, f"this is not YAML: {problem}", hint)

    def _unreadable(self, name: str, error: yaml.reader.ReaderError, text: str) -> ScenarioError:
        before = text[: error.position]
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        return text_error(name, self._texts[name], line, column, "this character is not allowed in YAML", "remove it")

    def error(self, node: Node, message: str, remedy: str = "") -> ScenarioError:
        """A `ScenarioError` that underlines ``node`` (its first line)."""
        start, end = node.start_mark, node.end_mark
        text = self._texts.get(start.name, "")
        same = end.line == start.line
        length = end.column - start.column if same else 1
        return text_error(start.name, text, start.line + 1, start.column + 1, message, remedy, max(1, length))

    def override(self, root: Node, argument: str) -> None:
        """Graft ``key.sub=value`` onto ``root``: replace the value or add the key. Raises `ScenarioError`."""
        path, equals, value = argument.partition("=")
        if not equals or not path.strip() or not value.strip():
            message = f'{ARGUMENT} "{argument}" is not key=value'
            raise ScenarioError(message, remedy='write a path and a value, like --set "radio.bandwidth=3 MHz"')
        name = f"{ARGUMENT} {brief(path)}"
        leaf = self._leaf(name, argument, len(path) + 1)
        column, node, parts = 0, root, path.split(".")
        for part in parts[:-1]:
            node = self._child(node, _word(name, part, column))
            column += len(part) + 1
        self._replace(node, _word(name, parts[-1], column), leaf)

    def _leaf(self, name: str, argument: str, column: int) -> Node:
        """The value of an argument: lists, mappings and quoted text are YAML, all else is taken as it stands."""
        value = argument[column:].strip()
        if value[0] in "[{'\"":
            leaf = self.compose(name, " " * column + argument[column:], argument)
            assert leaf is not None
            return leaf
        self._texts[name] = argument
        return _word(name, value, argument.index(value, column))

    def _child(self, node: Node, word: ScalarNode) -> Node:
        if isinstance(node, MappingNode):
            for known, child in node.value:
                if known.value == word.value:
                    assert isinstance(child, Node)
                    return child
            child = MappingNode("tag:yaml.org,2002:map", [], word.start_mark, word.end_mark)
            node.value.append((word, child))
            return child
        if isinstance(node, SequenceNode):
            item = node.value[self._index(node, word)]
            assert isinstance(item, Node)
            return item
        raise self._plain(word)

    def _plain(self, word: ScalarNode) -> ScenarioError:
        return self.error(word, f'there is no field "{word.value}" inside a plain value', "set the whole value")

    def _replace(self, node: Node, word: ScalarNode, leaf: Node) -> None:
        if isinstance(node, MappingNode):
            others = [(known, child) for known, child in node.value if known.value != word.value]
            node.value[:] = [*others, (word, leaf)]
        elif isinstance(node, SequenceNode):
            node.value[self._index(node, word)] = leaf
        else:
            raise self._plain(word)

    def _index(self, node: Node, word: ScalarNode) -> int:
        if not word.value.isdigit() or int(word.value) >= len(node.value):
            count = len(node.value)
            raise self.error(word, f'no element "{word.value}" in a list of {count}', f"write 0 to {count - 1}")
        return int(word.value)


def _word(name: str, text: str, column: int) -> ScalarNode:
    start = yaml.Mark(name, column, 0, column, None, 0)
    end = yaml.Mark(name, column + len(text), 0, column + len(text), None, 0)
    return ScalarNode("tag:yaml.org,2002:str", text, start, end)


class Unsharing:
    """Copies of trees in which nothing is shared, so that an override of one alias leaves the others alone."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._seen: set[int] = set()
        self._repeats = 0

    def copy(self, node: Node, depth: int = 0) -> Node:
        """A copy of ``node``; raises `ScenarioError` when its aliases have no end, or repeat too much."""
        if depth > DEEPEST:
            raise self._sources.error(node, "nested too deeply", "an alias must not contain itself")
        self._repeats += id(node) in self._seen
        self._seen.add(id(node))
        if self._repeats > MOST_REPEATS:
            message = f"aliases repeat more than {MOST_REPEATS:,} values"
            raise self._sources.error(node, message, "write out what differs, and use fewer aliases of aliases")
        if isinstance(node, ScalarNode):
            return node
        if isinstance(node, SequenceNode):
            items = [self.copy(item, depth + 1) for item in node.value]
            return SequenceNode(node.tag, items, node.start_mark, node.end_mark)
        pairs = [(known, self.copy(child, depth + 1)) for known, child in node.value]
        return MappingNode(node.tag, pairs, node.start_mark, node.end_mark)
