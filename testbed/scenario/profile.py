"""How the density of tasks changes over time: a factor for each slot of a round that repeats."""

from itertools import pairwise

from testbed.scenario.schema import Profile, Scenario

CURVED = "curve"


def slot_factors(scenario: Scenario) -> tuple[float, ...]:
    """The factor of the density in each slot of one round; (1,) where it does not change.

    Steps hold until the next one; a curve goes straight from one factor to the next, at the beginnings of slots, and
    from the last one to the first. The profile must have been read from its file.
    """
    given = scenario.workload.profile
    if given is None:
        return (1.0,)
    slots = slots_of(given, scenario.slot_ns)
    found: list[float] = []
    for here, there in pairwise((*given.factors, given.factors[0])):
        found.extend(here + (there - here) * (n / slots if given.shape == CURVED else 0.0) for n in range(slots))
    return tuple(found)


def slots_of(profile: Profile, slot_ns: int) -> int:
    """For how many slots each factor holds."""
    return profile.every_ns // slot_ns


def totals(factors: tuple[float, ...]) -> tuple[float, ...]:
    """What the first k slots bring, for `testbed.model.arrivals.stretched`."""
    found = [0.0]
    for factor in factors:
        found.append(found[-1] + factor)
    return tuple(found)
