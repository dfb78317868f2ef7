"""How the density of tasks changes over time: a factor for each slot of a round that repeats."""

from itertools import pairwise

from testbed.scenario.schema import Profile, Scenario

CURVED = "curve"


def slot_factors(scenario: Scenario) -> tuple[float, ...]:
    """The factor of the density in each slot of one round; (1,) where it does not change.

    Steps hold until the next one; a curve goes straight from one factor to the next, at the beginnings of slots, and
    from the last one to the first. The profile must have been read from its file.
    """
    profile = scenario.workload.profile
    if profile is None:
        return (1.0,)
    slots = slots_of(profile, scenario.slot_ns)
    factors: list[float] = []
    for here, there in pairwise((*profile.factors, profile.factors[0])):
        factors.extend(here + (there - here) * (n / slots if profile.shape == CURVED else 0.0) for n in range(slots))
    return tuple(factors)


def slots_of(profile: Profile, slot_ns: int) -> int:
    """For how many slots each factor holds."""
    return profile.every_ns // slot_ns


def totals(factors: tuple[float, ...]) -> tuple[float, ...]:
    """What the first k slots bring, for `testbed.model.arrivals.stretched`."""
    sums = [0.0]
    for factor in factors:
        sums.append(sums[-1] + factor)
    return tuple(sums)
