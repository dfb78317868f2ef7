"""The keys of a scenario file that say what tasks are like; see `testbed.scenario.schema`."""

from typing import Annotated

import msgspec

from testbed.scenario.fields import Draw, Number, Range, Sections, Variant, drawn
from testbed.scenario.kinds import CYCLES, DATA, PER_BIT, SOME_TIME, key

DRAWN_CYCLES = Variant(
    CYCLES, {"uniform": (CYCLES, 2), "choice": (CYCLES, 0), "quantiles": (CYCLES, 0), "per_bit": (PER_BIT, 1)}
)


class TaskClass(msgspec.Struct, frozen=True):
    """A class of tasks, ``weight`` times as frequent as one of weight 1; what it leaves out is as its section says."""

    weight: Annotated[float, Number(Range(0, 1e9, above=True))] = 1.0
    input_bits: Annotated[Draw | None, drawn(DATA)] = key("input", None)
    cycles: Annotated[Draw | None, DRAWN_CYCLES] = None
    deadline_ns: Annotated[Draw | None, drawn(SOME_TIME)] = key("deadline", None)


class TaskSection(msgspec.Struct, frozen=True):
    """What a generated task is like; cycles may be ``per_bit`` of its input. With ``classes`` it is of one of them."""

    input_bits: Annotated[Draw, drawn(DATA)] = key("input", Draw("uniform", (2_400_000, 4_000_000)))
    cycles: Annotated[Draw, DRAWN_CYCLES] = Draw("uniform", (500_000_000, 1_500_000_000))
    deadline_ns: Annotated[Draw, drawn(SOME_TIME)] = key("deadline", Draw("uniform", (1_000_000_000, 3_000_000_000)))
    classes: Annotated[tuple[TaskClass, ...], Sections(TaskClass)] = ()


class OwnTasks(msgspec.Struct, frozen=True):
    """What the tasks of some UEs have otherwise than those of all; what is left out is as there, classes too."""

    input_bits: Annotated[Draw | None, drawn(DATA)] = key("input", None)
    cycles: Annotated[Draw | None, DRAWN_CYCLES] = None
    deadline_ns: Annotated[Draw | None, drawn(SOME_TIME)] = key("deadline", None)
    classes: Annotated[tuple[TaskClass, ...] | None, Sections(TaskClass)] = None
