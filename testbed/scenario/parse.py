"""From a YAML tree to the structs of `schema`, every mistake reported where it stands."""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from functools import cache
from typing import Annotated, Any, TypeVar, cast, get_args, get_origin, get_type_hints

import msgspec
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from testbed.model.errors import InvalidError, ScenarioError, did_you_mean
from testbed.scenario.fields import Draw, Items, Kind, Scalar, Section, Sections, Variant
from testbed.scenario.schema import Scenario
from testbed.scenario.source import Sources

LIKE, MOST_PLACES = 0.8, 3
CONTAINER_LIMITS = "emulation.limits."  # of containers: who writes "cpu" means a processor of the model
AS_ELSEWHERE = tuple(f"cells.0.{word}." for word in ("trace", "ue_traces", "task", "ue_tasks"))
S = TypeVar("S", bound=msgspec.Struct)
Place = tuple[str | int, ...]


class Slot(msgspec.Struct, frozen=True):
    """One field of a section: its attribute, its kind, whether it must be given."""

    attribute: str
    kind: Kind
    required: bool

    @property
    def scalar(self) -> Scalar:
        """Its kind, where it is known to be one word or quantity."""
        return cast(Scalar, self.kind)


@cache
def slots(struct: type[msgspec.Struct]) -> dict[str, Slot]:
    """The fields of a section struct by the name they have in the file."""
    hints = get_type_hints(struct, include_extras=True)
    by_word: dict[str, Slot] = {}
    for field in msgspec.structs.fields(struct):
        annotation = hints[field.name]
        assert get_origin(annotation) is Annotated, field.name
        kind = get_args(annotation)[1]
        by_word[field.encode_name] = Slot(field.name, kind, field.required)
    return by_word


@cache
def paths(struct: type[msgspec.Struct], before: str = "") -> tuple[str, ...]:
    """Every field below a section by its path, as ``--set`` takes it; of a list of sections, the first one's."""
    names: list[str] = []
    for word, slot in slots(struct).items():
        names.append(f"{before}{word}")
        if isinstance(slot.kind, Section | Sections):
            inner = ".0." if isinstance(slot.kind, Sections) else "."
            names += paths(slot.kind.of, f"{before}{word}{inner}")
    return tuple(names)


def _meant(word: str, known: Mapping[str, object], whole: type[msgspec.Struct]) -> str:
    """What an unknown field was meant to be: one of the ``known`` of its section, or of that name in another one of the
    ``whole`` file."""
    places: dict[str, list[str]] = {}
    for path in paths(whole) if all(isinstance(slot, Slot) for slot in known.values()) else ():
        if not path.startswith((CONTAINER_LIMITS, *AS_ELSEWHERE)):
            places.setdefault(path.rpartition(".")[2], []).append(path)
    near = get_close_matches(word, known, 1, LIKE)
    name = next(iter(get_close_matches(word, places, 1, LIKE)), "") if word not in places and not near else word
    candidates = places.get(name, [])
    below = [path for path in candidates if path.split(".")[-2:-1] and path.split(".")[-2] in known]
    candidates = below or candidates
    if not 0 < len(candidates) <= MOST_PLACES:
        return did_you_mean(word, known)
    quoted = '" or "'.join(candidates)
    return f'did you mean "{quoted}"?'


