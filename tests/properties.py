"""How hard the property tests look: repeatably in `make test`; with seeds of chance, and more of them, in
`make properties`."""

import os

from hypothesis import settings

REPEATABLE, RANDOM = "repeatable", "random"
PROFILE = os.environ.get("HYPOTHESIS_PROFILE", REPEATABLE)
TIMES = 10 if PROFILE == RANDOM else 1
USUAL = 100


def examples(count: int) -> int:
    """How many examples a test tries that tries ``count`` in `make test`."""
    return count * TIMES


def load() -> None:
    """Take the profile that the environment names; what the random one finds is kept in .hypothesis and tried again."""
    settings.register_profile(REPEATABLE, deadline=None, derandomize=True, database=None)
    settings.register_profile(RANDOM, deadline=None, max_examples=examples(USUAL), print_blob=True)
    settings.load_profile(PROFILE)
