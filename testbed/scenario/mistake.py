"""A mistake in a scenario, as whoever finds it tells of it."""

import msgspec


class Mistake(msgspec.Struct, frozen=True):
    """What is wrong, where (path of keys and indices), and how to mend it."""

    place: tuple[str | int, ...]
    message: str
    remedy: str