class Builder:
    """Builds structs and remembers where each value stood, for checks that compare several.

    ``whole`` is the struct of the whole file, which errors call ``title``.
    """

    def __init__(self, sources: Sources, whole: type[msgspec.Struct] = Scenario, title: str = "the scenario") -> None:
        self._sources, self._whole, self._whole_title = sources, whole, title
        self._places: dict[Place, Node] = {}

    def section(self, node: Node, struct: type[S], place: Place = ()) -> S:
        """The struct of a mapping; unknown, duplicate and missing keys are errors."""
        self._places[place] = node
        title = self._title(place)
        if not isinstance(node, MappingNode):
            raise self._sources.error(node, f"{title} must hold fields", f"fields: {', '.join(slots(struct))}")
        known = slots(struct)
        values: dict[str, Any] = {}
        for word, child in self._pairs(node, title, known):
            slot = known[word]
            values[slot.attribute] = self.value(child, slot.kind, (*place, word))
        for word, slot in known.items():
            if slot.required and slot.attribute not in values:
                raise self._sources.error(node, f'{title} lacks "{word}"', f'add "{word}"')
        return struct(**values)

    def _pairs(self, node: MappingNode, title: str, known: Mapping[str, object]) -> Iterator[tuple[str, Node]]:
        seen: dict[str, Node] = {}
        for word, child in node.value:
            if not isinstance(word, ScalarNode) or word.value not in known:
                text = word.value if isinstance(word, ScalarNode) else "?"
                raise self._sources.error(word, f'unknown field "{text}" in {title}', _meant(text, known, self._whole))
            if word.value in seen:
                line = seen[word.value].start_mark.line + 1
                message = f'field "{word.value}" is given twice in {title}'
                raise self._sources.error(word, message, f"first given in line {line}")
            seen[word.value] = word
            yield word.value, child

    def value(self, node: Node, kind: Kind, place: Place) -> object:
        """The value of a field of ``kind``."""
        self._places[place] = node
        if isinstance(kind, Section):
            return self._section(node, kind, place)
        if isinstance(kind, Sections):
            items = self._list(node, place, "sections")
            return tuple(self._section(item, kind, (*place, i)) for i, item in enumerate(items))
        if isinstance(kind, Items):
            items = self._list(node, place, "values")
            return tuple(self.scalar(item, kind.item, (*place, i)) for i, item in enumerate(items))
        if isinstance(kind, Variant):
            return self._draw(node, kind, place)
        return self.scalar(node, kind, place)

    def _section(self, node: Node, kind: Section | Sections, place: Place) -> msgspec.Struct:
        """A section, or the scalar that stands for it."""
        self._places[place] = node
        if kind.shorthand and isinstance(node, ScalarNode):
            slot = slots(kind.of)[kind.shorthand]
            return kind.of(**{slot.attribute: self.scalar(node, slot.scalar, place)})
        return self.section(node, kind.of, place)

    def _list(self, node: Node, place: Place, what: str) -> list[Node]:
        if not isinstance(node, SequenceNode):
            raise self._sources.error(node, f"{self._title(place)} must be a list of {what}", "write [a, b]")
        return list(node.value)

    def scalar(self, node: Node, kind: Scalar, place: Place) -> Any:
        """One word or quantity."""
        if not isinstance(node, ScalarNode):
            raise self._sources.error(node, f"{self._title(place)} must be one value", "write a single value here")
        self._places[place] = node
        text = node.value.strip()
        if not text or (node.style is None and text in ("~", "null")):
            raise self._sources.error(
                node, f"{self._title(place)} has no value", "write a value, or leave the field out"
            )
        try:
            return kind.parse(text)
        except InvalidError as error:
            raise self._sources.error(node, f"{error.message} in {self._title(place)}", error.remedy) from None

    def _draw(self, node: Node, kind: Variant, place: Place) -> Draw:
        if isinstance(node, ScalarNode) and kind.constant is not None:
            return Draw("constant", (self.scalar(node, kind.constant, place),))
        names = ", ".join(kind.options)
        if not isinstance(node, MappingNode):
            constant = "one value or " if kind.constant is not None else ""
            raise self._sources.error(node, f"{self._title(place)} must be {constant}a distribution", f"known: {names}")
        pairs = list(self._pairs(node, self._title(place), kind.options))
        if len(pairs) != 1:
            raise self._sources.error(
                node, f"{self._title(place)} must have exactly one distribution", f"one of: {names}"
            )
        word, child = pairs[0]
        item, count = kind.options[word]
        nodes = list(child.value) if isinstance(child, SequenceNode) else [child]
        if (count and len(nodes) != count) or not nodes or (count != 1 and not isinstance(child, SequenceNode)):
            wanted = "[a, b]" if count == 2 else "[a, b, c]" if count == 0 else "one value"
            raise self._sources.error(child, f'"{word}" in {self._title(place)} has the wrong shape', f"write {wanted}")
        values = tuple(self.scalar(item_node, item, (*place, word, i)) for i, item_node in enumerate(nodes))
        if word == "quantiles" and (len(values) < 2 or list(values) != sorted(values)):
            raise self._sources.error(
                child, f"the quantiles of {self._title(place)} do not ascend", "write [lowest, …, highest]"
            )
        if word == "uniform" and values[0] > values[1]:
            raise self._sources.error(
                child, f"the range of {self._title(place)} ends before it begins", "write [low, high]"
            )
        return Draw(word, values)

    def at(self, place: Place, message: str, remedy: str) -> ScenarioError:
        """An error at the value of ``place``, or at the nearest section around it that the file has."""
        return self._sources.error(self._nearest(place), message, remedy)

    def origin(self, place: Place) -> str:
        """The name of the file or argument that the value of ``place`` comes from."""
        return str(self._nearest(place).start_mark.name)

    def _nearest(self, place: Place) -> Node:
        while place not in self._places:
            place = place[:-1]
        return self._places[place]

    def _title(self, place: Place) -> str:
        words = [part for part in place if isinstance(part, str)]
        if not words:
            return self._whole_title
        return f'"{words[-1]}"' if isinstance(place[-1], str) else f'an element of "{words[-1]}"'
