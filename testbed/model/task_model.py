"""What tasks are like: how often they appear and what their values are drawn from, for whoever looks ahead."""

import msgspec

POISSON_ARRIVALS = "poisson"


class Law(msgspec.Struct, frozen=True):
    """A distribution of ``kind`` constant, uniform, choice, quantiles or per_bit, with its ``values`` in the unit of
    what is drawn: one; low and high; the choices; values evenly likely to lie between, ascending; cycles a bit."""

    kind: str
    values: tuple[float, ...]


class TaskModel(msgspec.Struct, frozen=True, kw_only=True):
    """The distribution of a workload, without any of its tasks.

    Every UE has a rate a slot in ``rates``, times the factor of the slot in ``factors``, which repeat. Its tasks are of
    one of the classes from its place in ``first_classes`` on, up to whose ``shares`` they are of it; a class has three
    ``laws``, of input bits, cycles and deadline.
    """

    arrivals: str
    rates: tuple[float, ...]
    factors: tuple[float, ...]
    laws: tuple[Law, ...]
    shares: tuple[float, ...]
    first_classes: tuple[int, ...]
