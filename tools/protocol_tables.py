"""Messages, limits and the session's states in Markdown, from the code itself."""

from collections import defaultdict
from typing import get_args

from testbed.model.human import KIB
from testbed.protocol.codec import MAX_HEADER, MAX_LONG_HEADER, MAX_PAYLOAD, PROTOCOL_VERSION
from testbed.protocol.messages import Body
from testbed.protocol.transitions import TRANSITIONS, Input, Output, State


def messages() -> str:
    """Every message with its fields and what it says."""
    rows = ["| message | fields | meaning |", "|---|---|---|"]
    for body in get_args(Body):
        fields = ", ".join(f"`{name}`" for name in body.__struct_fields__)
        rows.append(f"| `{body.__name__}` | {fields or '–'} | {' '.join((body.__doc__ or '').split())} |")
    return "\n".join(rows)


def limits() -> str:
    """The version and the sizes that the codec allows."""
    return (
        f"Protocol version {PROTOCOL_VERSION}. A frame may have {MAX_HEADER // KIB} KiB, one with telemetry or orders, "
        f"or about a whole slot or cell, {MAX_LONG_HEADER // KIB**2} MiB; payload travels in frames of its own, "
        f"{MAX_PAYLOAD // KIB**2} MiB at most. A message begins with the token of the run and has one or more header "
        "frames, each followed by its payload: what a process has for another at one moment travels together."
    )


def words(kind: type[State] | type[Input] | type[Output]) -> str:
    """The members of ``kind`` and what they mean."""
    return "\n".join(f"| {member.label} | {member.meaning} |" for member in kind)


def table() -> str:
    """States, inputs, outputs, and what follows what."""
    rows = [
        f"| {state.label} | {happened.label} | {then.state.label} | {', '.join(o.label for o in then.outputs) or '–'} |"
        for (state, happened), then in TRANSITIONS.items()
    ]
    return (
        f"| state | meaning |\n|---|---|\n{words(State)}\n\n| input | meaning |\n|---|---|\n{words(Input)}\n\n"
        f"| output | meaning |\n|---|---|\n{words(Output)}\n\n"
        "| state | input | next | outputs |\n|---|---|---|---|\n" + "\n".join(rows)
    )


def diagram() -> str:
    """The state diagram: one arrow from a state to another, with everything that leads there."""
    arrows: dict[tuple[str, str], list[str]] = defaultdict(list)
    for (state, happened), then in TRANSITIONS.items():
        if then.state is not state:
            arrows[state.label, then.state.label].append(happened.label)
    lines = [f"    {a} --> {b}: {', '.join(labels)}" for (a, b), labels in arrows.items()]
    return "```mermaid\nstateDiagram-v2\n    [*] --> closed\n" + "\n".join(lines) + "\n```"
